"""Run benchmarks in fresh processes, the plain interpreter and Whipsnake in turn, and keep what they say.

Everything a process says is appended to a file of results at once, one JSON object a line, so that a run
that was interrupted can go on where it was.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import resource
import select
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from statistics import median
from typing import Any

from bench import figures
from bench.catalogue import Item
from bench.environment import Environment

WORKER = Path(__file__).with_name("worker.py")
ERROR_LENGTH = 300
STARTUP_PROCESSES = 7
# Variables of the caller that could change what a benchmark does, by the beginning of their names.
SCRUBBED = ("PYTHON", "WHIPSNAKE", "LC_", "LANG", "TZ", "COLUMNS", "LINES")
FIXED = {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


class Side(Enum):
    """Which of the two ways to run a benchmark."""

    PLAIN = "plain"
    WHIPSNAKE = "whipsnake"


@dataclass(frozen=True)
class Effort:
    """How long the parts of one process's work take, in seconds."""

    warm: float
    """Values that do not count, together, at the least."""
    measured: float
    """Values that count, together."""
    value: float
    """One value, at the least."""


NORMAL = Effort(warm=0.8, measured=0.6, value=0.1)
QUICK = Effort(warm=0.5, measured=0.3, value=0.06)
# Micro-benchmarks are compiled within milliseconds.
MICRO = Effort(warm=0.2, measured=0.3, value=0.05)
# Rounds whose ratios stray by more than this part were disturbed.
NOISY = 0.04
LEAST_WARMUPS, MOST_WARMUPS = 1, 30
LEAST_VALUES, MOST_VALUES = 2, 10


@dataclass(frozen=True)
class Setup:
    """What is the same for every process of one run."""

    environment: Environment
    effort: Effort = NORMAL
    engine: str = "baseline"
    extra_env: dict[str, str] = field(default_factory=dict)
    noise: bool = False
    timeout: float = 120.0
    """Seconds that a process may take."""


@dataclass(frozen=True)
class Part:
    """One benchmark of an item, and how often it runs in a process."""

    item: Item
    name: str
    task: int | None
    loops: int = 1
    warmups: int = LEAST_WARMUPS
    values: int = LEAST_VALUES


@dataclass
class Run:
    """What one process found."""

    side: Side
    values: list[float]
    """Processor seconds of one unit of work, one after another."""
    warmups: list[float] = field(default_factory=list)
    elapsed: float = 0.0
    """Processor seconds of all of them together."""
    digest: str | None = None
    """Digest of the result, if it has one that can be compared."""
    output: str = ""
    """Digest of the standard output."""
    peak_kb: int = 0
    jit: dict[str, Any] | None = None

    @property
    def seconds(self) -> float:
        """The process's figure."""
        return median(self.values)


@dataclass
class Row:
    """All runs of a part, and what went wrong with it, if anything did."""

    part: Part
    runs: list[Run] = field(default_factory=list)
    failure: str | None = None
    absent: bool = False
    """Whether it did not even run, because what it needs cannot be installed."""

    def of(self, side: Side, value: Callable[[Run], float] = lambda run: run.seconds) -> list[float]:
        """Return a figure of every process of one side."""
        return [value(run) for run in self.runs if run.side is side]

    def ratio(self) -> float | None:
        """Return plain over Whipsnake, above 1 is faster; None if it failed."""
        if self.failure is not None:
            return None
        return figures.ratio(self.of(Side.PLAIN), self.of(Side.WHIPSNAKE))

    def spread(self) -> float:
        """Return how far the ratio strays between rounds, as a part of it."""
        return figures.spread(self.of(Side.PLAIN), self.of(Side.WHIPSNAKE))

    def best_ratio(self) -> float:
        """Return the ratio of the fastest processes, which others on the machine disturbed least."""
        return min(self.of(Side.PLAIN)) / min(self.of(Side.WHIPSNAKE))

    def warming(self) -> float:
        """Return how much faster Whipsnake's processes still became while they were measured."""
        return median([figures.warming(run.values) for run in self.runs if run.side is Side.WHIPSNAKE])


class ProcessFailedError(Exception):
    """A process crashed, hung, or said nothing; the message says which."""


