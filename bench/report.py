"""Turn results into tables, docs/benchmarks.md, and one page of HTML with plots.

``python -m bench.report [RESULTS]`` writes ``report.md`` and ``report.html`` next to a file of results, by
default that of the last complete run. It needs matplotlib, and goes on in the harness's environment of tools
where there is none.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench import curve, environment, figures, rivals
from bench.catalogue import TARGETS, Kind, Target
from bench.measure import NOISY, Row, Side
from bench.results import Results, load

BOLD, RED, GREEN, RESET = "\033[1m", "\033[31m", "\033[32m", "\033[0m"
# A row says so if Whipsnake's processes still became this much faster while they were measured.
STILL_WARMING = 0.05
# Reports count what is slower than this.
SLOWER = 0.98
# Ratios of equal sides: this part of them is so near to 1, and so is their geometric mean.
NOISE_PART, NOISE_RATIO, NOISE_MEAN = 0.95, 0.02, 0.005
# The kinds of benchmarks in the order of reports.
KINDS = {
    "pyperf": "pyperformance",
    "workload": "Workloads",
    "micro": "Micro-benchmarks",
    "startup": "Start-up",
}


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
    if target.kind is Kind.SLOWEST:  # there is no reason to leave any out
        mine = [row for row in rows if row.part.item.kind == "pyperf"]
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
        # Turn by turn, as ratios are: the machine has slow and fast minutes.
        more = median(jit - plain for both in row.rounds() for plain, jit in zip(*both, strict=False))
        return Outcome(target, *times(row), more * 1e3, note, complete)
    if target.kind is Kind.MEMORY:
        plain, jit = (median(row.of(side, lambda run: run.peak_kb)) for side in Side)
        return Outcome(target, f"{plain / 1024:.1f} MB", f"{jit / 1024:.1f} MB", jit / plain, note, complete)
    return Outcome(target, *times(row), ratio_of(row), note, complete)


@dataclass(frozen=True)
class Summary:
    """The figures of a group of benchmarks that say most."""

    title: str
    measured: int
    mean: float
    """Geometric mean of the ratios of items."""
    worst: str
    slower: int
    """Number of items whose ratio is less than SLOWER."""
    failed: int


def summaries(rows: Sequence[Row]) -> list[Summary]:
    """Return a summary of everything, and of each kind of benchmarks if there are several.

    Start-up is in milliseconds, not in ratios of interest, and counts nowhere but in its own line.
    """
    kinds = [kind for kind in KINDS if any(row.part.item.kind == kind for row in rows)]
    steady = [row for row in rows if row.part.item.kind != "startup"]
    groups = [("all", steady)] if len({row.part.item.kind for row in steady}) > 1 else []
    groups += [(KINDS[kind], [row for row in rows if row.part.item.kind == kind]) for kind in kinds]
    found = []
    for title, group in groups:
        group = [row for row in group if not row.absent]
        ratios = item_ratios(group)
        failed = sum(row.failure is not None for row in group)
        if not ratios:
            found.append(Summary(title, 0, math.nan, "-", 0, failed))
            continue
        last = min(ratios, key=ratios.__getitem__)
        slower = sum(ratio < SLOWER for ratio in ratios.values())
        worst = f"{last} {ratios[last]:.3f}"
        mean = figures.geometric_mean(list(ratios.values()))
        found.append(Summary(title, len(ratios), mean, worst, slower, failed))
    return found


def summary_lines(rows: Sequence[Row]) -> list[list[str]]:
    """Return the cells of the table of summaries, a heading first."""
    lines = [["", "benchmarks", "geometric mean", f"slower than {SLOWER}", "failed", "worst"]]
    for found in summaries(rows):
        mean = "-" if math.isnan(found.mean) else f"{found.mean:.3f}"
        lines.append(
            [found.title, str(found.measured), mean, str(found.slower), str(found.failed), found.worst]
        )
    return lines


def scatter(rows: Iterable[Row]) -> float | None:
    """Return how far log ratios stray in these rows, typically."""
    good = [row for row in rows if row.failure is None]
    return figures.typical_scatter(row.logs() for row in good)


def interval(row: Row, typical: float | None) -> tuple[float, float] | None:
    """Return the 95 % confidence interval of a row's ratio, given the scatter of all."""
    return figures.interval(ratio_of(row), row.logs(), typical)


