"""Arithmetic over measured figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median


def geometric_mean(ratios: Sequence[float]) -> float:
    """Return the geometric mean of at least one positive number."""
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def ratio(plain: Sequence[float], jit: Sequence[float]) -> float:
    """Return median over median, given one figure of each process; above 1 the second side is faster."""
    return median(plain) / median(jit)


def spread(plain: Sequence[float], jit: Sequence[float]) -> float:
    """Return how far the ratio of single rounds strays: half the range, as a part of the ratio."""
    ratios = [a / b for a, b in zip(plain, jit, strict=False)]
    return (max(ratios) - min(ratios)) / 2 / ratio(plain, jit)


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
