"""The process that is measured: runs one benchmark again and again and writes down how long each time took.

Run as ``python worker.py SPEC``. SPEC is a JSON file:

``kind``    ``micro``, ``workload``: *path* is a module of ours with ``run(n)``. ``pyperf``: *path* is a script
            that calls pyperf's Runner, *argv* its options, and *task* the number of the benchmark in it (null:
            all, one by one).
``packages``  a folder with packages, or null
``loops``   units of work in one value; null: find out how many it takes to fill *value_seconds*
``commands``  two file descriptors: what is read from the first are numbers, one a line, and each is answered
            on the second with a JSON list of so many values; the process ends at the end of the first
``warmups`` without commands: values that do not count, *values*: those that do
``curve``   true: of each value, processor seconds since the process started and those it took, instead
``lazy``    true: annotations of a module of ours are not evaluated
``out``     the JSON file to write

A figure is seconds of processor time for one unit of work. It is the time that the benchmark reports, times
the part of it in which this process (or its children) had a processor: what others do there is not counted.

Rivals run this file, too, so it keeps to what Python 3.9 can read.
"""

from __future__ import annotations
import __future__

import builtins
import hashlib
import importlib
import json
import os
import resource
import runpy
import sys
import time
import types
from collections.abc import Callable
from typing import Any

PLAIN_TYPES = (int, float, complex, str, bytes, bytearray, bool, type(None), range)
HOT_SITES = 40


def processor_seconds() -> float:
    """Seconds that this process and its finished children have spent on a processor."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def timed(function: Callable[[int], float], loops: int) -> float:
    """Call function(loops), which returns seconds; return seconds of processor time."""
    processor, wall = processor_seconds(), time.perf_counter()
    seconds = function(loops)
    processor, wall = processor_seconds() - processor, time.perf_counter() - wall
    return seconds * min(processor / wall, 1.0)


def find_loops(function: Callable[[int], float], value_seconds: float) -> tuple[int, float]:
    """Return (loops, seconds they take): as many as fill a value, or one that takes longer."""
    loops = 1
    while True:
        seconds = timed(function, loops)
        if seconds >= value_seconds or loops >= 1 << 30:
            return loops, seconds
        wanted = loops * value_seconds / max(seconds, 1e-9)
        loops = min(max(loops + 1, int(wanted * 1.1)), loops * 20)


def measure(
    name: str, function: Callable[[int], float], spec: dict[str, Any], inner: int = 1
) -> dict[str, Any]:
    """Return the figures of one benchmark: function(loops) does the work and returns seconds."""
    if spec["loops"] is None:
        loops, seconds = find_loops(function, spec["value_seconds"])
        return {"name": name, "loops": loops, "seconds": seconds}
    per_value = spec["loops"] * inner
    if spec.get("curve"):
        points = []
        for _ in range(spec["values"]):
            seconds = timed(function, spec["loops"])
            points.append((processor_seconds(), seconds))
        return {"name": name, "points": points}
    if spec.get("commands"):
        return {"name": name, "elapsed": obey(function, spec["loops"], per_value, *spec["commands"])}
    warm = [timed(function, spec["loops"]) / per_value for _ in range(spec["warmups"])]
    values = [timed(function, spec["loops"]) / per_value for _ in range(spec["values"])]
    return {"name": name, "warmups": warm, "values": values, "elapsed": sum(warm + values) * per_value}


def obey(function: Callable[[int], float], loops: int, per_value: int, commands: int, answers: int) -> float:
    """Measure as many values as each command says, and answer with them; return the seconds of all."""
    elapsed = 0.0
    with open(commands, encoding="ascii") as numbers, open(answers, "w", encoding="ascii") as out:
        # Not an iteration over the file, which would read ahead.
        while line := numbers.readline():
            values = [timed(function, loops) / per_value for _ in range(int(line))]
            elapsed += sum(values) * per_value
            print(json.dumps(values), file=out, flush=True)
    return elapsed


def digest(value: object) -> str | None:
    """Return a digest of a value made of plain built-in values; None of anything else."""
    if not is_plain(value):
        return None
    return hashlib.sha256(repr(value).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def is_plain(value: object) -> bool:
    """Whether equal values of this kind have equal representations."""
    if isinstance(value, (list, tuple)):
        return all(map(is_plain, value))
    if isinstance(value, dict):
        return all(map(is_plain, value)) and all(map(is_plain, value.values()))
    return type(value) in PLAIN_TYPES


def run_module(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Measure run(n) of a module; its result is compared."""
    folder, file = os.path.split(spec["path"])
    name = file.removesuffix(".py")
    sys.path[0] = os.path.dirname(os.path.dirname(folder))
    module = f"bench.{os.path.basename(folder)}.{name}"
    run = (import_lazily(module, spec["path"]) if spec.get("lazy") else importlib.import_module(module)).run
    results: list[tuple[int, str | None]] = []

    def function(loops: int) -> float:
        start = time.perf_counter()
        result = run(loops)
        seconds = time.perf_counter() - start
        results.append((loops, digest(result)))
        return seconds

    figures = measure(name, function, spec)
    if len(set(results)) > 1 and spec["loops"] is not None:
        raise AssertionError(f"run({spec['loops']}) returned different results: {results}")
    return [figures | {"digest": results[-1][1]}]


