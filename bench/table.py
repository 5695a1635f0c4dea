"""Measure the plain interpreter against Whipsnake and print the table of targets.

docs/benchmarks.md has the results of a complete run (python -m bench).
"""

from __future__ import annotations

import argparse
import os
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import catalogue, curve, debian, environment, measure, report, results, rivals
from bench.catalogue import Item
from bench.environment import ROOT, Interpreter, SetupError
from bench.measure import Row, Setup, Side
from bench.results import Results


def parse(argv: Sequence[str] | None, program: str = "bench.table") -> argparse.Namespace:
    """Read the command line."""
    everything = program == "bench"
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=positive, metavar="N", help="processes of each side (default 3)")
    parser.add_argument(
        "--quick", action="store_true", help="two rounds, less work in each; a cut of pyperformance"
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="only this benchmark, or all of a kind: micro, workload, pyperf, startup (repeatable)",
    )
    parser.add_argument("--list", action="store_true", help="list the benchmarks")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE, too")
    parser.add_argument(
        "--sites", action="store_true", help="show the places where machine code was slow or left"
    )
    parser.add_argument(
        "--python", default=sys.executable, metavar="PATH", help="a Python whose environment has Whipsnake"
    )
    parser.add_argument("--engine", default="baseline", metavar="NAME", help="Whipsnake's engine (baseline)")
    parser.add_argument(
        "--env",
        action="append",
        default=[],
        type=variable,
        metavar="K=V",
        help="set this in the Whipsnake runs (repeatable)",
    )
    parser.add_argument(
        "--compare-with-itself",
        "--noise",
        dest="noise",
        action="store_true",
        help="plain Python on both sides; with --strict, fails if ratios stray too far from 1",
    )
    parser.add_argument(
        "--curves",
        action=argparse.BooleanOptionalAction,
        help="measure warm-up and short runs, too: of some benchmarks, or of those that --only names "
        "(default: in a complete run)",
    )
    parser.add_argument(
        "--rivals",
        action=argparse.BooleanOptionalAction,
        help="measure PyPy and others on the chosen benchmarks that need no packages, too "
        "(default: in a complete run)",
    )
    parser.add_argument(
        "--pgo",
        action=argparse.BooleanOptionalAction,
        help="measure what has a target on Debian's build of CPython 3.13, too, which was optimized with "
        "profiles (default: where only that is measured)",
    )
    parser.add_argument("--resume", action="store_true", help="go on with an interrupted run")
    parser.add_argument(
        "--timeout", type=float, default=120.0, metavar="S", help="seconds a process may take (120)"
    )
    parser.add_argument("--core", type=int, metavar="N", help="processor core to use (default: the last)")
    parser.add_argument("--strict", action="store_true", help="a missed target counts as a failure")
    environment.add_build_option(parser)
    args = parser.parse_args(argv)
    args.rounds = args.rounds or (2 if args.quick else 3)
    complete = everything and not (args.quick or args.only or args.noise)
    args.curves = complete if args.curves is None else args.curves
    args.rivals = complete if args.rivals is None else args.rivals
    args.pgo = not (everything or args.only or args.noise) if args.pgo is None else args.pgo
    return args


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


def choose(items: Sequence[Item], only: Sequence[str], everything: bool, quick: bool = False) -> list[Item]:
    """Return the items that are asked for. Raises SetupError for a name that there is not."""
    known = {item.name for item in items} | {item.kind for item in items}
    if unknown := sorted(set(only) - known):
        raise SetupError(f"no benchmark is named {', '.join(unknown)} (see --list)")
    if only:
        return [item for item in items if item.name in only or item.kind in only]
    if everything:
        cut = catalogue.QUICK_CUT
        return [item for item in items if not quick or item.kind != "pyperf" or item.name in cut]
    wanted = {name for target in catalogue.TARGETS for name in target.items}
    return [item for item in items if item.name in wanted]


def pin(core: int | None) -> int:
    """Stay on one processor core, with everything that is started from here; return its number."""
    chosen = max(os.sched_getaffinity(0)) if core is None else core
    os.sched_setaffinity(0, {chosen})
    return chosen