def worst_first(rows: Iterable[Row]) -> list[Row]:
    """Return the rows in the order of reports: failures, then the slowest."""
    return sorted(rows, key=lambda row: (row.failure is None, row.ratio() or 0.0))


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


def target_lines(rows: Sequence[Row], pgo: bool, pgo_rows: Sequence[Row] = ()) -> list[list[str]]:
    """Return the cells of the table of targets, a heading first, with the PGO build's beside if it has rows."""
    builds = [(rows, pgo), *([(pgo_rows, True)] if pgo_rows else [])]
    columns = ["plain", "whipsnake", "figure", "target"]
    lines = [["work", *columns, *(f"PGO: {name}" for name in columns if pgo_rows), ""]]
    for target in TARGETS:
        found = [(outcome(target, each), pgo) for each, pgo in builds]
        if all(each is None for each, _ in found):
            continue
        cells, verdicts = [target.title], []
        for each, with_pgo in found:
            more, verdict = target_cells(target, each, with_pgo)
            cells += more
            verdicts.append(verdict)
        lines.append([*cells, " / ".join(verdicts)])
    return lines


def target_cells(target: Target, found: Outcome | None, pgo: bool) -> tuple[list[str], str]:
    """Return the cells of a target on one build, and the verdict."""
    least = "<=" if target.kind in (Kind.MILLISECONDS, Kind.MEMORY) else ">="
    limit = f"{least} {target.limit_for(pgo):.2f}"
    if found is None:
        return ["-", "-", "-", limit], "not run"
    mark = "FAILED" if found.value is None else "ok" if target.met(found.value, pgo) else "MISSED"
    figure = "-" if found.value is None else f"{found.value:.3f}"
    return [found.plain, found.whipsnake, figure, limit], f"{mark} {found.note}".rstrip()


def builds(results: Results) -> str:
    """Say which interpreters the columns of the table of targets are about."""
    kind = "with" if results.pgo else "without"
    text = f"The targets are those of a CPython {kind} profile-guided optimization"
    if results.pgo_rows:
        return f"{text}; PGO: of one with it ({results.pgo_build}), with the same build of Whipsnake."
    return f"{text}. No other build was measured{f': {results.pgo_build}' if results.pgo_build else ''}."


def row_lines(rows: Sequence[Row]) -> list[list[str]]:
    """Return the cells of the list of benchmarks, failures first, then the slowest first."""
    columns = (
        "plain whipsnake ratio interval first memory functions compile share code slow/s exits/s".split()
    )
    lines = [["benchmark", *columns, ""]]
    typical = scatter(rows)
    for row in worst_first(rows):
        if row.failure is not None:
            lines.append([row.part.name, *["-"] * len(columns), f"FAILED: {row.failure}"])
            continue
        notes = []
        if row.spread() > NOISY:
            notes.append(f"rounds disagree by {row.spread():.1%}")
        if row.warming() > STILL_WARMING:
            notes.append(f"still warming up: {row.warming():+.0%}")
        known = interval(row, typical)
        between = "-" if known is None else f"{known[0]:.3f}-{known[1]:.3f}"
        first = row.first_ratio()
        cells = [*times(row), f"{ratio_of(row):.3f}", between, "-" if first is None else f"{first:.3f}"]
        cells += [memory(row), *activity(row)]
        lines.append([row.part.name, *cells, "; ".join(notes)])
    return lines


def memory_ratio(row: Row) -> float | None:
    """Return Whipsnake's peak memory over the plain interpreter's; None where it was not measured."""
    plain, jit = (row.of(side, lambda run: run.peak_kb) for side in Side)
    return median(jit) / median(plain) if plain and jit and min(plain) > 0 else None


def memory(row: Row) -> str:
    """Format the quotient of both sides' peak memory."""
    quotient = memory_ratio(row)
    return "-" if quotient is None else f"{quotient:.2f}"