class Store:
    """The file of results. Only what was measured under the same conditions (*identity*) is taken from it,
    and no failures: those are tried again."""

    def __init__(self, path: Path, identity: dict[str, Any], resume: bool) -> None:
        self._path = path
        self.note: str | None = None
        """Why what an earlier run has left is of no use; None if all is well."""
        self._known: dict[str, Any] = {}
        records: list[dict[str, Any]] = [{"identity": identity}]
        if resume and path.is_file():
            lines = path.read_text(encoding="utf-8").splitlines()
            found = (_loads(lines[0]) if lines else None) or {}
            if found == records[0]:
                records += filter(None, map(_loads, lines[1:]))
            else:
                earlier = found.get("identity", {})
                others = sorted(key for key in identity if earlier.get(key) != identity[key])
                self.note = f"nothing to resume: the earlier run had another {', '.join(others)}"
        for record in records[1:]:
            self._known |= {key: value for key, value in record.items() if not failed(value)}
        path.parent.mkdir(parents=True, exist_ok=True)
        # In one step, so that an end at this moment loses nothing.
        fresh = path.with_suffix(".new")
        fresh.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        fresh.replace(path)

    def get(self, key: str, make: Callable[[], Any]) -> Any:
        """Return what is known under a key; make and keep it otherwise."""
        if key not in self._known:
            self._known[key] = make()
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({key: self._known[key]}) + "\n")
        return self._known[key]


def failed(value: Any) -> bool:
    """Whether this is kept of a process that failed."""
    return isinstance(value, dict) and "failure" in value


def _loads(line: str) -> Any:
    """Read a line; None for one whose end is missing because its writer was interrupted."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def schedule(rounds: int) -> Iterator[tuple[int, Side]]:
    """Yield number and side of each process; who comes first changes from round to round."""
    for number in range(rounds):
        yield number, (Side.PLAIN, Side.WHIPSNAKE)[number % 2]
        yield number, (Side.WHIPSNAKE, Side.PLAIN)[number % 2]


def find_parts(item: Item, setup: Setup, store: Store) -> list[Row]:
    """Return the parts of an item, with as much work as the plain interpreter shows to be suitable."""
    if item.kind == "startup":
        return [Row(Part(item, item.name, None))]
    effort = effort_for(item, setup)
    found = store.get(f"parts {item.name}", lambda: calibrate(item, setup, effort))
    if failed(found):
        return [Row(Part(item, item.name, None), failure=found["failure"])]
    parts = found["parts"]
    return [
        Row(
            Part(
                item,
                item.name if len(parts) == 1 else part_name(item.name, part["name"]),
                number,
                part["loops"],
                figures.amount(part["seconds"], effort.warm, LEAST_WARMUPS, MOST_WARMUPS),
                figures.amount(part["seconds"], effort.measured, LEAST_VALUES, MOST_VALUES),
            )
        )
        for number, part in enumerate(parts)
    ]


def effort_for(item: Item, setup: Setup) -> Effort:
    """Return how long the processes of an item work."""
    return MICRO if item.kind == "micro" else setup.effort


def part_name(item: str, benchmark: str) -> str:
    """Name a benchmark of an item that has several: the item's name, a colon, what is new in the other."""
    rest = benchmark.removeprefix(item).lstrip("_") if benchmark.startswith(item + "_") else benchmark
    return f"{item}:{rest}"


def calibrate(item: Item, setup: Setup, effort: Effort) -> dict[str, Any]:
    """Run an item once without Whipsnake, to see what parts it has and how long they take."""
    spec = {"task": None, "loops": None, "value_seconds": effort.value}
    try:
        result, _ = run_worker(item, Side.PLAIN, spec, setup)
    except ProcessFailedError as error:
        return {"failure": str(error)}
    if not result["benchmarks"]:
        return {"failure": "the script ran no benchmark"}
    return {"parts": result["benchmarks"]}


def measure(row: Row, rounds: int, setup: Setup, store: Store) -> None:
    """Run both sides of a row in turn, until one fails; compare what they computed.

    A row whose rounds disagree gets as many rounds again.
    """
    if row.failure is not None:
        return
    for number, side in schedule(2 * rounds):
        if len(row.runs) == 2 * rounds and row.spread() <= NOISY:
            break
        key = f"{row.part.name} {number} {side.value}"
        found = store.get(key, functools.partial(_run, row.part, side, setup))
        if failed(found):
            row.failure = f"the {side.value} side: {found['failure']}"
            return
        row.runs.append(Run(side, **found))
    row.failure = difference(row.runs)


def difference(runs: Sequence[Run]) -> str | None:
    """Say what a Whipsnake run computed or printed differently; None if nothing.

    What is not the same in all plain runs cannot be compared.
    """
    for what, values in (
        ("result", [(run.side, run.digest) for run in runs]),
        ("output", [(run.side, run.output) for run in runs]),
    ):
        plain = {value for side, value in values if side is Side.PLAIN}
        jit = {value for side, value in values if side is Side.WHIPSNAKE}
        if len(plain) == 1 and jit and plain != jit:
            return f"the {what} differs"
    return None


