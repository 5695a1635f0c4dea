"""Run benchmarks in fresh processes, the plain interpreter and Whipsnake in turn, and keep what they say.

A round is a process of each side, both alive, on one processor core. Once both are warm they take turns of a
few hundredths of a second, so what disturbs the machine disturbs both, and the ratio of neighbouring values
hardly knows of it. Several rounds are needed all the same: how a process happens to be laid out in memory
stays with it as long as it lives.

Everything a process says is appended to a file of results at once, one JSON object a line, so that a run
that was interrupted can go on where it was.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import math
import os
import resource
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from statistics import median
from typing import Any, Self

from bench import figures
from bench.catalogue import Item
from bench.environment import Environment

WORKER = Path(__file__).with_name("worker.py")
ERROR_LENGTH = 300
STARTUP_PROCESSES = 8
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
    patience: float = 20.0
    """Neither turns nor rounds are added to a benchmark that has had so many processor seconds."""


NORMAL = Effort(warm=0.8, measured=0.4, value=0.04)
QUICK = Effort(warm=0.4, measured=0.2, value=0.02, patience=6.0)
# Micro-benchmarks are compiled within milliseconds.
MICRO = Effort(warm=0.2, measured=0.2, value=0.02)
# A round has so many times as many turns if they scatter so that its ratio is not known to this part.
MORE_TURNS, CERTAIN_ROUND = 3, 0.008
# Rounds go on until the standard error of the logarithm of their ratio is no more than this ...
CERTAIN = 0.006
# ... but there are not more than so many times as many as were asked for, and not more than this.
MOST_TIMES, MOST_ROUNDS = 3, 6
# A row says so if its rounds' ratios stray by more than this part.
NOISY = 0.04
LEAST_WARMUPS, MOST_WARMUPS = 1, 30
LEAST_VALUES, MOST_VALUES = 3, 16


@dataclass(frozen=True)
class Setup:
    """What is the same for every process of one run."""

    environment: Environment
    effort: Effort = NORMAL
    engine: str = "baseline"
    """Whipsnake's, on the second side; empty for a rival, where Whipsnake is not at work."""
    extra_env: dict[str, str] = field(default_factory=dict)
    """Variables of the second side."""
    noise: bool = False
    """Whether the second side is to be the same as the first."""
    timeout: float = 120.0
    """Seconds that a process may take."""
    spec: dict[str, Any] = field(default_factory=dict)
    """What every worker is told besides."""

    def whipsnake_on(self, side: Side) -> bool:
        """Whether Whipsnake is at work on a side."""
        return side is Side.WHIPSNAKE and not self.noise and bool(self.engine)


@dataclass(frozen=True)
class Part:
    """One benchmark of an item, and how often it runs in a process."""

    item: Item
    name: str
    task: int | None
    loops: int = 1
    warmups: int = LEAST_WARMUPS
    values: int = LEAST_VALUES
    patience: float = NORMAL.patience


@dataclass
class Run:
    """What one process found."""

    side: Side
    values: list[float]
    """Processor seconds of one unit of work, one after another; those of both processes of a round in turn."""
    warmups: list[float] = field(default_factory=list)
    elapsed: float = 0.0
    """Processor seconds of all of them together."""
    digest: str | None = None
    """Digest of the result, if it has one that can be compared."""
    output: str = ""
    """Digest of the standard output."""
    peak_kb: int = 0
    jit: dict[str, Any] | None = None
    processor: float = 0.0
    """Processor seconds of the process, start-up and compiling included."""

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

    def rounds(self) -> list[tuple[list[float], list[float]]]:
        """Return the values of both sides of each round."""
        plain, jit = ([run.values for run in self.runs if run.side is side] for side in Side)
        return list(zip(plain, jit, strict=False))

    def logs(self) -> list[float]:
        """Return the logarithm of the ratio, plain over Whipsnake, that each round found."""
        return [figures.log_ratio(*both) for both in self.rounds()]

    def ratio(self) -> float | None:
        """Return plain over Whipsnake, above 1 is faster; None if it failed."""
        return None if self.failure is not None else figures.ratio(self.rounds())

    def spread(self) -> float:
        """Return how far the ratio strays between rounds, as a part of it."""
        return figures.spread(self.logs())

    def certain(self) -> bool:
        """Whether rounds, and the turns in them, agree so well that there is no need of more."""
        rounds = self.rounds()
        within = math.hypot(*(figures.turn_error(*both) for both in rounds)) / max(len(rounds), 1)
        return max(figures.standard_error(self.logs()), within) <= CERTAIN

    def enough(self) -> bool:
        """Whether more rounds would tell little more, or take too long."""
        return self.certain() or sum(run.processor for run in self.runs) > self.part.patience

    def first_ratio(self) -> float | None:
        """Return the ratio of the first values of fresh processes, compiling included; None without any."""
        plain, jit = (
            [run.warmups[0] for run in self.runs if run.side is side and run.warmups] for side in Side
        )
        return median(plain) / median(jit) if plain and jit else None

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


