"""Compare two runs, of two commits for instance: ``python -m bench.compare BEFORE AFTER``.

BEFORE and AFTER are files or folders of results (``results.json``). What is compared are ratios, plain over
Whipsnake, each taken in its own run: so the state of the machine on the two days counts for little. A
benchmark is faster or slower if the 99 % confidence interval of the quotient of both ratios does not hold 1
and the quotient is off by at least ``--least`` percent; otherwise it is the same as far as one can see.

The exit code is 1 if a benchmark became slower, or fails that did not.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import figures, report
from bench.environment import SetupError
from bench.measure import Row
from bench.results import Results, load

# An interval that reaches further than this to either side could hide a change that matters.
WIDE = 0.05
# Facts that should be the same in both runs.
SAME_FACTS = ("python", "libpython", "model name", "kernel", "environment")


@dataclass(frozen=True)
class Verdict:
    """What became of one benchmark."""

    name: str
    word: str
    """``slower``, ``failed``, ``faster`` or ``same``"""
    before: float = math.nan
    after: float = math.nan
    low: float = math.nan
    high: float = math.nan
    note: str = ""

    @property
    def change(self) -> float:
        """After over before: above 1 is faster."""
        return self.after / self.before

    @property
    def bad(self) -> bool:
        """Whether the exit code shows it."""
        return self.word in ("slower", "failed")


def judge(
    before: Row, after: Row, scatters: tuple[float | None, float | None], least: float
) -> Verdict | None:
    """Return the verdict on one benchmark, given the typical scatter of both runs; None if it failed before.

    Welch's interval: the errors of both runs together, with as many degrees of freedom as they have.
    """
    name = after.part.name
    if before.failure is not None:
        return None
    if after.failure is not None:
        return Verdict(name, "failed", note=after.failure)
    old, new = report.ratio_of(before), report.ratio_of(after)
    errors = [
        figures.error_of(row.logs(), scatter) for row, scatter in zip((before, after), scatters, strict=True)
    ]
    known = [error for error in errors if error is not None]
    if len(known) < 2:
        return Verdict(name, "same", old, new, note="one round alone decides nothing")
    variances = [error * error for error, _ in known]
    total = sum(variances)
    weights = sum(error**4 / degrees for error, degrees in known)
    freedom = total**2 / weights if weights else 1.0
    reach = math.exp(math.sqrt(total) * figures.quantile(figures.T_99, freedom))
    change = new / old
    word = "same"
    if abs(math.log(change)) >= math.log1p(least):
        word = "slower" if change * reach < 1 else "faster" if change / reach > 1 else word
    note = "noisy" if word == "same" and reach - 1 > WIDE else ""
    return Verdict(name, word, old, new, change / reach, change * reach, note)


def compare(before: Results, after: Results, least: float) -> list[Verdict]:
    """Return a verdict on each benchmark that both runs have, the worst first."""
    earlier = {row.part.name: row for row in before.rows}
    scatters = report.scatter(before.rows), report.scatter(after.rows)
    pairs = [(earlier[row.part.name], row) for row in after.rows if row.part.name in earlier]
    found = [verdict for pair in pairs if (verdict := judge(*pair, scatters, least)) is not None]
    order = ("failed", "slower", "same", "faster")
    return sorted(
        found, key=lambda verdict: (order.index(verdict.word), verdict.change if verdict.after > 0 else 0.0)
    )


def remarks(before: Results, after: Results) -> list[str]:
    """Say what makes the two runs less comparable, and what only one of them has."""
    found = []
    for fact in SAME_FACTS:
        old, new = before.facts.get(fact), after.facts.get(fact)
        if old != new:
            found.append(f"another {fact}: {old} before, {new} after")
    names = [{row.part.name for row in run.rows if not row.absent} for run in (before, after)]
    for title, only in (("before", names[0] - names[1]), ("after", names[1] - names[0])):
        if only:
            found.append(f"only {title}: {', '.join(sorted(only))}")
    failed = sorted(row.part.name for row in before.rows if row.failure is not None and not row.absent)
    if failed:
        found.append(f"failed before, and not compared: {', '.join(failed)}")
    return found


def lines(verdicts: Sequence[Verdict]) -> list[list[str]]:
    """Return the cells of the table, a heading first."""
    rows = [["benchmark", "before", "after", "change", "99 % interval", "verdict"]]
    for found in verdicts:
        if math.isnan(found.after):
            rows.append([found.name, "-", "-", "-", "-", f"FAILED: {found.note}"])
            continue
        between = "-" if math.isnan(found.low) else f"{found.low:.3f}-{found.high:.3f}"
        ratios = f"{found.before:.3f}", f"{found.after:.3f}"
        change = f"{found.change - 1:+.1%}"
        rows.append([found.name, *ratios, change, between, f"{found.word} {found.note}".rstrip()])
    return rows


def summary(verdicts: Sequence[Verdict]) -> str:
    """Return the counts of all verdicts, and the geometric mean of the changes."""
    counts = ", ".join(
        f"{sum(found.word == word for found in verdicts)} {word}"
        for word in ("slower", "failed", "same", "faster")
    )
    changes = [found.change for found in verdicts if not math.isnan(found.after)]
    mean = f"; geometric mean of the changes {figures.geometric_mean(changes):.3f}" if changes else ""
    return f"{counts}{mean}"


def main(argv: Sequence[str] | None = None) -> int:
    """Compare and print; 1 if something is slower or fails, 2 if there is nothing to compare."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description="Compare two runs.")
    parser.add_argument("before", type=Path, help="file or folder of results")
    parser.add_argument("after", type=Path, help="file or folder of results")
    parser.add_argument(
        "--least", type=float, default=2.0, metavar="PERCENT", help="smaller changes are none (default 2)"
    )
    args = parser.parse_args(argv)
    try:
        before, after = load(args.before), load(args.after)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 2
    verdicts = compare(before, after, args.least / 100)
    for remark in remarks(before, after):
        print(remark)
    if not verdicts:
        print("no benchmark is in both", file=sys.stderr)
        return 2
    print(report.align(lines(verdicts)))
    print(f"\n{summary(verdicts)}")
    return int(any(found.bad for found in verdicts))


if __name__ == "__main__":
    sys.exit(main())
