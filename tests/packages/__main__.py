"""``python -m tests.packages``: packages' own tests, with and without Whipsnake, compared case by case.

packages.toml lists the packages.  Each has an environment of its own in the build directory, made when it is
first needed.  A run prints what it is doing, the test cases whose result differs, and one table in the end.
It fails when a difference is not a row of ``expectations.toml``, when a row there is no difference any more,
when a process dies that does not die without Whipsnake, or when the plain interpreter ran fewer test cases
than the table says.

The plain side's results are kept for each row of the table as it is.  A run that is interrupted goes on where
it stopped when it is started again.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.conformance.compare import (
    THRESHOLDS,
    Compared,
    Runs,
    Total,
    expectations,
    header,
    report,
    row,
    switches,
)
from tests.conformance.runner import BUILD, Pool, Suite
from tests.interrupts import take_interrupts
from tests.packages.install import InstallError, environment, suite_folder
from tests.packages.table import RECORDER, Package, packages

EXPECTATIONS = Path(__file__).with_name("expectations.toml")
MODES = ("everything", "default")

#: Libraries would otherwise start a thread for each processor, and sum up in another order on another machine.
SAME_EVERYWHERE = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "TZ": "UTC", "LC_ALL": "C.UTF-8"}


def main(argv: list[str] | None = None) -> int:
    """Returns 0 when every difference is expected and every expectation is a difference; 2: cannot install."""
    table = packages()
    arguments = parse(argv, table)
    take_interrupts()
    chosen = [package for package in table if arguments.wants(package)]
    base = BUILD / "packages" / platform.python_version()
    comparison = Comparison(base, tuple(arguments.mode or MODES), arguments.fresh)
    print(
        f"CPython {platform.python_version()}, {len(chosen)} packages, {', '.join(comparison.modes)}",
        flush=True,
    )
    try:
        with Pool(arguments.jobs) as pool:
            for done, results in enumerate(pool.map(comparison.compare, chosen), 1):
                comparison.add(results, f"[{done}/{len(chosen)}]")
    except InstallError as error:
        print(error, file=sys.stderr)
        return 2
    return 0 if comparison.finish(chosen) else 1


def parse(argv: list[str] | None, table: list[Package]) -> argparse.Namespace:
    """The command line; ``wants(package)`` of the result says whether to run it."""
    parser = argparse.ArgumentParser(prog="python -m tests.packages", description=__doc__)
    names = [package.name for package in table]
    parser.add_argument("packages", nargs="*", choices=[*names, []], metavar="PACKAGE", help=", ".join(names))
    parser.add_argument("--quick", action="store_true", help="a minute's worth of small packages")
    parser.add_argument(
        "--mode", action="append", choices=(*THRESHOLDS, "off"), help="see tests.conformance (default: "
        f"{' and '.join(MODES)})"
    )  # fmt: skip
    parser.add_argument("--fresh", action="store_true", help="forget what was kept, run the plain side again")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1, help="packages at a time")
    arguments = parser.parse_args(argv)
    arguments.wants = lambda package: (
        package.name in (arguments.packages or names) and (package.quick or not arguments.quick)
    )
    return arguments


@dataclass
class Comparison:
    """Packages in several modes, and what they came to."""

    base: Path
    modes: tuple[str, ...]
    fresh: bool
    totals: dict[str, Total] = field(default_factory=dict)
    rows: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.totals = {mode: Total() for mode in self.modes}
        self.runs = {
            mode: Runs(self.base, mode, switches(mode, "vectorcall"), self.fresh) for mode in self.modes
        }

    def compare(self, package: Package) -> list[tuple[Package, str, Compared]]:
        """Run *package* in all modes, one after the other: they share the plain side."""
        folder = self.base / "environments"
        suite = Suite(
            package.name,
            environment(package, folder),
            RECORDER,
            package.arguments,
            suite_folder(package, folder),
            SAME_EVERYWHERE | package.environ,
            package.recorded_as,
        )
        return [(package, mode, runs.compare(suite)) for mode, runs in self.runs.items()]

    def expected(self, mode: str, chosen: list[Package]) -> dict[str, str]:
        """Test case -> why it differs."""
        prefixes = tuple(f"{package.name}: " for package in chosen)
        return expectations(EXPECTATIONS, mode, lambda test: test.startswith(prefixes))

    def add(self, results: list[tuple[Package, str, Compared]], progress: str) -> None:
        """Count one package's results, and print what there is to say."""
        for number, (package, mode, result) in enumerate(results):
            expected = self.expected(mode, [package])
            self.totals[mode].add(result, expected)
            good = sum(outcome == "ok" for outcome in result.plain.cases.values())
            self.rows.append(f"{row(result)}   {package.version:10} {mode:10} {good:6}")
            first, *more = report(result, expected)
            print(f"{progress} {mode:10} {first}", *more, sep="\n", flush=True)
            if good < package.least and number == 0:
                self.totals[mode].failures += 1
                print(f"    plain: {good} passed, fewer than {package.least}; the end of its output:")
                print(
                    *(f"    | {line}" for line in result.plain.tail.splitlines()[-25:]), sep="\n", flush=True
                )

    def finish(self, chosen: list[Package]) -> bool:
        """The run came to its end: prints the table; returns whether all is as expected."""
        print(f"\n{header('package')}   {'version':10} {'mode':10} {'passed':>6}", *self.rows, sep="\n")
        passed = True
        for mode, runs in self.runs.items():
            runs.finish()
            passed &= self.totals[mode].verdict(self.expected(mode, chosen), f"{mode}: ")
        return passed


if __name__ == "__main__":
    sys.exit(main())