def import_lazily(name: str, path: str) -> Any:
    """Import a module without evaluating its annotations, which older Pythons cannot."""
    module = types.ModuleType(name)
    sys.modules[name] = module
    with open(path, encoding="utf-8") as file:
        flags = __future__.annotations.compiler_flag
        exec(compile(file.read(), path, "exec", flags), module.__dict__)
    return module


def run_pyperf(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Measure the benchmarks of a pyperf script in place of pyperf's Runner."""
    import pyperf  # type: ignore[import-not-found, import-untyped, unused-ignore]

    found: list[dict[str, Any]] = []
    plain_bench_func = pyperf.Runner.bench_func

    def measure_task(runner: Any, task: Any) -> None:
        inner = task.inner_loops or 1
        found.append(measure(task.name, lambda loops: task.task_func(task, loops), spec, inner))

    def bench_func(runner: Any, name: str, function: Any, *args: Any, **kwargs: Any) -> None:
        number = len(found)
        plain_bench_func(runner, name, function, *args, **kwargs)
        if len(found) > number:
            found[-1]["digest"] = digest(function(*args))

    pyperf.Runner._worker = measure_task
    pyperf.Runner.bench_func = bench_func
    sys.argv = [spec["path"], *spec["argv"], "--worker", "--loops=1", "--warmups=0"]
    if spec["task"] is not None:
        sys.argv.append(f"--worker-task={spec['task']}")
    sys.path[0] = os.path.dirname(spec["path"])
    try:
        # Where a script runs as the main program this is the module, which some change, not its dictionary.
        runpy.run_path(spec["path"], init_globals={"__builtins__": builtins}, run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise
    return found


def peak_kilobytes() -> int:
    """Peak of the memory in use; not ru_maxrss, in which the kernel counts the parent process, too."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))


def jit_state() -> dict[str, Any] | None:
    """What Whipsnake did in this process; None where it was not at work."""
    if os.environ.get("WHIPSNAKE", "off") == "off":
        return None
    try:
        # Started by itself, it is no module that a program sees.
        whipsnake = importlib.import_module("whipsnake")
    except ImportError:
        return None
    if not whipsnake.is_enabled():
        return None
    return {"stats": whipsnake.stats(), "hot_sites": whipsnake._core.hot_sites(HOT_SITES)}


def main(spec_path: str) -> None:
    """Do what the specification says."""
    with open(spec_path, encoding="utf-8") as file:
        spec = json.load(file)
    if spec.get("packages"):
        sys.path.insert(1, spec["packages"])
    found = run_pyperf(spec) if spec["kind"] == "pyperf" else run_module(spec)
    result = {
        "benchmarks": found,
        "processor": processor_seconds(),
        "peak_kb": peak_kilobytes(),
        "pid": os.getpid(),
        "whipsnake": jit_state(),
    }
    with open(spec["out"], "w", encoding="utf-8") as file:
        json.dump(result, file)


if __name__ == "__main__":
    main(sys.argv[1])