def run_all(items: Sequence[Item], rounds: int, setup: Setup, store: measure.Store) -> list[Row]:
    """Measure every item, telling each result."""
    rows: list[Row] = []
    for number, item in enumerate(items, 1):
        for row in measure.find_parts(item, setup, store):
            print(f"[{number}/{len(items)}] {row.part.name:<36}", end=" ", flush=True)
            measure.measure(row, rounds, setup, store)
            print(result_line(row), flush=True)
            rows.append(row)
    return rows


def result_line(row: Row) -> str:
    """Tell the result of a row in one line."""
    if row.failure is not None:
        return f"FAILED: {row.failure}"
    plain, jit = report.times(row)
    return f"plain {plain:>8}  whipsnake {jit:>8}  ratio {report.ratio_of(row):.3f} +- {row.spread():.1%}"


def minutes(seconds: float) -> str:
    """Say how long the run took, and how much of that the processes had a processor."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = (used.ru_utime + used.ru_stime) / 60
    return f"{seconds / 60:.0f} minutes, {processor:.0f} of them processor time"


def collect_facts(args: argparse.Namespace, setup: Setup, core: int) -> dict[str, Any]:
    """Return the conditions of the run, for a reader."""
    found = setup.environment.interpreter
    kind = "with" if found.pgo else "without"
    library = "shared" if found.shared else "static"
    facts: dict[str, Any] = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "python": f"{found.version}, {found.compiler}, {kind} profile-guided optimization",
        "libpython": library,
        "whipsnake": f"engine {setup.engine}, files {setup.environment.core_digest[:12]}",
        "source tree at that date": git("describe", "--always", "--dirty"),
        "rounds": f"{args.rounds}" + (", quick" if args.quick else ""),
        "pinned to core": str(core),
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }
    if setup.extra_env:
        facts["environment"] = " ".join(f"{name}={value}" for name, value in setup.extra_env.items())
    return facts | environment.machine_facts()


def git(*arguments: str) -> str:
    """Return what git says of this tree, or a question mark."""
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "?"


def verdict(rows: Sequence[Row], args: argparse.Namespace, pgo: bool) -> list[str]:
    """Return what the run must fail for.

    One that cannot be installed here only counts if a target needs it.
    """
    needed = {name for target in catalogue.TARGETS for name in target.items}
    problems = [
        f"{row.part.name}: {row.failure}"
        for row in rows
        if row.failure is not None and (not row.absent or row.part.item.name in needed)
    ]
    if args.strict and args.noise and rows:
        ratios = [ratio for row in rows if (ratio := row.ratio()) is not None]
        if ratios and not report.credible(ratios):
            problems.append("equal sides stray too far from each other")
    elif args.strict:
        for target in catalogue.TARGETS:
            found = report.outcome(target, rows)
            if found is not None and found.value is not None and not target.met(found.value, pgo):
                problems.append(f"{target.title}: {found.value:.3f} misses {target.limit_for(pgo):g}")
    return problems


def prepare(
    args: argparse.Namespace, everything: bool, interpreter: Interpreter
) -> tuple[Setup, list[Item], dict[str, str]]:
    """Make the environment; return it, what to run, and what cannot be installed and why.

    Raises SetupError.
    """
    made = environment.prepare(args.build.resolve() / "bench" / interpreter.tag, interpreter, not args.noise)
    own = [*catalogue.startup_items(), *catalogue.own_items(catalogue.PURE_PYTHON)]
    ours = {"micro", "workload", "startup", *(item.name for item in own)}
    needs_pyperf = not args.only or not set(args.only) <= ours
    pyperf = []
    if needs_pyperf:
        environment.install_pyperformance(made, [])
        pyperf = catalogue.pyperf_items(made.scripts)
    chosen = choose([*own, *pyperf], args.only, everything, args.quick)
    absent: dict[str, str] = {}
    needing = [item for item in chosen if item.needs_packages]
    if needing and not args.list:
        try:
            environment.install_packages(made)
        except SetupError as error:
            absent |= {item.name: str(error) for item in needing}
    if needs_pyperf and not args.list:
        folders = dict.fromkeys(item.folder for item in chosen if item.kind == "pyperf")
        failures = environment.install_pyperformance(made, folders)
        absent |= {item.name: failures[item.folder] for item in chosen if item.folder in failures}
    effort = measure.QUICK if args.quick else measure.NORMAL
    setup = Setup(made, effort, args.engine, dict(args.env), args.noise, args.timeout)
    return setup, chosen, absent


def identity(setup: Setup) -> dict[str, Any]:
    """Return what must be the same for figures of an earlier run to be of use."""
    return {
        "whipsnake": "" if setup.noise else setup.environment.core_digest,
        "python": setup.environment.interpreter.base,
        "requirements": environment.REQUIREMENTS.read_text(encoding="utf-8"),
        "benchmarks": [environment.tree_digest(folder) for folder in (catalogue.MICRO, catalogue.WORKLOADS)],
        "demo": environment.tree_digest(ROOT / "demo"),
        "worker": measure.WORKER.read_text(encoding="utf-8"),
        "effort": repr(setup.effort),
        "engine": setup.engine,
        "environment": setup.extra_env,
        "noise": setup.noise,
    }


def main(argv: Sequence[str] | None = None, everything: bool = False, page: Path | None = None) -> int:
    """Measure and report; 0 if all is well, 1 if a benchmark failed, 2 if it cannot start.

    With *everything*, benchmarks without a target run, too; *page* is the Markdown file to write.
    """
    args = parse(argv, "bench" if everything else "bench.table")
    # As an exception, so that the process being measured is ended, too.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        with environment.lock(args.build.resolve() / "bench"):
            try:
                return run(args, everything, page)
            except (KeyboardInterrupt, SystemExit):
                print("\nInterrupted; the same command with --resume goes on from here.", file=sys.stderr)
                raise
    except SetupError as error:
        print(error, file=sys.stderr)
        return 2


def open_store(setup: Setup, args: argparse.Namespace) -> tuple[Path, measure.Store]:
    """Return the folder for a run's results, and the file of what it has found."""
    # A look at one benchmark does not take away what an interrupted long run has found.
    name = ("noise" if args.noise else "results") + ("-only" if args.only else "")
    folder = setup.environment.folder / name
    store = measure.Store(folder.with_suffix(".jsonl"), identity(setup), args.resume)
    if store.note:
        print(store.note, flush=True)
    return folder, store


