"""Run real programs with and without Whipsnake, compare their outputs, and show what it gains.

The programs are the files of demo/programs; docs/demo.md describes the measurement.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from demo import autoload, packages, report
from demo.measure import Program, Row, Setup, measure, measure_again, programs

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build"


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__.splitlines()[0])
    names = [program.name for program in programs()]
    parser.add_argument(
        "--rounds", type=positive, default=5, metavar="N", help="runs of each side (default 5)"
    )
    parser.add_argument("--quick", action="store_true", help="two rounds instead")
    parser.add_argument(
        "--only", action="append", choices=names, metavar="NAME", help="only this program (repeatable)"
    )
    parser.add_argument("--list", action="store_true", help="list the programs and what they do")
    parser.add_argument(
        "--engine", default="baseline", metavar="NAME", help="Whipsnake's engine (default baseline)"
    )
    parser.add_argument(
        "--env",
        action="append",
        default=[],
        type=variable,
        metavar="K=V",
        help="set this in the Whipsnake runs",
    )
    parser.add_argument("--min-ratio", type=float, metavar="X", help="fail if a program's ratio is below X")
    parser.add_argument(
        "--min-geomean", type=float, metavar="Y", help="fail if the geometric mean is below Y"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE")
    parser.add_argument(
        "--timeout", type=float, default=600.0, metavar="S", help="seconds a run may take (600)"
    )
    parser.add_argument(
        "--stdlib-only", action="store_true", help="leave out what needs packages; install nothing"
    )
    parser.add_argument(
        "--noise", action="store_true", help="plain Python on both sides: how far ratios stray by chance"
    )
    return parser.parse_args(argv)


def positive(text: str) -> int:
    """Read a number of rounds."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def variable(text: str) -> tuple[str, str]:
    """Read an environment variable."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


def choose(args: argparse.Namespace) -> tuple[list[Program], list[str], Path | None, str]:
    """Return what to run, the names of what is left out, the packages' folder, and why some are left out."""
    chosen = [program for program in programs() if not args.only or program.name in args.only]
    folder, why = None, ""
    if args.stdlib_only:
        why = "--stdlib-only was asked for"
    elif any(program.needs_packages for program in chosen):
        try:
            folder = packages.prepare(BUILD / "demo-packages")
        except packages.IndexUnreachableError as error:
            why = f"the package index could not be reached ({error})"
    left_out = [program.name for program in chosen if program.needs_packages] if why else []
    return [program for program in chosen if program.name not in left_out], left_out, folder, why


def run_all(chosen: Sequence[Program], rounds: int, setup: Setup, limit: float | None) -> list[Row]:
    """Measure every program, showing how far it is; one below the limit gets as many rounds again."""
    rows = []
    with report.progress() as display:
        for number, program in enumerate(chosen, 1):
            tick = display.begin(program.name, 2 * rounds + 1, number, len(chosen))
            row = measure(program, rounds, setup, tick)
            ratio = row.ratio()
            if row.failure is None and limit is not None and ratio is not None and ratio < limit:
                measure_again(row, rounds, setup)
            display.end(row)
            rows.append(row)
    return rows


def verdict(rows: Sequence[Row], args: argparse.Namespace) -> list[str]:
    """Return what the demo must fail for."""
    problems = [f"{row.program.name}: {row.failure}" for row in rows if row.failure is not None]
    for row in rows:
        ratio = row.ratio()
        if (
            args.min_ratio is not None
            and row.failure is None
            and ratio is not None
            and ratio < args.min_ratio
        ):
            problems.append(f"{row.program.name}: ratio {ratio:.3f} is below the limit {args.min_ratio}")
    mean = report.geometric_mean(rows)
    if args.min_geomean is not None and (mean is None or mean < args.min_geomean):
        problems.append(f"geometric mean {mean or 0:.3f} is below the limit {args.min_geomean}")
    return problems


def notes(rows: Sequence[Row], left_out: Sequence[str], why: str) -> list[str]:
    """Return what a reader of the table should know."""
    found = []
    if left_out:
        found.append(f"NOT RUN, because {why}: {', '.join(left_out)}")
    for row in rows:
        disturbed = sum(run.disturbed for run in row.runs)
        if disturbed and row.failure is None:
            found.append(
                f"{row.program.name}: {disturbed} of {len(row.runs)} runs had to share their processor"
            )
        native = sorted({name for run in row.runs for name in run.native})
        if native:
            found.append(f"{row.program.name} used extension modules of its packages: {', '.join(native)}")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; 0 if all is well, 1 if a program failed or a limit was missed, 2 if it cannot start."""
    args = parse(argv)
    if args.list:
        for program in programs():
            print(f"{program.name:<20} {program.title()}")
        return 0
    if not args.noise and importlib.util.find_spec("whipsnake") is None:
        print(
            f"{sys.executable} has no Whipsnake; install it with 'pip install .', or run 'make demo'",
            file=sys.stderr,
        )
        return 2
    rounds = 2 if args.quick else args.rounds
    try:
        chosen, left_out, folder, why = choose(args)
    except packages.InstallError as error:
        print(error, file=sys.stderr)
        return 2
    if folder is not None:
        sys.path.append(str(folder))
    if left_out:
        print(f"Running only the programs that need nothing but the standard library: {why}.", flush=True)
    if not chosen:
        print("no program is left to run", file=sys.stderr)
        return 2
    setup = Setup(BUILD / "demo-output", folder, args.engine, dict(args.env), args.noise, args.timeout)
    print(
        f"Python {sys.version.split()[0]}, {len(chosen)} programs, {rounds} rounds of both sides", flush=True
    )
    with contextlib.nullcontext() if args.noise else autoload.installed():
        rows = run_all(chosen, rounds, setup, args.min_ratio)
    print(f"\n{report.table(rows, args.noise)}")
    for note in notes(rows, left_out, why):
        print(note)
    if args.json:
        args.json.write_text(json.dumps(report.as_json(rows, left_out, rounds, args.engine), indent=1) + "\n")
    problems = verdict(rows, args)
    for problem in problems:
        print(report.colour(f"\nFAILED {problem}", report.RED))
    if not problems:
        print(report.colour(f"\nAll outputs equal ({len(rows)} programs).", report.GREEN))
    return 1 if problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
