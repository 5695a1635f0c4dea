"""What is measured: micro-benchmarks, workloads, pyperformance's programs, start-up, memory; and the targets."""

from __future__ import annotations

import ast
import configparser
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

MICRO = Path(__file__).with_name("micro")
WORKLOADS = Path(__file__).with_name("workloads")
# Workloads of which the names begin so need no packages.
STDLIB_PREFIX = "std_"


class Kind(Enum):
    """How a target's figure is made of those of its benchmarks, and which side of the target is good."""

    RATIO = "ratio"
    """plain / whipsnake of each benchmark, at least the target"""
    MEAN = "mean"
    """geometric mean of the ratios, at least the target"""
    SLOWEST = "slowest"
    """smallest ratio of all of pyperformance that was measured, at least the target"""
    MILLISECONDS = "milliseconds"
    """whipsnake - plain in milliseconds, at most the target"""
    MEMORY = "memory"
    """whipsnake / plain, at most the target"""


@dataclass(frozen=True)
class Target:
    """One line of the table of targets."""

    title: str
    kind: Kind
    items: tuple[str, ...]
    """Names of benchmarks."""
    limit: float
    """What a CPython without profile-guided optimization must reach."""
    pgo_limit: float
    """What one built with it must reach."""

    def met(self, value: float, pgo: bool) -> bool:
        """Whether a figure reaches the target."""
        limit = self.limit_for(pgo)
        return value <= limit if self.kind in (Kind.MILLISECONDS, Kind.MEMORY) else value >= limit

    def limit_for(self, pgo: bool) -> float:
        """Return the limit for one of the two kinds of builds."""
        return self.pgo_limit if pgo else self.limit


PURE_PYTHON = tuple(
    """
    chaos comprehensions crypto_pyaes deepcopy deltablue fannkuch float generators go hexiom html5lib logging
    mako mdp meteor_contest nbody nqueens pathlib pickle_pure_python unpickle_pure_python pprint pyflate
    raytrace regex_compile richards richards_super scimark spectral_norm sqlglot_v2 sqlglot_v2_parse
    sqlglot_v2_transpile sqlglot_v2_optimize sympy telco tomli_loads typing_runtime_protocols unpack_sequence
    async_tree async_tree_memoization async_tree_io async_tree_cpu_io_mixed async_generators
    coroutines docutils genshi
    """.split()
)
"""The items of pyperformance that spend their time in Python code."""

STARTUP = {
    "startup_pass": "pass",
    "startup_imports": "import asyncio, json, email, http.client",
}
"""Start-up benchmarks, and what they hand to ``python -c``."""

MEMORY_ITEM = "docutils"

QUICK_CUT = frozenset(
    """
    chaos comprehensions coroutines deltablue fannkuch go hexiom json_loads logging mako nbody
    pyflate raytrace regex_compile richards spectral_norm async_tree unpack_sequence
    """.split()
)
"""The items of pyperformance that a quick run of everything has: many kinds of work, short processes."""

TARGETS = (
    Target("recursive function calls", Kind.RATIO, ("fib",), 3.0, 2.5),
    Target("method calls", Kind.RATIO, ("method_calls",), 2.0, 1.6),
    Target("attribute loads and stores", Kind.RATIO, ("attributes",), 2.0, 1.6),
    Target("creating instances with __init__", Kind.RATIO, ("instances",), 1.8, 1.5),
    Target("float arithmetic in a loop", Kind.RATIO, ("float_loop",), 2.0, 1.6),
    Target("int arithmetic in a loop", Kind.RATIO, ("int_loop",), 2.0, 1.6),
    Target("list indexing", Kind.RATIO, ("list_indexing",), 2.0, 1.6),
    Target("for over a range", Kind.RATIO, ("for_range",), 2.0, 1.6),
    Target("for over a list", Kind.RATIO, ("for_list",), 2.0, 1.6),
    Target("generators", Kind.RATIO, ("micro:generators",), 1.4, 1.2),
    Target("try/except without a raise", Kind.RATIO, ("try_no_raise",), 1.4, 1.2),
    Target("try/except with a raise", Kind.RATIO, ("try_raise",), 1.4, 1.2),
    Target("closures", Kind.RATIO, ("closures",), 1.4, 1.2),
    Target("pyperformance, geometric mean", Kind.MEAN, PURE_PYTHON, 1.40, 1.25),
    Target("pyperformance, slowest", Kind.SLOWEST, PURE_PYTHON, 0.97, 0.97),
    Target("start-up of -c pass, ms more", Kind.MILLISECONDS, ("startup_pass",), 5.0, 5.0),
    Target("start-up with imports, ms more", Kind.MILLISECONDS, ("startup_imports",), 5.0, 5.0),
    Target("peak memory of docutils", Kind.MEMORY, (MEMORY_ITEM,), 1.08, 1.08),
)


@dataclass(frozen=True)
class Item:
    """A benchmark that can be run; pyperformance's may consist of several parts."""

    name: str
    kind: str
    """``micro``, ``workload``, ``pyperf`` or ``startup``"""
    path: Path
    """The module or the script; unused for start-up."""
    argv: tuple[str, ...] = ()
    """Options of the script."""
    title: str = ""

    @property
    def folder(self) -> str:
        """Name of the folder of the script, which has its requirements."""
        return self.path.parent.name

    @property
    def needs_packages(self) -> bool:
        """Whether it needs packages of requirements.txt of the workloads."""
        return self.kind == "workload" and not self.name.startswith(STDLIB_PREFIX)


def own_items(pyperf_names: Iterable[str]) -> list[Item]:
    """Return our own benchmarks but start-up; one named like a pyperformance item is called ``micro:NAME``."""
    taken = set(pyperf_names)
    found = []
    for kind, folder in (("micro", MICRO), ("workload", WORKLOADS)):
        for path in sorted(folder.glob("[!_]*.py")):
            name = f"{kind}:{path.stem}" if path.stem in taken else path.stem
            title = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            found.append(Item(name, kind, path, title=title.partition("\n")[0].rstrip(".")))
    return found


def startup_items() -> list[Item]:
    """Return the start-up benchmarks."""
    return [
        Item(name, "startup", Path(), ("-c", code), f"python -c '{code}'") for name, code in STARTUP.items()
    ]


def pyperf_items(scripts: Path) -> list[Item]:
    """Return all benchmarks that pyperformance's manifest names, with their options."""
    return [pyperf_item(scripts, name, where) for name, where in read_manifest(scripts / "MANIFEST")]


def read_manifest(path: Path) -> list[tuple[str, str]]:
    """Return name and metafile of every line of the first section of a manifest."""
    parser = configparser.ConfigParser(delimiters=("\t",), allow_no_value=True, comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path, encoding="utf-8")
    rows = [(name.strip(), (where or "").strip()) for name, where in parser.items("benchmarks")]
    return [(name, where) for name, where in rows if name != "name"]


def pyperf_item(scripts: Path, name: str, where: str) -> Item:
    """Return one benchmark; ``where`` is ``<local>`` or ``<local:NAME>``, NAME having the script."""
    base = where.strip("<>").partition(":")[2]
    folder = scripts / f"bm_{base or name}"
    metafile = folder / (f"bm_{name}.toml" if base else "pyproject.toml")
    settings = tomllib.loads(metafile.read_text(encoding="utf-8")).get("tool", {}).get("pyperformance", {})
    script = folder / settings.get("runscript", "run_benchmark.py")
    return Item(name, "pyperf", script, tuple(settings.get("extra_opts", ())), name)
