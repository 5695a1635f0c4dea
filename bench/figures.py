"""Arithmetic over measured figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median, variance

# Quantiles of Student's t distribution at 97.5 % and 99.5 %, for 1, 2, ... degrees of freedom.
T_95 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
)
T_99 = (
    *(63.657, 9.925, 5.841, 4.604, 4.032, 3.707, 3.499, 3.355, 3.250, 3.169),
    *(3.106, 3.055, 3.012, 2.977, 2.947, 2.921, 2.898, 2.878, 2.861, 2.845),
)
# The scatter that is typical of a run counts as much as that of so many rounds more.
PRIOR = 4
LEAST_SCATTER = 0.001
# So few turns say nothing about their scatter.
FEW_TURNS = 4


def geometric_mean(ratios: Sequence[float]) -> float:
    """Return the geometric mean of at least one positive number."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def log_ratio(plain: Sequence[float], jit: Sequence[float]) -> float:
    """Return the logarithm of a round's ratio, given the figures of two processes that took turns.

    The median over neighbours: what disturbs the machine for longer than a turn disturbs both of them, and
    what disturbs it for less disturbs few.
    """
    return median(turn_logs(plain, jit))


def turn_logs(plain: Sequence[float], jit: Sequence[float]) -> list[float]:
    """Return the logarithm of the ratio of each turn."""
    return [math.log(a / b) for a, b in zip(plain, jit, strict=False)]


def turn_error(plain: Sequence[float], jit: Sequence[float]) -> float:
    """Return the standard error of a round's log_ratio(), as far as its turns tell; 0.0 for a few turns.

    That of a median, with the scatter taken from the median absolute deviation.
    """
    logs = turn_logs(plain, jit)
    if len(logs) < FEW_TURNS:
        return 0.0
    middle = median(logs)
    scatter = 1.4826 * median(abs(each - middle) for each in logs)
    return math.sqrt(math.pi / 2 / len(logs)) * scatter


def ratio(rounds: Iterable[tuple[Sequence[float], Sequence[float]]]) -> float:
    """Return the ratio that rounds have found; above 1 the second side is faster.

    The median over the turns of all of them: of six rounds of two turns, two that were disturbed would move a
    mean of the rounds by several parts of a hundred.
    """
    return math.exp(median(log for both in rounds for log in turn_logs(*both)))


def spread(logs: Sequence[float]) -> float:
    """Return how far the ratio of single rounds strays: half the range, as a part of their mean."""
    return (math.exp(max(logs)) - math.exp(min(logs))) / 2 / math.exp(sum(logs) / len(logs))


def standard_error(logs: Sequence[float]) -> float:
    """Return the standard error of the mean of what rounds have found; infinite for one round."""
    return math.sqrt(variance(logs) / len(logs)) if len(logs) > 1 else math.inf


def typical_scatter(benchmarks: Iterable[Sequence[float]]) -> float | None:
    """Return the standard deviation of a typical benchmark's log ratios; None without two rounds of any.

    The median over benchmarks, so that a few disturbed ones do not matter; each corrected for the median of
    the chi-squared distribution being less than its mean (Wilson and Hilferty).
    """
    corrected = [
        variance(logs) / (1 - 2 / (9 * (len(logs) - 1))) ** 3 for logs in benchmarks if len(logs) > 1
    ]
    return max(math.sqrt(median(corrected)), LEAST_SCATTER) if corrected else None


def error_of(logs: Sequence[float], typical: float | None) -> tuple[float, int] | None:
    """Return standard error and degrees of freedom of the mean of log ratios; None if nothing is known.

    Two or three rounds say little of their own scatter, so that which is typical of the run is mixed in: a
    moderated t statistic, as it is in use for few repetitions of many measurements.
    """
    own = len(logs) - 1
    if typical is None:
        return (math.sqrt(variance(logs) / len(logs)), own) if own > 0 else None
    mixed = PRIOR * typical**2 + (own * variance(logs) if own > 0 else 0.0)
    freedom = PRIOR + max(own, 0)
    return math.sqrt(mixed / freedom / len(logs)), freedom


def quantile(table: Sequence[float], freedom: float) -> float:
    """Return the quantile for so many degrees of freedom, rounded down; beyond the table its last."""
    return table[max(1, min(int(freedom), len(table))) - 1]


def interval(middle: float, logs: Sequence[float], typical: float | None) -> tuple[float, float] | None:
    """Return the 95 % confidence interval of a ratio; None if nothing is known of the scatter.

    Given the ratio and the logarithms of those that single rounds found.
    """
    error = error_of(logs, typical)
    if error is None:
        return None
    factor = math.exp(error[0] * quantile(T_95, error[1]))
    return middle / factor, middle * factor


def warming(values: Sequence[float]) -> float:
    """Return how much faster the second half of one process's figures is than the first, as a part.

    Near 0 where the steady state was reached; 0.0 if there are fewer than four figures.
    """
    half = len(values) // 2
    if half < 2:
        return 0.0
    return median(values[:half]) / median(values[half:]) - 1


def amount(seconds: float, target_seconds: float, least: int, most: int) -> int:
    """Return how many values of so many seconds fill a time, within limits."""
    return max(least, min(most, math.ceil(target_seconds / max(seconds, 1e-9))))


def human_count(number: float) -> str:
    """Format a number of events in few characters."""
    for factor, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= factor:
            return f"{number / factor:.3g}{unit}"
    return f"{number:.0f}"


def human_seconds(seconds: float) -> str:
    """Format a time with a unit that suits it."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1:
            value = seconds * factor
            return f"{value:.3g} {unit}" if value < 1000 else f"{value:.0f} {unit}"
    return f"{seconds * 1e9:.3g} ns"
