"""Warm-up: the time of each iteration from the start of a process on, and of runs that are short.

Each side runs once, in a fresh process, the same number of iterations, of some 10 ms each. When a process had
done so many of them, start-up and compiling included, is what a run of that length would have taken: so short
runs need no processes of their own.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from bench import figures, measure
from bench.catalogue import Item
from bench.measure import Effort, ProcessFailedError, Setup, Side, Store

ITERATION = 0.01
WORK = 10.0
QUICK_WORK = 1.0
SHORT_RUNS = (0.1, 1.0, 10.0)
"""Seconds of work without Whipsnake, start-up not counted, whose total times are told."""
ITEMS = (
    *("fib", "attributes", "instances", "str_methods", "try_raise", "micro:generators"),
    *("richards", "deltablue", "raytrace", "pyflate", "json_loads", "regex_compile", "sqlglot_v2_parse"),
    *("std_text", "std_simulation", "web_django", "web_flask"),
)
"""Benchmarks whose warm-up is measured where everything is."""


def measure_all(items: Sequence[Item], setup: Setup, store: Store, work: float) -> list[dict[str, Any]]:
    """Return the curves of both sides of each item, of the first part where there are several.

    A curve has ``item``, ``side`` and ``points``: processor seconds since the process started, and those of
    the iteration that ended then; or it has no points and ``failure``.
    """
    curves = []
    for item in items:
        key = f"curve {item.name} {work:g}"
        found = store.get(
            f"{key} parts",
            functools.partial(measure.calibrate, item, setup, Effort(ITERATION, ITERATION, ITERATION)),
        )
        if measure.failed(found):
            curves.append({"item": item.name, "side": Side.PLAIN.value, "points": []} | found)
            continue
        part = found["parts"][0]
        spec = {
            "task": 0,
            "loops": part["loops"],
            "warmups": 0,
            "values": figures.amount(part["seconds"], work, 1, 10_000),
            "curve": True,
        }
        for side in Side:
            run = store.get(f"{key} {side.value}", functools.partial(_run, item, side, spec, setup))
            curves.append({"item": item.name, "side": side.value, "points": []} | run)
    return curves


def _run(item: Item, side: Side, spec: dict[str, Any], setup: Setup) -> dict[str, Any]:
    """Run one side; return its points, or the failure."""
    try:
        result, _ = measure.run_worker(item, side, spec, setup)
    except ProcessFailedError as error:
        return {"failure": str(error)}
    [found] = result["benchmarks"]
    return {"points": found["points"]}


def iterations(curve: dict[str, Any], work: float) -> int | None:
    """Return how many iterations are so many seconds of work; None if there are not so many."""
    total = 0.0
    for number, (_, seconds) in enumerate(curve["points"], 1):
        total += seconds
        if total >= work * 0.98:
            return number
    return None


def short_runs(plain: dict[str, Any], jit: dict[str, Any]) -> dict[float, tuple[float, float]]:
    """Return both sides' total time, by seconds of work."""
    found = {}
    for work in SHORT_RUNS:
        number = iterations(plain, work)
        if number is not None and number <= len(jit["points"]):
            found[work] = plain["points"][number - 1][0], jit["points"][number - 1][0]
    return found


def lines(curves: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Return the cells of the table of short runs, a heading first; nothing else if there is none."""
    rows = [["benchmark", *(f"{work:g} s of work" for work in SHORT_RUNS), ""]]
    sides = {(curve["item"], curve["side"]): curve for curve in curves}
    for item in dict.fromkeys(curve["item"] for curve in curves):
        failures = [curve["failure"] for curve in curves if curve["item"] == item and "failure" in curve]
        if failures:
            rows.append([item, *["-"] * len(SHORT_RUNS), f"FAILED: {failures[0]}"])
            continue
        runs = short_runs(sides[item, Side.PLAIN.value], sides[item, Side.WHIPSNAKE.value])
        cells = []
        for work in SHORT_RUNS:
            if work not in runs:
                cells.append("-")
                continue
            plain, jit = runs[work]
            times = f"{figures.human_seconds(plain)} / {figures.human_seconds(jit)}"
            cells.append(f"{times} = {plain / jit:.3f}")
        rows.append([item, *cells, ""])
    return rows
