"""Where the time of one benchmark goes, with and without Whipsnake: ``python -m bench.where ITEM``.

Samples of the processor clock (``perf record -e cpu-clock``), with names for machine code from Whipsnake's
perf map; where perf is missing or not allowed, instructions counted by callgrind, which knows no names of
machine code. Shares are of the whole process, start-up included, and are shown as time per unit of work.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench import environment, figures, measure, report, table
from bench.environment import SetupError
from bench.measure import Part, ProcessFailedError, Setup, Side

FREQUENCY = 2999
# Under callgrind a program takes some fifty times as long.
CALLGRIND_SHARE = 0.02
MACHINE_CODE = "compiled code"
SHARED_CODE = "shared machine code"
HELPERS = "Whipsnake's helpers"
INTERPRETER = "interpreter loop"
CPYTHON = "CPython's C code"
ALLOCATOR = "allocator"
COLLECTOR = "garbage collector"
LIBRARY = "C library"
EXTENSIONS = "other libraries"
KERNEL = "kernel"
UNKNOWN = "unknown"
CATEGORIES = (
    *(MACHINE_CODE, SHARED_CODE, HELPERS, INTERPRETER, CPYTHON, ALLOCATOR),
    *(COLLECTOR, LIBRARY, EXTENSIONS, KERNEL, UNKNOWN),
)

IN_ALLOCATOR = re.compile(
    r"_?Py(Object|Mem)_(Raw)?(Malloc|Calloc|Realloc|Free)|_PyMem_|pymalloc_|(m|c|re)alloc\b|c?free\b|_int_(malloc|free)"
    r"|(__libc_|sys)(m|c|re)?alloc|__libc_free|malloc_consolidate|unlink_chunk|new_arena|arena_map|address_in_range"
)
IN_COLLECTOR = re.compile(
    r"_?PyGC|_Py_RunGC|gc_collect|deduce_unreachable|update_refs|subtract_refs|move_|visit_(decref|reachable)|untrack_"
    r"|delete_garbage|handle_weakrefs|finalize_garbage|\w+_traverse\b|clear_weakref_lists|mark_"
)
IN_LIBRARY = re.compile(r"(libc|libm|libpthread|ld-linux[\w-]*|libstdc\+\+|libgcc_s|ld)[-.]")
IN_CPYTHON = re.compile(r"(libpython3|python3?(\.\d+)?$)")


@dataclass(frozen=True)
class Place:
    """A function, or a piece of machine code."""

    name: str
    library: str
    """File that it is in, without its folder."""

    @property
    def category(self) -> str:
        """Return which of CATEGORIES it belongs to."""
        if self.library.startswith("_core."):
            return HELPERS
        if self.name.startswith("whipsnake:"):
            return MACHINE_CODE if self.name.count(":") > 1 else SHARED_CODE
        if self.library.startswith(("[kernel", "[guest.kernel", "[vdso", "[vsyscall")):
            return KERNEL
        if IN_ALLOCATOR.match(self.name):
            return ALLOCATOR
        if IN_LIBRARY.match(self.library):
            return LIBRARY
        if IN_CPYTHON.match(self.library):
            if self.name.startswith("_PyEval_EvalFrameDefault"):
                return INTERPRETER
            return COLLECTOR if IN_COLLECTOR.match(self.name) else CPYTHON
        if ".so" in self.library:
            return EXTENSIONS
        return UNKNOWN


UNNAMED = Place("whipsnake:(callgrind knows no names):", "")


@dataclass
class Profile:
    """Where one side spends its time."""

    weights: Counter[Place]
    seconds: float
    """Time of one unit of work."""

    def share(self, place: Place) -> float:
        """Return the part of the whole that is spent in a place."""
        return self.weights[place] / max(self.weights.total(), 1)

    def categories(self) -> dict[str, float]:
        """Return the part of each category that occurs."""
        found = dict.fromkeys(CATEGORIES, 0.0)
        for place in self.weights:
            found[place.category] += self.share(place)
        return found


def read_perf(text: str) -> Counter[Place]:
    """Read ``perf report --fields sample,dso,sym`` with ``;`` between fields."""
    weights: Counter[Place] = Counter()
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(";", 2)]
        if len(cells) < 3 or not cells[0].isdigit():
            continue
        samples, library, symbol = cells
        name = re.sub(r"^\[[^]]\]\s*", "", symbol)
        if symbol.startswith("[k]"):
            library = "[kernel]"
        elif library.startswith("[JIT]"):
            library = ""
        weights[Place(name, Path(library).name)] += int(samples)
    return weights


def read_callgrind(text: str) -> Counter[Place]:
    """Read what ``callgrind_annotate`` prints: ``12,345 (6.78%)  file:function [library]``.

    The library is missing where the code of another file was inlined into a function; then it is that of the
    function's other lines. What is known by its address alone is machine code.
    """
    pattern = re.compile(r"\s*([\d,]+) \([^)]*\)\s+(\S*?):(.+?)(?: \[([^]]*)\])?$")
    lines = [found for line in text.splitlines() if (found := pattern.match(line))]
    rows = [(found[3].removesuffix("'2"), Path(found[4] or "").name, found[1]) for found in lines]
    libraries = {name: library for name, library, _ in rows if library}
    weights: Counter[Place] = Counter()
    for name, library, count in rows:
        if name.startswith("0x") and library == "???":
            place = UNNAMED
        else:
            place = Place(name, library or libraries.get(name, ""))
        weights[place] += int(count.replace(",", ""))
    return weights


def profile(part: Part, side: Side, setup: Setup, tool: str) -> Profile:
    """Profile a process of one side. Raises ProcessFailedError and SetupError."""
    folder = setup.environment.folder / "where"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    data = str(folder / "data")
    spec = {"task": part.task, "loops": part.loops, "warmups": part.warmups, "values": part.values}
    if tool == "perf":
        record = ["perf", "record", "--quiet", "--event=cpu-clock", f"--freq={FREQUENCY}", f"--output={data}"]
        with_map = dataclasses.replace(setup, extra_env=setup.extra_env | {"WHIPSNAKE_PERF_MAP": "1"})
        result, _ = measure.run_worker(part.item, side, spec, with_map, [*record, "--"])
        fields = ["--fields=sample,dso,sym", "--field-separator=;", "--stdio", f"--input={data}"]
        weights = read_perf(output(["perf", "report", *fields]))
        Path(f"/tmp/perf-{result['pid']}.map").unlink(missing_ok=True)
    else:
        record = ["valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={data}"]
        result, _ = measure.run_worker(part.item, side, spec, setup, record)
        weights = read_callgrind(output(["callgrind_annotate", "--threshold=100", "--auto=no", data]))
    [found] = result["benchmarks"]
    return Profile(weights, median(found["values"]))


def output(command: Sequence[str]) -> str:
    """Return what a tool prints. Raises SetupError."""
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise SetupError(f"{command[0]}: {done.stderr.strip()[-300:]}")
    return done.stdout


def choose_tool() -> str:
    """Return the better tool that works here. Raises SetupError."""
    if shutil.which("perf"):
        probe = ["perf", "record", "--quiet", "--event=cpu-clock", "--output=/dev/null", "--", "true"]
        if subprocess.run(probe, capture_output=True, check=False).returncode == 0:
            return "perf"
    if shutil.which("valgrind") and shutil.which("callgrind_annotate"):
        return "callgrind"
    raise SetupError("neither perf (Debian: linux-perf) nor valgrind works here")


def side_by_side(plain: Profile, jit: Profile) -> list[list[str]]:
    """Return the cells of the table of categories, a heading first, as time per unit of work."""
    lines = [["", "plain", "", "whipsnake", "", ""]]
    shares = plain.categories(), jit.categories()
    for category in CATEGORIES:
        cells = [category]
        for found, share in zip((plain, jit), (each[category] for each in shares), strict=True):
            cells += [figures.human_seconds(found.seconds * share), f"{share:.1%}"] if share else ["-", ""]
        if any(each[category] for each in shares):
            lines.append([*cells, ""])
    whole = [figures.human_seconds(found.seconds) for found in (plain, jit)]
    ratio = f"ratio {plain.seconds / jit.seconds:.3f} under the profiler"
    lines.append(["one unit of work", whole[0], "", whole[1], "", ratio])
    return lines


def top(found: Profile, number: int) -> list[list[str]]:
    """Return the cells of the list of the places where most time is spent, a heading first."""
    lines = [["", "share", "time", "where"]]
    for place, _ in found.weights.most_common(number):
        share = found.share(place)
        name = place.name if place.library == "" else f"{place.name} [{place.library}]"
        time = figures.human_seconds(found.seconds * share)
        lines.append([place.category, f"{share:.1%}", time, name])
    return lines


def find_part(name: str, args: argparse.Namespace) -> tuple[Part, Setup]:
    """Return a benchmark, or a part of one (``item:part``), with work that fills the seconds asked for.

    Raises SetupError.
    """
    options = ["--quick", "--python", args.python, "--build", str(args.build), "--timeout", str(args.timeout)]
    item_name = name
    interpreter = environment.probe(args.python)
    try:
        setup, chosen, absent = table.prepare(
            table.parse([*options, "--only", name], "bench.where"), True, interpreter
        )
    except SetupError:
        item_name = name.partition(":")[0]
        if item_name == name:
            raise
        setup, chosen, absent = table.prepare(
            table.parse([*options, "--only", item_name], "bench.where"), True, interpreter
        )
    if absent or len(chosen) != 1 or chosen[0].kind == "startup":
        raise SetupError(f"{name} cannot be profiled: {absent.get(item_name, 'not one benchmark')}")
    setup = dataclasses.replace(setup, extra_env=dict(args.env))
    scale = args.seconds * (CALLGRIND_SHARE if args.tool == "callgrind" else 1.0)
    effort = measure.Effort(warm=scale / 4, measured=scale, value=scale / 10)
    found = measure.calibrate(chosen[0], setup, effort)
    if measure.failed(found):
        raise SetupError(f"{name}: {found['failure']}")
    parts = {
        chosen[0].name if len(found["parts"]) == 1 else measure.part_name(item_name, part["name"]): (
            number,
            part,
        )
        for number, part in enumerate(found["parts"])
    }
    if name not in parts and len(parts) > 1:
        raise SetupError(f"{name} has several parts; name one: {', '.join(parts)}")
    number, part = parts[name]
    warmups = figures.amount(part["seconds"], effort.warm, 1, 100)
    values = figures.amount(part["seconds"], effort.measured, 1, 100)
    return Part(chosen[0], name, number, part["loops"], warmups, values), setup


def main(argv: Sequence[str] | None = None) -> int:
    """Profile both sides and print the tables; 2 if that is not possible."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.where", description="Where the time of a benchmark goes."
    )
    parser.add_argument("item", help="a benchmark (python -m bench --list), or a part of one (item:part)")
    parser.add_argument("--seconds", type=float, default=2.0, metavar="S", help="work to look at (2)")
    parser.add_argument("--top", type=int, default=15, metavar="N", help="lines of each list (15)")
    parser.add_argument("--tool", choices=("perf", "callgrind"), help="default: perf where it works")
    parser.add_argument("--python", default=sys.executable, metavar="PATH", help="a Python with Whipsnake")
    parser.add_argument("--env", action="append", default=[], type=table.variable, metavar="K=V")
    parser.add_argument("--timeout", type=float, default=300.0, metavar="S")
    parser.add_argument("--core", type=int, metavar="N", help="processor core to use (default: the last)")
    environment.add_build_option(parser)
    args = parser.parse_args(argv)
    try:
        args.tool = args.tool or choose_tool()
        with environment.lock(args.build.resolve() / "bench"):
            part, setup = find_part(args.item, args)
            table.pin(args.core)
            plain, jit = (profile(part, side, setup, args.tool) for side in Side)
    except (SetupError, ProcessFailedError) as error:
        print(error, file=sys.stderr)
        return 2
    unit = "instructions" if args.tool == "callgrind" else "samples"
    print(f"{part.name}, {plain.weights.total()} {unit} plain, {jit.weights.total()} with Whipsnake\n")
    print(report.align(side_by_side(plain, jit)))
    for title, found in (("plain", plain), ("whipsnake", jit)):
        print(f"\n{title}\n{report.align(top(found, args.top))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
