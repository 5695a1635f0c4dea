"""Turn measured rows into the table of targets, the list of benchmarks, JSON, and docs/benchmarks.md."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench import figures
from bench.catalogue import TARGETS, Kind, Target
from bench.measure import NOISY, Row, Side

BOLD, RED, GREEN, RESET = "\033[1m", "\033[31m", "\033[32m", "\033[0m"
# A row says so if Whipsnake's processes still became this much faster while they were measured.
STILL_WARMING = 0.05


def colour(text: str, code: str) -> str:
    """Colour a text where a person reads it."""
    return f"{code}{text}{RESET}" if sys.stdout.isatty() and "NO_COLOR" not in os.environ else text


@dataclass(frozen=True)
class Outcome:
    """What became of a target."""

    target: Target
    plain: str
    whipsnake: str
    value: float | None
    """The figure to compare; None if nothing could be measured."""
    note: str
    """What failed or is missing, or which benchmark decides."""
    complete: bool
    """Whether all benchmarks of the target have a figure."""


def outcome(target: Target, rows: Sequence[Row]) -> Outcome | None:
    """Return what became of a target; None if none of its benchmarks was to be run."""
    mine = [row for row in rows if row.part.item.name in target.items]
    if not mine:
        return None
    failed = [row.part.name for row in mine if row.failure is not None]
    good = [row for row in mine if row.failure is None]
    note = f"FAILED: {', '.join(failed)}" if failed else ""
    missing = len(set(target.items) - {row.part.item.name for row in mine})
    if missing:
        note = f"{missing} of {len(target.items)} items not run; {note}".rstrip("; ")
    complete = not failed and not missing
    if not good:
        return Outcome(target, "-", "-", None, note, complete)
    if target.kind is Kind.MEAN:
        ratios = item_ratios(good)
        return Outcome(
            target, "", f"{len(ratios)} items", figures.geometric_mean(list(ratios.values())), note, complete
        )
    if target.kind is Kind.SLOWEST:
        last = min(good, key=ratio_of)
        return Outcome(target, *times(last), ratio_of(last), f"{last.part.name} {note}".rstrip(), complete)
    [row] = good
    if target.kind is Kind.MILLISECONDS:
        plain, jit = (median(row.of(side)) for side in Side)
        return Outcome(target, *times(row), (jit - plain) * 1e3, note, complete)
    if target.kind is Kind.MEMORY:
        plain, jit = (median(row.of(side, lambda run: run.peak_kb)) for side in Side)
        return Outcome(target, f"{plain / 1024:.1f} MB", f"{jit / 1024:.1f} MB", jit / plain, note, complete)
    return Outcome(target, *times(row), ratio_of(row), note, complete)


def ratio_of(row: Row) -> float:
    """Return the ratio of a row that has one."""
    ratio = row.ratio()
    assert ratio is not None, row.part.name
    return ratio


def item_ratios(rows: Sequence[Row]) -> dict[str, float]:
    """Return the ratio of every item: the geometric mean of its parts that did not fail."""
    parts: dict[str, list[float]] = {}
    for row in rows:
        if (ratio := row.ratio()) is not None:
            parts.setdefault(row.part.item.name, []).append(ratio)
    return {name: figures.geometric_mean(ratios) for name, ratios in parts.items()}


def times(row: Row) -> tuple[str, str]:
    """Return the medians of both sides."""
    plain, jit = (figures.human_seconds(median(row.of(side))) for side in Side)
    return plain, jit


def target_lines(rows: Sequence[Row], pgo: bool) -> list[list[str]]:
    """Return the cells of the table of targets, a heading first."""
    lines = [["work", "plain", "whipsnake", "figure", "target", ""]]
    for target in TARGETS:
        found = outcome(target, rows)
        if found is None:
            continue
        least = "<=" if target.kind in (Kind.MILLISECONDS, Kind.MEMORY) else ">="
        mark = "FAILED" if found.value is None else "ok" if target.met(found.value, pgo) else "MISSED"
        figure = "-" if found.value is None else f"{found.value:.3f}"
        limit = f"{least} {target.limit_for(pgo):.2f}"
        verdict = f"{mark} {found.note}".rstrip()
        lines.append([target.title, found.plain, found.whipsnake, figure, limit, verdict])
    return lines


def row_lines(rows: Sequence[Row]) -> list[list[str]]:
    """Return the cells of the list of benchmarks, failures first, then the slowest first."""
    lines = [["benchmark", "plain", "whipsnake", "ratio", "+-", "functions", "slow/s", "exits/s", ""]]
    order = sorted(rows, key=lambda row: (row.failure is None, row.ratio() or 0.0))
    for row in order:
        if row.failure is not None:
            lines.append([row.part.name, *["-"] * 7, f"FAILED: {row.failure}"])
            continue
        notes = []
        if row.spread() > NOISY:
            notes.append(f"noisy; fastest processes: {row.best_ratio():.3f}")
        if row.warming() > STILL_WARMING:
            notes.append(f"still warming up: {row.warming():+.0%}")
        ratio = f"{ratio_of(row):.3f}"
        lines.append(
            [row.part.name, *times(row), ratio, f"{row.spread():.1%}", *activity(row), "; ".join(notes)]
        )
    return lines


def activity(row: Row) -> tuple[str, str, str]:
    """Return what Whipsnake did in the row's last process: functions compiled, and in one second of the
    benchmark's work, slow paths taken and exits to the interpreter."""
    jits = [run for run in row.runs if run.jit]
    if not jits:
        return "-", "-", "-"
    run, stats = jits[-1], (jits[-1].jit or {})["stats"]
    slow, exits = stats["slow_ops"] / run.elapsed, sum(stats["exits"].values()) / run.elapsed
    return str(stats["functions_compiled"]), figures.human_count(slow), figures.human_count(exits)


