"""Both sides of suites of tests, compared test case by test case, and what is said about it.

A suite that differs is run again, both sides, before it counts: tests have their own bad days. Then objects lie
elsewhere in memory, for a test whose result depends on that has a bad day each time: CPython's test_tracemalloc
looks at whichever trace comes second in the order of addresses.
"""

from __future__ import annotations

import platform
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.conformance.runner import TIMED_OUT, Outcome, Suite, fingerprint, load, run_suite, store

#: By mode: calls of a function, and back edges of a loop, before it is compiled.
THRESHOLDS = {"everything": ("0", "0"), "middle": ("20", "50"), "default": ("auto", "auto")}

PLAIN_TIMEOUT = 900.0
RETRIES = 2
SHIFT = 700
"""Bytes by which the environment is longer at each retry."""


def switches(mode: str, entry: str) -> dict[str, str]:
    """The environment that switches Whipsnake on in every process of a run."""
    if mode == "off":
        return {"WHIPSNAKE": "off"}
    if (mode, entry) == ("default", "vectorcall"):
        return {"WHIPSNAKE": "baseline"}  # and no word more: that it starts late
    calls, back_edges = THRESHOLDS[mode]
    return {
        "WHIPSNAKE": "baseline",
        "WHIPSNAKE_ENTRY": entry,
        "WHIPSNAKE_THRESHOLD": calls,
        "WHIPSNAKE_LOOP_THRESHOLD": back_edges,
    }


@dataclass(frozen=True)
class Compared:
    """Both sides of a suite, and the test cases that came out differently each time they were run."""

    suite: str
    plain: Outcome
    ours: Outcome
    different: dict[str, tuple[str, str]]
    """Test case -> (plain, ours); "missing" where one side did not get there."""
    unsteady: int
    """Test cases that differed at first, and were the same in a later run."""
    nothing_compiled: bool


class Runs:
    """Runs suites on both sides, keeping results in *base* so that an interrupted run can go on."""

    def __init__(self, base: Path, side: str, environ: dict[str, str], fresh: bool) -> None:
        self.environ = environ
        self.plain = base / "plain"
        self.kept = base / f"{side}-{fingerprint()}"  # of runs that have not come to their end
        self.logs = base / side
        self.compared: list[str] = []
        if fresh:
            shutil.rmtree(self.plain, ignore_errors=True)
            shutil.rmtree(self.kept, ignore_errors=True)
        for other in base.glob(f"{side}-*"):
            if other != self.kept:
                shutil.rmtree(other)

    def compare(self, suite: Suite) -> Compared:
        """Run *suite* on both sides; where they differ, again."""
        plain = load(self.plain / suite.file_name) or self.run_plain(suite)
        self.compared.append(suite.file_name)
        path = self.kept / suite.file_name
        ours = load(path)
        if ours is None:
            ours = self.run_ours(suite, plain)
            store(path, ours)
        different = first = differences(plain, ours)
        for retry in range(1, RETRIES + 1):
            if not different or ours.status == TIMED_OUT:
                break
            plain = self.run_plain(suite, retry)
            ours = self.run_ours(suite, plain, retry)
            different = {name: pair for name, pair in differences(plain, ours).items() if name in different}
        # With thresholds of its own, Whipsnake may find nothing that is worth it in a short suite.
        counted = self.environ.get("WHIPSNAKE_THRESHOLD", "auto") != "auto"
        idle = counted and ours.ended and ours.compiled == 0 and bool(plain.cases)
        return Compared(suite.name, plain, ours, different, len(first) - len(different), idle)

    def run_plain(self, suite: Suite, retry: int = 0) -> Outcome:
        environ = {"WHIPSNAKE": "off", **shifted(retry)}
        outcome = run_suite(suite, environ, self.plain / suite.name, PLAIN_TIMEOUT)
        store(self.plain / suite.file_name, outcome)
        return outcome

    def run_ours(self, suite: Suite, plain: Outcome, retry: int = 0) -> Outcome:
        environ = self.environ | shifted(retry)
        return run_suite(suite, environ, self.logs / suite.name, 120 + 6 * plain.seconds)

    def finish(self) -> None:
        """The run came to its end: the next one starts over, but for what others left behind."""
        for name in self.compared:
            (self.kept / name).unlink(missing_ok=True)


