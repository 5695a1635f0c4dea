"""``python -m tests.fuzz``: random programs, with and without Whipsnake; what differs is shrunk and shown.

Each program runs in the plain interpreter and in every mode, many of them in one process. A run prints what it
finds as it comes, and one table at the end; it fails if there is a finding. ``--seed`` and ``--count`` replay.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.fuzz import runner
from tests.fuzz.generate import generate
from tests.fuzz.runner import MODES, Finding, Mode, isolate, judge_of, make_mode
from tests.fuzz.shrink import shrink

WORK = (Path(sys.prefix).parent if sys.prefix != sys.base_prefix else Path("build").resolve()) / "fuzz"
"""Where findings are kept: next to the environment that runs us, in its build directory."""

BATCH = 40


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="how long to go on (default: 1)")
    parser.add_argument("--count", type=int, help="this many programs, however long they take")
    parser.add_argument("--seed", type=int, help="of the first program; the next has the next number")
    parser.add_argument("--modes", default=",".join(MODES), help="of " + ",".join(MODES))
    parser.add_argument("--show", action="store_true", help="print the programs and run nothing")
    parser.add_argument(
        "--shrink", type=float, default=60, metavar="SECONDS", help="for each finding (default: 60)"
    )
    parser.add_argument("--most", type=int, default=10, help="give up after this many findings (default: 10)")
    parser.add_argument("files", nargs="*", type=Path, help="run these programs instead of random ones")
    return parser.parse_args(argv)


@dataclass
class Row:
    """What a mode has done."""

    programs: int = 0
    findings: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


class Run:
    """A run of the fuzzer."""

    def __init__(self, seconds_to_shrink: float, work: Path = WORK) -> None:
        self.rows: dict[str, Row] = {}
        self.findings: list[Finding] = []
        self.seconds_to_shrink = seconds_to_shrink
        self.work = work

    def batch(self, programs: list[str], modes: list[Mode], first_seed: int) -> None:
        """Run programs in every mode, and deal with what differs."""
        started = time.monotonic()
        logs = runner.plain_logs(programs)
        taken = time.monotonic() - started
        row = self.rows.setdefault(runner.PLAIN.name, Row())
        row.programs += len(programs)
        row.seconds += taken
        for mode in modes:
            started = time.monotonic()
            found, happened = runner.compare(mode, programs, logs, 30 + 20 * taken)
            row = self.rows.setdefault(mode.name, Row())
            row.programs += sum(log is not None for log in logs)
            row.happened += happened
            row.seconds += time.monotonic() - started
            for finding in found:
                row.findings += 1
                seed = first_seed + programs.index(finding.programs[-1])
                self.report(replace(finding, seed=seed))

    def report(self, finding: Finding) -> None:
        """Shrink a finding, print and save it."""
        small = smaller(finding, self.seconds_to_shrink)
        self.findings.append(small)
        self.work.mkdir(parents=True, exist_ok=True)
        path = self.work / f"{small.mode.name}-{small.seed}.txt"
        path.write_text(str(small))
        print(f"{small}=== saved as {path}", flush=True)

    def table(self) -> str:
        """One line per mode."""
        lines = [f"{'mode':16} {'programs':>9} {'findings':>9} {'compiled':>9} {'seconds':>9}  happened"]
        for name, row in self.rows.items():
            cause = runner.CAUSES.get(name, "")
            shown = f"{row.happened[cause]} {cause}" if cause else ""
            numbers = f"{row.programs:9} {row.findings:9} {row.happened['compiled']:9} {row.seconds:9.1f}"
            lines.append(f"{name:16} {numbers}  {shown}".rstrip())
        return "\n".join(lines)

    def idle(self) -> list[str]:
        """Modes that have proven nothing, and why."""
        rows = [(name, row) for name, row in self.rows.items() if name != runner.PLAIN.name]
        return [f"{name}: {why}" for name, row in rows if (why := runner.idle(name, row.happened))]


def smaller(finding: Finding, seconds: float) -> Finding:
    """A finding with as little program as can be found in time; as it is if it does not show again."""
    judge = judge_of(finding)
    best = isolate(finding, judge)
    again = judge(best.programs)
    if again is None:
        return replace(finding, kind=finding.kind + " (not seen again)")
    if not runner.steady(best.programs):
        return replace(finding, kind=finding.kind + " (the interpreter differs from itself)")
    best = again
    for at in reversed(range(len(best.programs))):

        def test(text: str, at: int = at) -> bool:
            nonlocal best
            found = judge((*best.programs[:at], text, *best.programs[at + 1 :]))
            best = found or best
            return found is not None

        shrink(best.programs[at], test, seconds / len(best.programs))
    return replace(best, seed=finding.seed)


def main(argv: list[str] | None = None) -> int:
    """Returns 0 when there was no finding."""
    arguments = parse(argv)
    warnings.simplefilter("ignore")  # random programs deserve all of them
    seed = random.SystemRandom().randrange(10**9) if arguments.seed is None else arguments.seed
    if arguments.show:
        for number in range(arguments.count or 1):
            print(f"# seed {seed + number}\n{generate(seed + number)}")
        return 0
    names = arguments.modes.split(",")
    run = Run(arguments.shrink)
    end = time.monotonic() + arguments.minutes * 60
    if arguments.files:
        programs = [path.read_text() for path in arguments.files]
        for at, program in enumerate(programs):
            run.batch([program], [make_mode(name, random.Random(at)) for name in names], at)
    else:
        print(f"seed {seed}", flush=True)
        done = 0
        while (done < arguments.count) if arguments.count else (time.monotonic() < end):
            size = min(BATCH, arguments.count - done) if arguments.count else BATCH
            programs = [generate(seed + done + i) for i in range(size)]
            rng = random.Random(seed + done)
            run.batch(programs, [make_mode(name, rng) for name in names], seed + done)
            done += size
            if len(run.findings) >= arguments.most:
                break
    print(run.table())
    idle = [] if arguments.files else run.idle()
    for line in idle:
        print(f"proves nothing: {line}")
    return 1 if run.findings or idle else 0


if __name__ == "__main__":
    sys.exit(main())