def turns(count: int, number: int) -> Iterator[tuple[Side, Side]]:
    """Yield the order of both sides for each turn of a round; who comes first changes, also between rounds."""
    order = Side.PLAIN, Side.WHIPSNAKE
    for turn in range(count):
        yield order if (turn + number) % 2 == 0 else order[::-1]


def find_parts(item: Item, setup: Setup, store: Store) -> list[Row]:
    """Return the parts of an item, with as much work as the plain interpreter shows to be suitable."""
    if item.kind == "startup":
        return [Row(Part(item, item.name, None))]
    effort = effort_for(item, setup)
    found = store.get(f"parts {item.name}", lambda: calibrate(item, setup, effort))
    if failed(found):
        return [Row(Part(item, item.name, None), failure=found["failure"])]
    return rows_of(item, found["parts"], effort)


def rows_of(item: Item, parts: Sequence[dict[str, Any]], effort: Effort) -> list[Row]:
    """Return an empty row for each part of an item, given what calibrating has found."""
    return [
        Row(
            Part(
                item,
                item.name if len(parts) == 1 else part_name(item.name, part["name"]),
                number,
                part["loops"],
                figures.amount(part["seconds"], effort.warm, LEAST_WARMUPS, MOST_WARMUPS),
                figures.amount(part["seconds"], effort.measured, LEAST_VALUES, MOST_VALUES),
                effort.patience,
            )
        )
        for number, part in enumerate(parts)
    ]


def effort_for(item: Item, setup: Setup) -> Effort:
    """Return how long the processes of an item work."""
    return replace(MICRO, patience=setup.effort.patience) if item.kind == "micro" else setup.effort


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
    """Run rounds until a side fails or they agree; compare what both sides computed.

    There are at least *rounds* of them.
    """
    if row.failure is not None:
        return
    for number in range(max(rounds, min(MOST_TIMES * rounds, MOST_ROUNDS))):
        if number >= rounds and row.enough():
            break
        found = store.get(
            f"{row.part.name} {number}", functools.partial(run_round, row.part, number, setup, setup)
        )
        if failed(found):
            row.failure = found["failure"]
            return
        row.runs += [Run(side, **found[side.value]) for side in Side]
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


def run_round(part: Part, number: int, plain: Setup, jit: Setup) -> dict[str, Any]:
    """Run a process of each side; return the fields of a Run of each, or the failure."""
    setups = {Side.PLAIN: plain, Side.WHIPSNAKE: jit}
    side = Side.PLAIN
    found: dict[str, dict[str, Any]] = {each.value: {"values": []} for each in Side}
    try:
        if part.item.kind == "startup":
            for order in turns(STARTUP_PROCESSES, number):
                for side in order:
                    start_up(part.item, side, setups[side], found[side.value])
            return found
        spec = {"task": part.task, "loops": part.loops}
        with contextlib.ExitStack() as stack:
            workers = {}
            for side in next(turns(1, number)):
                worker = Worker(part.item, side, spec, setups[side], obedient=True)
                workers[side] = stack.enter_context(worker)
                found[side.value]["warmups"] = worker.ask(part.warmups)
            for _ in range(MORE_TURNS):
                for order in turns(part.values, number):
                    for side in order:
                        found[side.value]["values"] += workers[side].ask(1)
                values = [each["values"] for each in found.values()]
                if figures.turn_error(*values) <= CERTAIN_ROUND or sum(map(sum, values)) > part.patience:
                    break
            for side, worker in workers.items():
                found[side.value] |= fields_of(*worker.result())
    except ProcessFailedError as error:
        return {"failure": f"the {side.value} side: {error}"}
    for side, setup in setups.items():
        there = found[side.value]["jit"] is not None
        if there != setup.whipsnake_on(side):
            return {"failure": f"the {side.value} side: Whipsnake was {'' if there else 'not '}at work"}
    return found


def fields_of(result: dict[str, Any], output: str) -> dict[str, Any]:
    """Return those fields of a Run that a process knows at its end."""
    [found] = result["benchmarks"]
    return {
        "elapsed": found["elapsed"],
        "processor": result["processor"],
        "digest": found.get("digest"),
        "output": output,
        "peak_kb": result["peak_kb"],
        "jit": result["whipsnake"],
    }


def ours(side: Side, setup: Setup) -> dict[str, str]:
    """Return the environment variables that the harness sets for a side."""
    if side is Side.PLAIN or setup.noise:
        return dict(FIXED)
    return FIXED | ({"WHIPSNAKE": setup.engine} if setup.engine else {}) | setup.extra_env


