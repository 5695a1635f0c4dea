"""``python -m tests.conformance``: CPython's own tests, with and without Whipsnake, compared case by case.

A run prints one line per module, the test cases whose result differs, and a total.  It fails when a
difference is not a row of ``expectations.toml``, when a row there is no difference any more, or when a
process dies that does not die without Whipsnake.  A module that differs is run again, both sides, before
it counts:
CPython's tests have their own bad days.

The plain side's results are kept by interpreter version in the build directory.  A run that is interrupted
goes on where it stopped when it is started again.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import sys
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.conformance import modules
from tests.conformance.runner import (
    TIMED_OUT,
    WORK,
    Outcome,
    fingerprint,
    load,
    make_environment,
    run_module,
    store,
)

EXPECTATIONS = Path(__file__).with_name("expectations.toml")
#: By mode: calls of a function, and back edges of a loop, before it is compiled.
THRESHOLDS = {"everything": ("0", "0"), "middle": ("20", "50"), "default": ("auto", "auto")}

PLAIN_TIMEOUT = 900.0
RETRIES = 2


def main(argv: list[str] | None = None) -> int:
    """Returns 0 when every difference is expected and every expectation is a difference."""
    arguments = parse(argv)
    # A shell makes what it puts into the background ignore SIGINT, and tests would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    names = tuple(arguments.modules) or arguments.cut()
    side = f"{arguments.mode}-{arguments.entry}"
    python = make_environment()
    runs = Runs(python, side, switches(arguments.mode, arguments.entry), arguments.fresh)
    expected = expectations(side, names)
    print(f"CPython {platform.python_version()}, {len(names)} modules, {side}", flush=True)
    print(
        f"{'module':32} {'cases':>6} {'same':>6} {'differ':>6} {'plain s':>8} {'ours s':>8} {'compiled':>8}"
    )
    total = Total()
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for done, result in enumerate(pool.map(runs.compare, names), 1):
            total.add(result, expected)
            progress(f"{done} of {len(names)} modules")
            for line in report(result, expected):
                print(line, flush=True)
    progress("")
    for name in sorted(expected.keys() - total.used):
        print(f"expected to differ, but does not: {name} ({expected[name]})")
    runs.finish()
    passed = not total.failures and expected.keys() == total.used
    unsteady = f", {total.unsteady} differed only once" if total.unsteady else ""
    counts = f"{total.failures} unexplained differences, {len(total.used)} explained{unsteady}"
    print(f"{total.cases} test cases, {counts}: {'passed' if passed else 'FAILED'}")
    return 0 if passed else 1


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("modules", nargs="*", help="test modules, such as test_grammar")
    cut = parser.add_mutually_exclusive_group()
    for flags, chosen, text in (
        (["--quick"], lambda: modules.QUICK, "a few minutes' worth"),
        (["--language"], lambda: modules.LANGUAGE, "what tests the language itself (default)"),
        (["--full"], modules.everything, "everything CPython has"),
    ):
        cut.add_argument(*flags, dest="cut", action="store_const", const=chosen, help=text)
    parser.set_defaults(cut=lambda: modules.LANGUAGE)
    parser.add_argument(
        "--mode",
        choices=(*THRESHOLDS, "off"),
        default="everything",
        help="compile each function at its first call, or when the interpreter has specialised it and run it for a"
        " while, or as by default, or not at all (tests the comparison)",
    )
    parser.add_argument("--entry", choices=("vectorcall", "pep523"), default="vectorcall")
    parser.add_argument("--fresh", action="store_true", help="forget what was kept, run the plain side again")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1, help="modules at a time")
    return parser.parse_args(argv)


def switches(mode: str, entry: str) -> dict[str, str]:
    """The environment that switches Whipsnake on in every process of a run."""
    if mode == "off":
        return {"WHIPSNAKE": "off"}
    calls, back_edges = THRESHOLDS[mode]
    return {
        "WHIPSNAKE": "baseline",
        "WHIPSNAKE_ENTRY": entry,
        "WHIPSNAKE_THRESHOLD": calls,
        "WHIPSNAKE_LOOP_THRESHOLD": back_edges,
    }


@dataclass(frozen=True)
class Compared:
    """Both sides of a module, and the test cases that came out differently each time they were run."""

    module: str
    plain: Outcome
    ours: Outcome
    different: dict[str, tuple[str, str]]
    """Test case -> (plain, ours); "missing" where one side did not get there."""
    unsteady: int
    """Test cases that differed at first, and were the same in a later run."""
    nothing_compiled: bool


class Runs:
    """Runs modules on both sides, keeping results so that an interrupted run can go on."""

    def __init__(self, python: Path, side: str, environ: dict[str, str], fresh: bool) -> None:
        base = WORK / platform.python_version()
        self.python = python
        self.environ = environ
        self.plain = base / "plain"
        self.kept = base / f"{side}-{fingerprint()}"  # emptied when a run comes to its end
        self.logs = base / side
        if fresh:
            shutil.rmtree(self.plain, ignore_errors=True)
            shutil.rmtree(self.kept, ignore_errors=True)
        for other in base.glob(f"{side}-*"):
            if other != self.kept:
                shutil.rmtree(other)

    def compare(self, module: str) -> Compared:
        """Run *module* on both sides; where they differ, again."""
        path = self.plain / f"{module}.json"
        plain = load(path) or self.run_plain(module)
        path = self.kept / f"{module}.json"
        ours = load(path)
        if ours is None:
            ours = self.run_ours(module, plain)
            store(path, ours)
        different = first = differences(plain, ours)
        for _ in range(RETRIES):
            if not different or ours.status == TIMED_OUT:
                break
            plain = self.run_plain(module)
            ours = self.run_ours(module, plain)
            different = {name: pair for name, pair in differences(plain, ours).items() if name in different}
        idle = "WHIPSNAKE_ENTRY" in self.environ and ours.ended and ours.compiled == 0 and bool(plain.cases)
        return Compared(module, plain, ours, different, len(first) - len(different), idle)

    def run_plain(self, module: str) -> Outcome:
        outcome = run_module(self.python, module, {"WHIPSNAKE": "off"}, self.plain / module, PLAIN_TIMEOUT)
        store(self.plain / f"{module}.json", outcome)
        return outcome

    def run_ours(self, module: str, plain: Outcome) -> Outcome:
        return run_module(self.python, module, self.environ, self.logs / module, 120 + 6 * plain.seconds)

    def finish(self) -> None:
        """The run came to its end: the next one starts over."""
        shutil.rmtree(self.kept, ignore_errors=True)


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


def expectations(side: str, names: tuple[str, ...]) -> dict[str, str]:
    """Rows of expectations.toml for this interpreter, kind of run and modules: test case -> reason."""
    version = ".".join(platform.python_version_tuple()[:2])
    rows = tomllib.loads(EXPECTATIONS.read_text(encoding="utf-8")).get("expect", [])
    return {
        test: row["reason"]
        for row in rows
        if row["python"] == version and row["mode"] in ("*", side, side.partition("-")[0])
        for test in row["tests"]
        if any(test.startswith(f"test.{name}.") for name in names)
    }


@dataclass
class Total:
    """What all modules came to."""

    cases: int = 0
    failures: int = 0
    unsteady: int = 0
    used: set[str] = field(default_factory=set)

    def add(self, result: Compared, expected: dict[str, str]) -> None:
        self.cases += len(result.plain.cases)
        self.used |= result.different.keys() & expected.keys()
        self.failures += len(result.different.keys() - expected.keys()) + result.nothing_compiled
        self.unsteady += result.unsteady


def report(result: Compared, expected: dict[str, str]) -> Iterator[str]:
    """The lines about one module."""
    plain, ours = result.plain, result.ours
    same = len(plain.cases) - len(result.different)
    yield (
        f"{result.module:32} {len(plain.cases):6} {same:6} {len(result.different):6}"
        f" {plain.seconds:8.1f} {ours.seconds:8.1f} {ours.compiled:8}"
    )
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


if __name__ == "__main__":
    sys.exit(main())