def activity(row: Row) -> tuple[str, ...]:
    """Return what Whipsnake did in the row's last process.

    Functions compiled, the time that took and its share of the process's, bytes of machine code at their
    most, and in one second of the benchmark's work, slow paths taken and exits to the interpreter.
    """
    jits = [run for run in row.runs if run.jit]
    if not jits:
        return ("-",) * 6
    run, stats = jits[-1], (jits[-1].jit or {})["stats"]
    compiling = stats["compile_ns"] / 1e9
    events = stats["slow_ops"], sum(stats["exits"].values())
    return (
        str(stats["functions_compiled"]),
        figures.human_seconds(compiling),
        f"{compiling / run.processor:.1%}" if run.processor else "-",
        figures.human_count(stats["code_bytes_peak"]),
        *(figures.human_count(number / run.elapsed) for number in events),
    )


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
    """Say how far the ratios of equal sides stray from 1, and whether that is little enough to be believed."""
    ratios = [ratio for row in rows if (ratio := row.ratio()) is not None]
    if not ratios:
        return "nothing was measured"
    strays = sorted(abs(ratio - 1) for ratio in ratios)
    within, mean = within_noise(ratios), figures.geometric_mean(ratios)
    met = "met" if credible(ratios) else "MISSED"
    return (
        f"NOISE: plain Python ran on both sides; {len(ratios)} ratios stray from 1 by {median(strays):.1%} "
        f"(median), {strays[int(len(strays) * 0.9)]:.1%} (nine of ten), {strays[-1]:.1%} (most)\n"
        f"criterion {met}: {within:.1%} of them are within 1 +- {NOISE_RATIO:g} (at least {NOISE_PART:.0%}), "
        f"their geometric mean is {mean:.4f} (within 1 +- {NOISE_MEAN:g})"
    )


def within_noise(ratios: Sequence[float]) -> float:
    """Return the part of ratios of equal sides that is near enough to 1."""
    return sum(abs(ratio - 1) <= NOISE_RATIO for ratio in ratios) / len(ratios)


def credible(ratios: Sequence[float]) -> bool:
    """Whether ratios of equal sides are as near to 1 as they must be for other ratios to be believed."""
    return within_noise(ratios) >= NOISE_PART and abs(figures.geometric_mean(ratios) - 1) <= NOISE_MEAN


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

<!-- Made by `python -m bench.report --markdown docs/benchmarks.md`, or by `make bench`; do not edit. -->

{facts}

```
{commands}
```