def measure_items(
    chosen: Sequence[Item], absent: dict[str, str], rounds: int, setup: Setup, store: measure.Store
) -> list[Row]:
    """Measure what can be run; return rows, also for what is absent."""
    rows = [
        Row(measure.Part(item, item.name, None), failure=absent[item.name], absent=True)
        for item in chosen
        if item.name in absent
    ]
    return rows + run_all([item for item in chosen if item.name not in absent], rounds, setup, store)


def measure_pgo_build(args: argparse.Namespace, interpreter: Interpreter) -> tuple[str, list[Row]]:
    """Measure what has a target on Debian's build of the same version; return a description and the rows.

    Without rows it says why there are none. Whipsnake is the one that was built for *interpreter*.
    """
    version = ".".join(interpreter.version.split(".")[:2])
    try:
        if version not in rivals.RELEASES:
            raise SetupError(f"no release of Debian is known to have CPython {version}")
        base = debian.python(args.build.resolve() / "bench" / "debian", rivals.RELEASES[version], version)
        other = replace(environment.probe(base), package=interpreter.package)
        setup, chosen, absent = prepare(args, False, other)
    except SetupError as error:
        print(f"The build with profile-guided optimization is missing: {error}", flush=True)
        return str(error), []
    _, store = open_store(setup, args)
    described = f"{other.version}, {other.compiler}, Debian {rivals.RELEASES[version]}"
    print(f"Python {described}, with profile-guided optimization: {len(chosen)} benchmarks", flush=True)
    return described, measure_items(chosen, absent, args.rounds, setup, store)


