"""``python -m tests.conformance``: CPython's own tests, with and without Whipsnake, compared case by case.

A run prints one line per module, the test cases whose result differs, and a total.  It fails when a
difference is not a row of ``expectations.toml``, when a row there is no difference any more, or when a
process dies that does not die without Whipsnake.

The plain side's results are kept by interpreter version in the build directory.  A run that is interrupted
goes on where it stopped when it is started again.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path

from tests.conformance import modules
from tests.conformance.compare import (
    THRESHOLDS,
    Runs,
    Total,
    expectations,
    header,
    progress,
    report,
    switches,
)
from tests.conformance.runner import BUILD, Pool, Suite, make_environment
from tests.interrupts import take_interrupts

EXPECTATIONS = Path(__file__).with_name("expectations.toml")
RECORDER = Path(__file__).with_name("case_recorder.py")


def main(argv: list[str] | None = None) -> int:
    """Returns 0 when every difference is expected and every expectation is a difference."""
    arguments = parse(argv)
    take_interrupts()
    names = tuple(arguments.modules) or arguments.cut()
    side = f"{arguments.mode}-{arguments.entry}"
    base = BUILD / "conformance" / platform.python_version()
    python = make_environment(base / "environment")
    suites = [Suite(name, python, RECORDER, (name,)) for name in names]
    runs = Runs(base, side, switches(arguments.mode, arguments.entry), arguments.fresh)
    prefixes = tuple(f"test.{name}." for name in names)
    expected = expectations(EXPECTATIONS, side, lambda test: test.startswith(prefixes))
    print(f"CPython {platform.python_version()}, {len(names)} modules, {side}", flush=True)
    print(header("module"))
    total = Total()
    with Pool(arguments.jobs) as pool:
        for done, result in enumerate(pool.map(runs.compare, suites), 1):
            total.add(result, expected)
            progress(f"{done} of {len(names)} modules")
            for line in report(result, expected):
                print(line, flush=True)
    progress("")
    runs.finish()
    return 0 if total.verdict(expected) else 1


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


if __name__ == "__main__":
    sys.exit(main())