def environ(side: Side, setup: Setup) -> dict[str, str]:
    """Return the environment variables of a side."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(SCRUBBED)}
    return kept | ours(side, setup)


class Worker:
    """A process that measures an item; ended, if it has not ended by itself, where the context ends.

    *under* is the command of a profiler that takes the worker's as its last arguments. An *obedient* one
    measures what ask() says, another one what *spec* says.
    """

    def __init__(
        self,
        item: Item,
        side: Side,
        spec: dict[str, Any],
        setup: Setup,
        under: Sequence[str] = (),
        obedient: bool = False,
    ) -> None:
        self._timeout = self._left = setup.timeout
        self._folder = folder = setup.environment.scratch / side.value
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "work").mkdir(parents=True)
        self._out, spec_file = folder / "result.json", folder / "spec.json"
        whole = setup.spec | spec
        whole |= {"kind": item.kind, "path": str(item.path), "argv": item.argv, "out": str(self._out)}
        if item.needs_packages:
            whole["packages"] = str(setup.environment.packages)
        theirs: tuple[int, ...] = ()
        self._commands = self._answers = -1
        if obedient:
            commands, self._commands = os.pipe()
            self._answers, answers = os.pipe()
            theirs = whole["commands"] = commands, answers
        spec_file.write_text(json.dumps(whole), encoding="utf-8")
        with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
            self._process = subprocess.Popen(
                [*under, setup.environment.python, str(WORKER), str(spec_file)],
                env=environ(side, setup),
                cwd=folder / "work",
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                pass_fds=theirs,
                start_new_session=True,
            )
        for number in theirs:
            os.close(number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for number in (self._commands, self._answers):
            if number >= 0:
                os.close(number)

    def ask(self, count: int) -> list[float]:
        """Have it measure so many values, and return them. Raises ProcessFailedError."""
        with contextlib.suppress(BrokenPipeError):  # which reading tells, too
            os.write(self._commands, f"{count}\n".encode())
        answer = b""
        while not answer.endswith(b"\n"):
            started = time.monotonic()
            if not select.select([self._answers], [], [], max(self._left, 0.0))[0]:
                raise ProcessFailedError(out_of_time(self._timeout))
            self._left -= time.monotonic() - started
            piece = os.read(self._answers, 1 << 16)
            if not piece:
                raise ProcessFailedError(self._how_it_ended())
            answer += piece
        values: list[float] = json.loads(answer)
        return values

    def result(self) -> tuple[dict[str, Any], str]:
        """Wait for its end; return what it wrote and a digest of its standard output.

        Raises ProcessFailedError.
        """
        if self._commands >= 0:
            os.close(self._commands)
            self._commands = -1
        how = self._how_it_ended()
        if self._process.returncode != 0 or not self._out.is_file():
            raise ProcessFailedError(how)
        result: dict[str, Any] = json.loads(self._out.read_text(encoding="utf-8"))
        return result, hashlib.sha256((self._folder / "stdout").read_bytes()).hexdigest()[:16]

    def _how_it_ended(self) -> str:
        """Wait for its end, as long as it may take, and describe it. Raises ProcessFailedError."""
        try:
            status = self._process.wait(max(self._left, 0.0))
        except subprocess.TimeoutExpired:
            raise ProcessFailedError(out_of_time(self._timeout)) from None
        return describe_end(status, (self._folder / "stderr").read_text(errors="replace"))


def run_worker(
    item: Item,
    side: Side,
    spec: dict[str, Any],
    setup: Setup,
    under: Sequence[str] = (),
) -> tuple[dict[str, Any], str]:
    """Run a worker that does what *spec* says; return what it wrote and a digest of its standard output.

    Raises ProcessFailedError.
    """
    with Worker(item, side, spec, setup, under) as worker:
        return worker.result()


def out_of_time(seconds: float) -> str:
    """Say that a process was ended because it took too long."""
    return f"ended after {seconds:g} s, the time limit"


def describe_end(status: int, errors: str) -> str:
    """Say how a process ended, given its status and what it wrote to its error stream."""
    how = f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    return f"{how}: {lines[-1][:ERROR_LENGTH]}" if lines else how


def start_up(item: Item, side: Side, setup: Setup, found: dict[str, Any]) -> None:
    """Start an interpreter, and add what it took and a digest of what it printed to the fields of a Run.

    The first process of a Run does not count. Raises ProcessFailedError.
    """
    jit = setup.whipsnake_on(side)
    python = setup.environment.small_python if jit else setup.environment.bare_python
    scratch = setup.environment.scratch
    scratch.mkdir(parents=True, exist_ok=True)
    out, errors = scratch / "stdout", scratch / "stderr"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    actions = [
        (os.POSIX_SPAWN_OPEN, number, str(path), flags, 0o600) for number, path in ((1, out), (2, errors))
    ]
    child = os.posix_spawn(
        python, [python, *item.argv], environ(side, setup), file_actions=actions, setpgroup=0
    )
    status, usage = _wait(child, setup.timeout)
    if status != 0:
        raise ProcessFailedError(describe_end(status, errors.read_text(errors="replace")))
    seconds = usage.ru_utime + usage.ru_stime
    if "warmups" in found:
        found["values"].append(seconds)
    else:
        found["warmups"] = [seconds]
    printed = found.get("output", "").encode() + out.read_bytes()
    found["output"] = hashlib.sha256(printed).hexdigest()[:16]


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