def run(args: argparse.Namespace, everything: bool, page: Path | None) -> int:
    """Do what the command line says."""
    interpreter = environment.probe(args.python)
    setup, chosen, absent = prepare(args, everything, interpreter)
    if args.list:
        for item in chosen:
            print(f"{item.name:<36} {item.kind:<8} {item.title}")
        return 0
    facts = collect_facts(args, setup, pin(args.core))
    pgo = interpreter.pgo
    folder, store = open_store(setup, args)
    print(f"Python {facts['python']}", flush=True)
    print(
        f"{len(chosen)} benchmarks, {args.rounds} rounds of both sides, core {facts['pinned to core']}",
        flush=True,
    )
    started = time.monotonic()
    rows = measure_items(chosen, absent, args.rounds, setup, store)
    found = Results(facts, pgo, commands(args, setup, command_line(everything)), rows)
    good = [item for item in chosen if item.name not in absent]
    if args.curves and not args.noise:
        curved = [item for item in good if item.name in curve.ITEMS or item.name in args.only]
        work = curve.QUICK_WORK if args.quick else curve.WORK
        found.curves = curve.measure_all(
            [item for item in curved if item.kind != "startup"], setup, store, work
        )
    if args.rivals and not args.noise:
        found.rivals = rivals.measure_all(good, setup.environment.folder / "rivals", args.timeout, store)
    if args.pgo and not args.noise and not pgo:
        found.pgo_build, found.pgo_rows = measure_pgo_build(args, interpreter)
    took = minutes(time.monotonic() - started)
    facts["took"] = (
        f"{took} for what an earlier run of this Whipsnake had left (--resume)" if args.resume else took
    )
    show(found, args)
    keep(found, folder, args)
    if page is not None and not (args.noise or args.only or args.quick):
        page.write_text(report.page(found), encoding="utf-8")
    problems = verdict(rows, args, pgo)
    problems += [f"on the PGO build: {problem}" for problem in verdict(found.pgo_rows, args, True)]
    problems += [
        f"warm-up of {each['item']}: {each['failure']}" for each in found.curves if "failure" in each
    ]
    for problem in problems:
        print(report.colour(f"FAILED {problem}", report.RED))
    return 1 if problems else 0


def show(found: Results, args: argparse.Namespace) -> None:
    """Print the tables of a run."""
    print(f"\n{report.align(report.row_lines(found.rows))}")
    if found.rivals:
        print(f"\n{report.align(report.rival_lines(found))}\n{rivals.missing(found.rivals)}")
    if found.curves:
        print(f"\n{report.align(curve.lines(found.curves))}")
    print(f"\n{report.align(report.summary_lines(found.rows))}")
    if args.noise:
        print(f"\n{report.noise_summary(found.rows)}")
    else:
        print(f"\n{report.align(report.target_lines(found.rows, found.pgo, found.pgo_rows))}")
        print(report.builds(found))
    if args.sites:
        print(f"\n{report.hot_sites(found.rows)}")


def keep(found: Results, folder: Path, args: argparse.Namespace) -> None:
    """Write what was found, also for pyperf, and say where."""
    results.save(found, folder / results.RESULTS)
    if args.json:
        results.save(found, args.json)
    try:
        tools = environment.tools(args.build.resolve() / "bench", environment.probe(args.python).base)
        files = [results.RESULTS, *results.export(folder / results.RESULTS, tools)]
    except SetupError as error:
        print(error, file=sys.stderr)
        files = [results.RESULTS]
    print(f"\nResults, for python -m bench.report, are in {folder}: {', '.join(files)}.")


def command_line(everything: bool) -> str:
    """Return the command that started this run, as a reader would type it."""
    return shlex.join(["python", "-m", "bench" if everything else "bench.table", *sys.argv[1:]])


def commands(args: argparse.Namespace, setup: Setup, harness: str) -> dict[str, str]:
    """Return the commands of the run, for a reader who repeats a part of it by hand."""
    folder = str(args.build.resolve())

    def of(side: Side) -> str:
        ours = sorted(measure.ours(side, setup).items())
        python = setup.environment.python.replace(folder, "$BUILD")
        worker = measure.WORKER.relative_to(ROOT)
        return f"env {shlex.join(f'{name}={value}' for name, value in ours)} {python} {worker} SPEC"

    return {"harness": harness, "plain": of(Side.PLAIN), "whipsnake": of(Side.WHIPSNAKE)}


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
