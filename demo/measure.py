"""Run the demo's programs in fresh processes, with and without Whipsnake, and keep what they cost."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from demo.harness import STATS_VARIABLE

DEMO = Path(__file__).parent
PROGRAMS = DEMO / "programs"
LAUNCHER = DEMO / "launch.py"
STDLIB_PREFIX = "std_"
DIFF_CONTEXT = 3
DIFF_LINES = 20
ERROR_LINES = 15
# A run is measured again, so often at most, if it spent more than this part of its time without a processor.
ATTEMPTS = 3
MAX_WAITING = 0.03
# Variables of the caller that could change what a program does, by the beginning of their names.
SCRUBBED = (
    "PYTHON",
    "WHIPSNAKE",
    "DEMO_",
    "LC_",
    "LANG",
    "TZ",
    "COLUMNS",
    "LINES",
    "NO_COLOR",
    "FORCE_COLOR",
)
FIXED = {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


class Side(Enum):
    """Which of the two ways to run a program."""

    PLAIN = "plain"
    WHIPSNAKE = "whipsnake"


@dataclass(frozen=True)
class Program:
    """One file of ``demo/programs``."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    def title(self) -> str:
        """Return the first line of the file's documentation."""
        return self.path.read_text(encoding="utf-8").splitlines()[0].strip('"')

    @property
    def needs_packages(self) -> bool:
        return not self.name.startswith(STDLIB_PREFIX)


@dataclass(frozen=True)
class Setup:
    """What is the same for every run of one demo."""

    output: Path
    packages: Path | None = None
    engine: str = "baseline"
    extra_env: dict[str, str] = field(default_factory=dict)
    noise: bool = False
    timeout: float = 600.0


@dataclass
class Run:
    """One finished process."""

    side: Side
    core: int | None
    status: int
    seconds: float
    cpu_seconds: float
    peak_kb: int
    digest: str
    work_seconds: float | None = None
    native: list[str] = field(default_factory=list)
    stats: dict[str, Any] | None = None

    @property
    def waiting(self) -> float:
        """The part of the time in which the process did not have a processor."""
        return 1 - self.cpu_seconds / self.seconds

    @property
    def disturbed(self) -> bool:
        """Whether the process, which waits for nothing by itself, had to share its processor."""
        return self.waiting > MAX_WAITING


@dataclass
class Row:
    """All measured runs of one program, and what went wrong with it, if anything did."""

    program: Program
    digest: str
    runs: list[Run] = field(default_factory=list)
    failure: str | None = None

    def median(self, side: Side, value: Callable[[Run], float | None]) -> float | None:
        """Return the median of a figure over the runs of one side; None if no run has it."""
        values = [found for run in self.runs if run.side is side and (found := value(run)) is not None]
        return statistics.median(values) if values else None

    def ratio(self, value: Callable[[Run], float | None] = lambda run: run.seconds) -> float | None:
        """Return plain over Whipsnake of a figure, above 1 is faster; None if the program failed."""
        if self.failure is not None:
            return None
        plain, jit = self.median(Side.PLAIN, value), self.median(Side.WHIPSNAKE, value)
        return plain / jit if plain and jit else None

    def stat(self, key: str) -> float | None:
        """Return the median of a figure of ``whipsnake.stats()``."""
        return self.median(Side.WHIPSNAKE, lambda run: (run.stats or {}).get(key))


def programs() -> list[Program]:
    """Return all programs: those from the package index first, then the standard library's."""
    found = [Program(path) for path in sorted(PROGRAMS.glob("*.py")) if path.stem != "__init__"]
    return sorted(found, key=lambda program: not program.needs_packages)


def command(program: Program, side: Side, setup: Setup) -> tuple[list[str], dict[str, str]]:
    """Return command and added environment of a side: the one place that knows how Whipsnake is started."""
    added = {} if side is Side.PLAIN or setup.noise else {"WHIPSNAKE": setup.engine, **setup.extra_env}
    return [sys.executable, str(program.path)], added