def align(lines: Sequence[Sequence[str]]) -> str:
    """Lay out cells in columns: the first and the last to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = []
    for number, cells in enumerate(lines):
        padded = [f"{cells[0]:<{widths[0]}}"]
        padded += [f"{cell:>{width}}" for cell, width in zip(cells[1:-1], widths[1:-1], strict=True)]
        line = "  ".join([*padded, cells[-1]]).rstrip()
        if number == 0:
            line = colour(line, BOLD)
        elif "MISSED" in cells[-1] or "FAILED" in cells[-1]:
            line = colour(line, RED)
        text.append(line)
    text.insert(1, "-" * (sum(widths[:-1]) + 2 * len(widths)))
    return "\n".join(text)


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """Lay out cells as a Markdown table."""
    rows = ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in lines]
    rows.insert(1, "|" + "---|" * len(lines[0]))
    return "\n".join(rows)


def noise_summary(rows: Sequence[Row]) -> str:
    """Say how far the ratios of equal sides stray from 1."""
    ratios = [ratio for row in rows if (ratio := row.ratio()) is not None]
    if not ratios:
        return "nothing was measured"
    strays = sorted(abs(ratio - 1) for ratio in ratios)
    return (
        f"NOISE: plain Python ran on both sides; {len(ratios)} ratios stray from 1 by {median(strays):.1%} "
        f"(median), {strays[int(len(strays) * 0.9)]:.1%} (nine of ten), {strays[-1]:.1%} (most); "
        f"their geometric mean is {figures.geometric_mean(ratios):.3f}"
    )


def hot_sites(rows: Sequence[Row]) -> str:
    """List where machine code took slow paths or was left most often, for each benchmark."""
    text = []
    for row in rows:
        jits = [run.jit for run in row.runs if run.jit]
        if jits:
            text.append(f"-- {row.part.name}")
            text += [f"   {' '.join(map(str, site))}" for site in jits[-1]["hot_sites"]]
    return "\n".join(text)


def target_figures(rows: Sequence[Row], pgo: bool) -> list[dict[str, Any]]:
    """Return what became of the targets, for machines."""
    figures = []
    for target in TARGETS:
        found = outcome(target, rows)
        if found is not None:
            met = found.value is not None and target.met(found.value, pgo)
            limit = target.limit_for(pgo)
            figures.append({"title": target.title, "value": found.value, "limit": limit, "met": met})
    return figures


PAGE = """# Benchmarks

<!-- Made by `make bench`; do not edit. -->

`make bench-table` measures what has a target, in half an hour (`--quick`: ten minutes), and prints these
tables; `make bench` measures everything and writes this page. Both install what they need into the build
directory. Options go into `ARGS`: `--only NAME`, `--rounds N`, `--json FILE`, `--resume`, `--sites` (where
machine code took its slow paths), `--noise` (the plain interpreter on both sides), `--list`.

Ratios are times of the plain interpreter over times with Whipsnake: above 1 is faster. Times are processor
time for one unit of a benchmark's work, after a warm-up, the median of several fresh processes; both sides
took turns. "+-" is half the range of the ratios of single rounds; where rounds disagreed there are twice as
many. The last columns are what `whipsnake.stats()` said in one process: functions compiled, and, in each
second of work, operations that took their slow path and exits to the interpreter.

```
{command}
```

{facts}

## Targets

{targets}

## pyperformance

{pyperf}

## Micro-benchmarks

The files of `bench/micro`, one for each thing that Python programs do: `run(n)` does n units of work, inside
functions, and returns a value that must be the same on both sides.

{micro}
"""


def page(rows: Sequence[Row], command: str, facts: dict[str, Any], pgo: bool, absent: dict[str, str]) -> str:
    """Return the text of docs/benchmarks.md."""

    def part(kind: str) -> str:
        return markdown(row_lines([row for row in rows if row.part.item.kind == kind]))

    pyperf = part("pyperf")
    if absent:
        listed = "; ".join(f"{name} ({why})" for name, why in sorted(absent.items()))
        pyperf += f"\n\nNot run, because what they need cannot be installed here: {listed}."
    return PAGE.format(
        command=command,
        facts=markdown([["", ""], *([name, str(value)] for name, value in facts.items())]),
        targets=markdown(target_lines(rows, pgo)),
        pyperf=pyperf,
        micro=part("micro"),
    )
