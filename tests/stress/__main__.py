"""``python -m tests.stress``: programs under every stress switch, leaks, and the build that checks itself; one table.

A row fails if anything differed, and also if the mode never did what it is for: no exit, no jettison, nothing
compiled. What the switches leave to chance begins with a seed that is printed first; ``--seed`` repeats.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz import __main__ as fuzz
from tests.fuzz import runner
from tests.fuzz.generate import generate
from tests.interrupts import take_interrupts

TREE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "tests" / "python"))

import support  # noqa: E402  # type: ignore[import-not-found]

STRESS_MODES = (
    "exits",
    "guards",
    "jettison",
    "collections",
    "no-caches",
    "no-fast-paths",
    "no-memory",
    "small-budget",
)
PROGRAM_MODES = tuple(mode for mode in STRESS_MODES if "gc" not in runner.MODES[mode])
"""Where whole programs are compared to the letter, destructors included."""
LEAK_TESTS = ("tests/python/exactness/test_leaks.py", "tests/python/engine/test_stress.py")
CHECKED_TESTS = (
    "tests/python/opcodes",
    "tests/python/engine",
    "tests/python/exactness",
    "tests/python/fuzzing",
)


@dataclass
class Row:
    """What was done under a name, and what came of it."""

    name: str
    ran: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    seconds: float = 0.0
    cause: str = ""
    """What must have happened."""

    def __str__(self) -> str:
        shown = f"{self.happened[self.cause]} {self.cause}" if self.cause else ""
        numbers = f"{self.ran:7} {self.happened['compiled']:9} {len(self.findings):9} {self.seconds:8.0f}"
        return f"{self.name:24} {numbers}  {shown}".rstrip()


HEADER = f"{'':24} {'ran':>7} {'compiled':>9} {'findings':>9} {'seconds':>8}  happened"


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="of random programs, all modes together")
    parser.add_argument("--seed", type=int, help="what chance begins with")
    parser.add_argument(
        "--parts", default="random,programs,leaks,checked", help="which of random,programs,leaks,checked"
    )
    parser.add_argument("--checked", type=Path, help="the Python of a build that checks itself")
    return parser.parse_args(argv)


def random_programs(seed: int, minutes: float) -> list[Row]:
    """Random programs and the corpus, in every stress mode."""
    run = fuzz.Run(seconds_to_shrink=30)
    corpus = [
        path
        for path in sorted((TREE / "tests/fuzz/corpus").glob("*.py"))
        if "# known:" not in path.read_text()
    ]
    programs = [path.read_text() for path in corpus]
    run.batch(
        programs, [runner.make_mode(name, random.Random(seed)) for name in STRESS_MODES], -len(programs)
    )
    end, done = time.monotonic() + minutes * 60, 0
    while time.monotonic() < end and len(run.findings) < 10:
        batch = [generate(seed + done + i) for i in range(fuzz.BATCH)]
        modes = [runner.make_mode(name, random.Random(seed + done)) for name in STRESS_MODES]
        run.batch(batch, modes, seed + done)
        done += len(batch)
    rows = []
    for name in STRESS_MODES:
        found = run.rows[name]
        row = Row(f"random, {name}", found.programs, found.happened, seconds=found.seconds)
        row.cause = runner.CAUSES.get(name, "")
        row.findings = [f"{f.kind}, seed {f.seed}" for f in run.findings if f.mode.name == name]
        row.findings += [why for why in [runner.idle(name, found.happened)] if why]
        rows.append(row)
    return rows


def compare_program(path: Path, plain: support.Ran, mode: str, chance: random.Random, row: Row) -> None:
    """Run a program of tests/python/exactness in a mode; what differs becomes a finding."""
    command = runner.make_mode(mode, chance).command[5:]  # behind: python -m whipsnake --engine baseline
    options = dict(zip([flag[2:] for flag in command[::2]], command[1::2], strict=True))
    with tempfile.TemporaryDirectory(prefix="stress-") as folder:
        ours = support.python(path, options=options, timeout=600, report=Path(folder, "stats.json"))
    row.ran += 1
    row.happened += runner.happened(ours.stats)
    if (ours.stdout, ours.stderr, ours.code) != (plain.stdout, plain.stderr, plain.code):
        row.findings.append(f"{path.stem} differs: whipsnake {' '.join(command)} {path}")


def whole_programs(seed: int) -> list[Row]:
    """The programs of tests/python/exactness, each about one way to notice a compiler."""
    paths = sorted((TREE / "tests/python/exactness/programs").glob("*.py"))
    paths = [path for path in paths if not re.match(r"(#.*\n)*# (options|modes):", path.read_text())]
    plain = {path: support.python(path, timeout=600) for path in paths}
    rows = []
    for mode in PROGRAM_MODES:
        row = Row(f"programs, {mode}", cause=runner.CAUSES.get(mode, ""))
        started = time.monotonic()
        for path in paths:
            compare_program(path, plain[path], mode, random.Random(f"{seed} {mode} {path.stem}"), row)
        row.seconds = time.monotonic() - started
        row.findings += [why for why in [runner.idle(mode, row.happened)] if why]
        rows.append(row)
    return rows


def pytest_row(name: str, python: Path | str, tests: tuple[str, ...]) -> Row:
    """Tests, run by pytest in a process of their own."""
    row = Row(name)
    started = time.monotonic()
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=TREE, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    row.seconds = time.monotonic() - started
    row.ran = sum(int(number) for number in re.findall(r"(\d+) (?:passed|failed)", done.stdout[-300:]))
    row.findings = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    if done.returncode != 0 and not row.findings:
        row.findings = [f"pytest ended with {done.returncode}: {done.stdout[-1500:]}"]
    if row.ran == 0:
        row.findings.append("no test ran")
    return row


def checked_rows(python: Path) -> list[Row]:
    """The Python tests and the corpus where machine code checks itself."""
    say = "from whipsnake import _core; print(_core.build_info()['self_checks'])"
    if subprocess.run([python, "-c", say], text=True, stdout=subprocess.PIPE, check=False).stdout != "True\n":
        return [Row("checked", findings=[f"{python} has no build that checks itself; run make checked"])]
    return [pytest_row("checked: Python tests", python, CHECKED_TESTS)]


def main(argv: list[str] | None = None) -> int:
    """Returns 0 when nothing was found."""
    arguments = parse(argv)
    take_interrupts()
    warnings.simplefilter("ignore")  # random programs deserve all of them
    seed = random.SystemRandom().randrange(10**9) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    rows: list[Row] = []
    parts = arguments.parts.split(",")
    if "random" in parts:
        rows += random_programs(seed, arguments.minutes)
    if "programs" in parts:
        rows += whole_programs(seed)
    if "leaks" in parts:
        rows.append(pytest_row("leaks, failures, switches", sys.executable, LEAK_TESTS))
    if "checked" in parts:
        rows += checked_rows(
            arguments.checked or Path(sys.prefix).parent / "checked" / "venv" / "bin" / "python"
        )
    print(HEADER, *rows, sep="\n")
    found = [f"{row.name}: {what}" for row in rows for what in row.findings]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
