"""Show the demo's progress, its table and its verdict."""

from __future__ import annotations

import math
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from demo.measure import Row, Run, Side

HEADINGS = (
    "program", "plain s", "whipsnake s", "ratio", "work ratio", "output", "functions", "compile ms",
    "plain MB", "whipsnake MB", "",
)  # fmt: skip
BOLD, RED, GREEN, RESET = "\033[1m", "\033[31m", "\033[32m", "\033[0m"


def colour(text: str, code: str) -> str:
    """Colour a text where a person reads it."""
    return f"{code}{text}{RESET}" if sys.stdout.isatty() and "NO_COLOR" not in os.environ else text


class Progress:
    """Says what is running; as a bar where rich is installed and a terminal reads it, else in lines."""

    def __init__(self, bar: Any = None) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=None) if bar else None

    def begin(self, name: str, runs: int, number: int, total: int) -> Callable[[], None]:
        """Announce a program; returns what to call after each of its runs."""
        title = f"[{number}/{total}] {name}"
        if self._bar is None:
            print(f"{title:<36}", end="" if sys.stdout.isatty() else " ", flush=True)
            return lambda: None
        self._bar.reset(self._task, total=runs, description=title)
        self._bar.refresh()

        def tick() -> None:
            self._bar.advance(self._task)
            self._bar.refresh()

        return tick

    def end(self, row: Row) -> None:
        """Tell a program's result in one line."""
        if row.failure is None:
            times = [f"{_number(row.median(side, lambda run: run.seconds), '.3f')} s" for side in Side]
            result = f"plain {times[0]}, whipsnake {times[1]}, ratio {_number(row.ratio(), '.3f')}"
        else:
            result = f"FAILED: {row.failure.splitlines()[0]}"
        if self._bar is None:
            print(result, flush=True)
        else:
            self._bar.console.print(f"{row.program.name:<28} {result}", highlight=False, markup=False)


@contextmanager
def progress() -> Iterator[Progress]:
    """Give a progress display for this output."""
    if not sys.stdout.isatty():
        yield Progress()
        return
    try:
        from rich import progress as bars  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        yield Progress()
        return
    columns = (bars.TextColumn("{task.description:<36}"), bars.BarColumn(), bars.MofNCompleteColumn())
    # No refreshing thread: nothing of ours may run while a program is measured.
    with bars.Progress(*columns, bars.TimeElapsedColumn(), auto_refresh=False, transient=True) as bar:
        yield Progress(bar)


def geometric_mean(rows: Sequence[Row], value: Callable[[Run], float | None] | None = None) -> float | None:
    """Return the geometric mean of the ratios of the rows that have one."""
    ratios = [ratio for row in rows if (ratio := row.ratio(value) if value else row.ratio())]
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else None


def slowest(rows: Sequence[Row]) -> Row | None:
    """Return the row with the smallest ratio."""
    return min((row for row in rows if row.ratio()), key=lambda row: row.ratio() or 0.0, default=None)


def table(rows: Sequence[Row], noise: bool) -> str:
    """Return the table as text."""
    last = slowest(rows)
    lines = [list(HEADINGS)]
    for row in rows:
        compile_ns = row.stat("compile_ns")
        peaks = [row.median(side, lambda run: run.peak_kb / 1024) for side in Side]
        lines.append(
            [
                row.program.name,
                *(_number(row.median(side, lambda run: run.seconds), ".3f") for side in Side),
                _number(row.ratio(), ".3f"),
                _number(row.ratio(lambda run: run.work_seconds), ".3f"),
                "equal" if row.failure is None else "FAILED",
                _number(row.stat("functions_compiled"), ".0f"),
                _number(None if compile_ns is None else compile_ns / 1e6, ".1f"),
                *(_number(peak, ".1f") for peak in peaks),
                "<- slowest" if row is last and len(rows) > 1 else "",
            ]
        )
    mean, work_mean = geometric_mean(rows), geometric_mean(rows, lambda run: run.work_seconds)
    lines.append(["geometric mean", "", "", _number(mean, ".3f"), _number(work_mean, ".3f"), *[""] * 6])
    text = _align(lines)
    text += (
        "\nTimes and memory: median of whole processes, start-up included; work: the part after the imports."
    )
    text += "\nRatio: plain / whipsnake, above 1 is faster."
    return text + ("\nNOISE: plain Python ran on both sides." if noise else "")


def _align(lines: list[list[str]]) -> str:
    """Lay out cells in columns: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = []
    for number, cells in enumerate(lines):
        padded = [f"{cells[0]:<{widths[0]}}"]
        padded += [f"{cell:>{width}}" for cell, width in zip(cells[1:], widths[1:], strict=True)]
        line = "  ".join(padded).rstrip()
        text.append(colour(line, BOLD) if number in (0, len(lines) - 1) else line)
    rule = "-" * (sum(widths) + 2 * len(widths) - 2)
    return "\n".join([text[0], rule, *text[1:-1], rule, text[-1]])


def _number(value: float | None, style: str) -> str:
    """Format a figure that may be missing."""
    return "-" if value is None else format(value, style)


def as_json(rows: Sequence[Row], left_out: Sequence[str], rounds: int, engine: str) -> dict[str, Any]:
    """Return everything that was measured, for machines."""
    return {
        "python": platform.python_version(),
        "compiler": platform.python_compiler(),
        "machine": platform.machine(),
        "engine": engine,
        "rounds": rounds,
        "geometric_mean": geometric_mean(rows),
        "left_out": list(left_out),
        "programs": [
            {
                "name": row.program.name,
                "ratio": row.ratio(),
                "work_ratio": row.ratio(lambda run: run.work_seconds),
                "failure": row.failure,
                "runs": [asdict(run) | {"side": run.side.value} for run in row.runs],
            }
            for row in rows
        ],
    }