def _run(part: Part, side: Side, setup: Setup) -> dict[str, Any]:
    """Run a part in a process of its own; return the fields of a Run, or the failure."""
    try:
        if part.item.kind == "startup":
            values, output = start_up(part.item, side, setup)
            return {"values": values, "output": output}
        spec = {"task": part.task, "loops": part.loops, "warmups": part.warmups, "values": part.values}
        result, output = run_worker(part.item, side, spec, setup)
    except ProcessFailedError as error:
        return {"failure": str(error)}
    jit = result["whipsnake"]
    if (jit is not None) != (side is Side.WHIPSNAKE and not setup.noise):
        return {"failure": "Whipsnake was " + ("not at work" if jit is None else "at work")}
    [found] = result["benchmarks"]
    return {
        "values": found["values"],
        "warmups": found["warmups"],
        "elapsed": found["elapsed"],
        "digest": found.get("digest"),
        "output": output,
        "peak_kb": result["peak_kb"],
        "jit": jit,
    }


def ours(side: Side, setup: Setup) -> dict[str, str]:
    """Return the environment variables that the harness sets for a side."""
    if side is Side.WHIPSNAKE and not setup.noise:
        return FIXED | {"WHIPSNAKE": setup.engine} | setup.extra_env
    return dict(FIXED)


def environ(side: Side, setup: Setup) -> dict[str, str]:
    """Return the environment variables of a side."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(SCRUBBED)}
    return kept | ours(side, setup)


def run_worker(
    item: Item,
    side: Side,
    spec: dict[str, Any],
    setup: Setup,
    under: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
) -> tuple[dict[str, Any], str]:
    """Run the worker on an item; return what it wrote and a digest of its standard output.

    *under* is the command of a profiler that takes the worker's as its last arguments; *variables* are added
    to the environment.

    Raises ProcessFailedError.
    """
    scratch = setup.environment.scratch
    shutil.rmtree(scratch, ignore_errors=True)
    (scratch / "work").mkdir(parents=True)
    out, spec_file = scratch / "result.json", scratch / "spec.json"
    whole = spec | {"kind": item.kind, "path": str(item.path), "argv": item.argv, "out": str(out)}
    spec_file.write_text(json.dumps(whole), encoding="utf-8")
    command = [*under, setup.environment.python, str(WORKER), str(spec_file)]
    with (scratch / "stdout").open("wb") as stdout, (scratch / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            command,
            env=environ(side, setup) | dict(variables or {}),
            cwd=scratch / "work",
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        try:
            status = process.wait(setup.timeout)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise ProcessFailedError(out_of_time(setup.timeout)) from None
            raise
    if status != 0 or not out.is_file():
        raise ProcessFailedError(describe_end(status, (scratch / "stderr").read_text(errors="replace")))
    result: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return result, hashlib.sha256((scratch / "stdout").read_bytes()).hexdigest()[:16]


def out_of_time(seconds: float) -> str:
    """Say that a process was ended because it took too long."""
    return f"ended after {seconds:g} s, the time limit"


def describe_end(status: int, errors: str) -> str:
    """Say how a process ended, given its status and what it wrote to its error stream."""
    how = f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return f"{how}: {lines[-1][:ERROR_LENGTH]}" if lines else how


def start_up(item: Item, side: Side, setup: Setup) -> tuple[list[float], str]:
    """Start an interpreter some times; return the processor seconds of each process but the first, and a
    digest of what they printed.

    Raises ProcessFailedError.
    """
    jit = side is Side.WHIPSNAKE and not setup.noise
    python = setup.environment.small_python if jit else setup.environment.bare_python
    env = environ(side, setup)
    scratch = setup.environment.scratch
    scratch.mkdir(parents=True, exist_ok=True)
    out, errors = scratch / "stdout", scratch / "stderr"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    actions = [
        (os.POSIX_SPAWN_OPEN, number, str(path), flags, 0o600) for number, path in ((1, out), (2, errors))
    ]
    seconds, outputs = [], []
    for _ in range(STARTUP_PROCESSES + 1):
        child = os.posix_spawn(python, [python, *item.argv], env, file_actions=actions, setpgroup=0)
        status, usage = _wait(child, setup.timeout)
        if status != 0:
            raise ProcessFailedError(describe_end(status, errors.read_text(errors="replace")))
        seconds.append(usage.ru_utime + usage.ru_stime)
        outputs.append(out.read_bytes())
    return seconds[1:], hashlib.sha256(b"\0".join(outputs)).hexdigest()[:16]


def _wait(child: int, timeout: float) -> tuple[int, resource.struct_rusage]:
    """Wait for a process that leads its group; return its exit code and what it used.

    Ends it, and raises ProcessFailedError, if it takes too long.
    """
    watched = os.pidfd_open(child)
    try:
        ended = bool(select.select([watched], [], [], timeout)[0])
    except BaseException:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    finally:
        os.close(watched)
    if not ended:
        os.killpg(child, signal.SIGKILL)
    _, status, usage = os.wait4(child, 0)
    if not ended:
        raise ProcessFailedError(out_of_time(timeout))
    return os.waitstatus_to_exitcode(status), usage