The first command measured this; the others are what it started for each side, once for every process.
What it measured is under [method](#method).

## Summary

{summary}
{failures}
## Targets

{targets}
{parts}
## Method

Ratios are times of the plain interpreter over times with Whipsnake: above 1 is faster. Times are processor time
for one unit of a benchmark's work, after a warm-up. A round is a fresh process of each side, both alive on one
processor core; they take turns of a few hundredths of a second, in the order ABBA; where turns scatter much,
there are up to three times as many. A benchmark's ratio is the median of those of neighbouring turns, over all
rounds, so what disturbs the machine hardly disturbs the ratio. Rounds differ because memory is laid out
differently in each process; there are more of them, up to six, until the standard error is 0.6 %, but none are
added to a benchmark that has had 20 seconds of the processor. Hash seed, locale and time zone are fixed. What a
benchmark returned and printed must be the same on both sides; one that failed, took too long or gave something
else is a row that says so, and the exit code is 1.

"interval" is the 95 % confidence interval of the ratio, from the scatter of the rounds' ratios; since two or
three rounds say little about it, the scatter that was typical of this run is mixed in (a moderated t
interval). "first" is the ratio of the first few hundredths of a second of work in a fresh process, in which
much is still interpreted and some is being compiled. "memory" is the quotient of peak resident memory, above 1
is more. The last columns are what `whipsnake.stats()` said in one process: functions compiled, the time that
took and its share of all the process did, start-up included, bytes of machine code, and, in each second of
work, operations that took their slow path and exits to the interpreter. The geometric mean counts every
benchmark once, those of several parts with the mean of their parts; start-up is not in it.

## To repeat it

```
make bench                                  # everything; writes this page
make bench QUICK=1                          # a cut, in some minutes; does not write this page
make bench ARGS='--only micro --quick'      # what there is of one kind
make bench ARGS='--no-curves --no-rivals'   # without warm-up, short runs, and other implementations
make bench ARGS='--pgo'                     # what has a target on a build with PGO, too
make bench-table                            # what has a target, on both builds, and which targets are missed
python -m bench --compare-with-itself       # the plain interpreter on both sides: how far chance goes
python -m bench.report                      # the last complete run as Markdown, and as HTML with plots
python -m bench.compare BEFORE AFTER        # two runs, with a verdict for each benchmark
python -m bench.where fib                   # where the time of one benchmark goes
```

All install what they need into the build directory. `--list` names the benchmarks, `--resume` goes on with a
run that was interrupted, `--rounds N`, `--timeout S`, `--core N` and `--sites` (where machine code took its
slow paths) are described by `--help`. Results are kept in the build directory, also as pyperf's JSON, one
file for each side, for `python -m pyperf compare_to plain.json whipsnake.json`.
"""

INTRODUCTIONS = {
    "pyperf": "Every benchmark of pyperformance that can be installed here.",
    "workload": "The files of `bench/workloads`: real packages on real input, and whole small programs.",
    "micro": "The files of `bench/micro`, one for each thing that Python programs do: `run(n)` does n units of work, "
    "inside\nfunctions, and returns a value that must be the same on both sides.",
    "startup": "Whole processes, in environments with nothing in them but, on one side, Whipsnake.",
}

RIVALS = """Each against its own plain interpreter, which the heading names, on what needs no packages: the ratio, of
one round, and the time of one unit of work. What a rival cannot run, or does with another result than its plain
interpreter, has no figure, and does not count in its mean. The environments are made by `bench/rivals.py`."""
SHORT_RUNS = """Processor time of whole processes, start-up and compiling included, plain / with Whipsnake,
that do as much as takes the plain interpreter so many seconds. One process of each side."""


def rival_lines(results: Results) -> list[list[str]]:
    """Return the cells of the table of rivals, a heading first."""
    good = [row for row in results.rows if row.failure is None]
    ours = {row.part.name: (ratio_of(row), median(row.of(Side.WHIPSNAKE))) for row in good}
    return rivals.lines(results.rivals, ours)


def page(results: Results) -> str:
    """Return the text of docs/benchmarks.md."""
    shown = [row for row in results.rows if not row.absent]
    missing = {row.part.name: row.failure for row in results.rows if row.absent}
    parts = []
    for kind, title in KINDS.items():
        rows = [row for row in shown if row.part.item.kind == kind]
        if rows:
            parts.append(f"## {title}\n\n{INTRODUCTIONS[kind]}\n\n{markdown(row_lines(rows))}\n")
    if others := [title for kind, title in KINDS.items() if all(row.part.item.kind != kind for row in shown)]:
        parts.append(f"Not in this run: {', '.join(others)}.\n")
    if missing:
        listed = "; ".join(f"{name} ({why})" for name, why in sorted(missing.items()))
        parts.append(f"Not run, because what they need cannot be installed here: {listed}.\n")
    if results.rivals:
        text = markdown(rival_lines(results))
        parts.append(f"## Rivals\n\n{RIVALS}\n\n{text}\n\n{rivals.missing(results.rivals)}\n")
    if results.curves:
        parts.append(f"## Short runs\n\n{SHORT_RUNS}\n\n{markdown(curve.lines(results.curves))}\n")
    failed = [f"- {row.part.name}: {row.failure}" for row in shown if row.failure is not None]
    return PAGE.format(
        facts=markdown([["", ""], *([name, str(value)] for name, value in results.facts.items())]),
        commands="\n".join(results.commands.values()),
        summary=markdown(summary_lines(shown)),
        failures="\nFailed:\n\n" + "\n".join(failed) + "\n" if failed else "",
        targets=f"{markdown(target_lines(shown, results.pgo, results.pgo_rows))}\n\n{builds(results)}",
        parts="\n" + "\n".join(parts),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Write the reports; 2 if there is nothing to report."""
    parser = argparse.ArgumentParser(prog="python -m bench.report", description="Report a run.")
    parser.add_argument(
        "results",
        type=Path,
        nargs="?",
        help="file or folder of results (default: the last run of everything)",
    )
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="default: report.md next to the results"
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="default: report.html next to the results")
    environment.add_build_option(parser)
    args = parser.parse_args(argv)
    try:
        if importlib.util.find_spec("matplotlib") is None:
            environment.go_on_with_tools(args.build, "bench.report", sys.argv[1:] if argv is None else argv)
        path = args.results or environment.newest(args.build, "results/results.json")
        found = load(path)
    except environment.SetupError as error:
        print(error, file=sys.stderr)
        return 2
    from bench import html_page

    folder = path if path.is_dir() else path.parent
    for file, text in (
        (args.markdown or folder / "report.md", page(found)),
        (args.html or folder / "report.html", html_page.html_page(found)),
    ):
        file.write_text(text, encoding="utf-8")
        print(file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