def schedule(rounds: int) -> Iterator[tuple[Side, int | None]]:
    """Yield side and core of each run: who comes first changes every round, the core every second one.

    Both sides of a round use the same core, so each core sees both sides equally often in either order.
    """
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [None]
    for number in range(rounds):
        sides = (Side.PLAIN, Side.WHIPSNAKE) if number % 2 == 0 else (Side.WHIPSNAKE, Side.PLAIN)
        for side in sides:
            yield side, cores[number // 2 % len(cores)]


def measure(program: Program, rounds: int, setup: Setup, tick: Callable[[], None]) -> Row:
    """Run a program once to warm the disk's cache and to have a reference, then the measured rounds.

    Stops at the first run that crashes, differs, or is not what it should be; ``failure`` says which.
    """
    reference = run_once(program, Side.PLAIN, None, setup)
    row = Row(program, reference.digest)
    row.failure = check(row, reference, setup)
    stream_file(program, Side.PLAIN, setup, "out").replace(reference_file(program, setup))
    tick()
    measure_again(row, rounds, setup, tick)
    return row


def measure_again(row: Row, rounds: int, setup: Setup, tick: Callable[[], None] = lambda: None) -> None:
    """Add rounds to a row, unless it has failed."""
    for side, core in schedule(rounds):
        if row.failure is None:
            row.runs.append(run_undisturbed(row, side, core, setup))
        tick()


def run_undisturbed(row: Row, side: Side, core: int | None, setup: Setup) -> Run:
    """Run a program; again if others took the processor meanwhile. Returns the least disturbed run.

    Every run is checked, also those that are not returned; a failed one is returned at once.
    """
    runs: list[Run] = []
    while len(runs) < ATTEMPTS:
        run = run_once(row.program, side, core, setup)
        row.failure = check(row, run, setup)
        if row.failure is not None or not run.disturbed:
            return run
        runs.append(run)
    return min(runs, key=lambda run: run.waiting)


def run_once(program: Program, side: Side, core: int | None, setup: Setup) -> Run:
    """Run a program in a fresh process and collect its figures."""
    setup.output.mkdir(parents=True, exist_ok=True)
    stats_file = setup.output / f"{program.name}.{side.value}.json"
    stats_file.unlink(missing_ok=True)
    argv, added = command(program, side, setup)
    env = {key: value for key, value in os.environ.items() if not key.startswith(SCRUBBED)}
    search = [str(DEMO.parent), *([str(setup.packages)] if setup.packages else [])]
    env |= FIXED | {"PYTHONPATH": os.pathsep.join(search), STATS_VARIABLE: str(stats_file)} | added
    streams = [str(stream_file(program, side, setup, name)) for name in ("out", "err")]
    launcher = [sys.executable, "-I", "-S", str(LAUNCHER), "-" if core is None else str(core)]
    figures = _launch([*launcher, *streams, *argv], env, setup.timeout)
    digest = hashlib.sha256(stream_file(program, side, setup, "out").read_bytes()).hexdigest()
    run = Run(side, core, digest=digest, **figures)
    if stats_file.is_file():
        recorded = json.loads(stats_file.read_text(encoding="utf-8"))
        run.work_seconds, run.native, run.stats = (
            recorded[key] for key in ("work_seconds", "native", "whipsnake")
        )
    return run


def _launch(argv: list[str], env: dict[str, str], timeout: float) -> dict[str, Any]:
    """Run the launcher, and its whole process group no longer than ``timeout`` seconds."""
    with subprocess.Popen(
        argv, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as launcher:
        try:
            line, _ = launcher.communicate(timeout=timeout)
        except BaseException as error:
            os.killpg(launcher.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                return {"status": -signal.SIGKILL, "seconds": timeout, "cpu_seconds": 0.0, "peak_kb": 0}
            raise
    if launcher.returncode != 0:
        raise RuntimeError(f"the launcher failed with status {launcher.returncode}")
    figures: dict[str, Any] = json.loads(line)
    return figures


def stream_file(program: Program, side: Side, setup: Setup, stream: str) -> Path:
    """Return where the output of the last run of a side is kept."""
    return setup.output / f"{program.name}.{side.value}.{stream}"


def reference_file(program: Program, setup: Setup) -> Path:
    """Return where the output that all runs must repeat is kept."""
    return setup.output / f"{program.name}.reference.out"


def check(row: Row, run: Run, setup: Setup) -> str | None:
    """Say what is wrong with a run, or None."""
    if run.status != 0:
        how = f"signal {signal.Signals(-run.status).name}" if run.status < 0 else f"status {run.status}"
        ended = f"the {run.side.value} run ended with {how} after {run.seconds:.1f} s"
        if run.seconds >= setup.timeout:
            ended = f"the {run.side.value} run was ended after {setup.timeout:g} s, the time limit"
        errors = stream_file(row.program, run.side, setup, "err").read_text(errors="replace").splitlines()
        shown = [f"  {line}" for line in errors[-ERROR_LINES:]] or ["  (nothing)"]
        return "\n".join([ended, "  the end of its error stream:", *shown])
    if run.work_seconds is None:
        return f"the {run.side.value} run left no figures behind (does it end with harness.run()?)"
    if run.digest != row.digest:
        difference = _difference(row.program, run, setup)
        return f"the {run.side.value} run printed something else than plain Python did:\n{difference}"
    jit = run.side is Side.WHIPSNAKE and not setup.noise
    if jit and not run.stats:
        return "Whipsnake was not switched on in its run"
    if not jit and run.stats:
        return "Whipsnake was switched on in a plain run"
    return None


def _difference(program: Program, run: Run, setup: Setup) -> str:
    """Show the first lines that differ between the reference and what a run printed."""
    files = [reference_file(program, setup), stream_file(program, run.side, setup, "out")]
    expected, found = (file.read_text(encoding="utf-8", errors="replace").splitlines() for file in files)
    different = (number for number, (a, b) in enumerate(zip(expected, found, strict=False)) if a != b)
    first = next(different, min(len(expected), len(found)))
    lines = [
        f"  the first difference is in line {first + 1} of {len(expected)} and {len(found)}; whole outputs:"
    ]
    lines += [f"  {file}" for file in files]
    window = slice(max(first - DIFF_CONTEXT, 0), first + DIFF_LINES)
    old, new = ([line[:200] for line in text[window]] for text in (expected, found))
    diff = difflib.unified_diff(old, new, "plain", run.side.value, n=DIFF_CONTEXT, lineterm="")
    return "\n".join(lines + [f"  {line}" for line in diff])