def shifted(retry: int) -> dict[str, str]:
    """What moves everything in memory; nothing for the first run."""
    return {"RETRY": "x" * (SHIFT * retry)} if retry else {}


def differences(plain: Outcome, ours: Outcome) -> dict[str, tuple[str, str]]:
    """Test cases that came out differently."""
    pairs = {
        name: (plain.cases.get(name, "missing"), ours.cases.get(name, "missing"))
        for name in sorted(plain.cases.keys() | ours.cases.keys())
    }
    different = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    if ours.ended != plain.ended:
        different["(process)"] = (ending(plain), ending(ours))
    return different


def ending(outcome: Outcome) -> str:
    """How a process came to its end."""
    if outcome.status == TIMED_OUT:
        return "took too long"
    return f"died of signal {-outcome.status}" if outcome.status < 0 else f"exit code {outcome.status}"


def expectations(file: Path, side: str, covers: Callable[[str], bool]) -> dict[str, str]:
    """Rows of *file* for this interpreter, kind of run, and the test cases run: test case -> reason."""
    version = ".".join(platform.python_version_tuple()[:2])
    rows = tomllib.loads(file.read_text(encoding="utf-8")).get("expect", [])
    return {
        test: row["reason"]
        for row in rows
        if row["python"] == version and row["mode"] in ("*", side, side.partition("-")[0])
        for test in row["tests"]
        if covers(test)
    }


@dataclass
class Total:
    """What all suites came to."""

    cases: int = 0
    failures: int = 0
    unsteady: int = 0
    used: set[str] = field(default_factory=set)

    def add(self, result: Compared, expected: dict[str, str]) -> None:
        self.cases += len(result.plain.cases)
        self.used |= result.different.keys() & expected.keys()
        self.failures += len(result.different.keys() - expected.keys()) + result.nothing_compiled
        self.unsteady += result.unsteady

    def verdict(self, expected: dict[str, str], title: str = "") -> bool:
        """Print what it came to, after *title*, and whether that is as *expected*: the return value."""
        for name in sorted(expected.keys() - self.used):
            print(f"expected to differ, but does not: {name} ({expected[name]})")
        passed = not self.failures and expected.keys() == self.used
        unsteady = f", {self.unsteady} differed only once" if self.unsteady else ""
        counts = f"{self.failures} unexplained differences, {len(self.used)} explained{unsteady}"
        print(f"{title}{self.cases} test cases, {counts}: {'passed' if passed else 'FAILED'}")
        return passed


def header(title: str) -> str:
    """Above the lines of :func:`row`."""
    return f"{title:32} {'cases':>6} {'same':>6} {'differ':>6} {'plain s':>8} {'ours s':>8} {'compiled':>8}"


def row(result: Compared) -> str:
    """One suite's line in the table."""
    plain, ours = result.plain, result.ours
    same = len(plain.cases) - len(result.different)
    return (
        f"{result.suite:32} {len(plain.cases):6} {same:6} {len(result.different):6}"
        f" {plain.seconds:8.1f} {ours.seconds:8.1f} {ours.compiled:8}"
    )


def report(result: Compared, expected: dict[str, str]) -> Iterator[str]:
    """The lines about one suite."""
    plain, ours = result.plain, result.ours
    yield row(result)
    shown = 0
    for name, (before, after) in result.different.items():
        if name in expected:
            yield f"    {name}: {after} (plain: {before}): expected: {expected[name]}"
            continue
        shown += 1
        if shown <= 20:
            yield f"    {name}: {after} (plain: {before}) {ours.details.get(name, '')}"
    if shown > 20:
        yield f"    ... and {shown - 20} more"
    if result.nothing_compiled:
        yield "    Whipsnake compiled nothing"
    if plain.ended and not ours.ended:
        yield "    the end of its output:"
        yield from (f"    | {line}" for line in ours.tail.splitlines()[-25:])


def progress(text: str) -> None:
    """One line on a terminal, overwritten by the next."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
