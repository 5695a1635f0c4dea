"""``whipsnake compile-time``: how long compiling takes, over every function of the standard library.

The library's source files are compiled to bytecode, not imported, and each code object in them is given to
the core, which compiles it and throws the machine code away. Nothing of it has run, so the code is compiled
without a profile.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import sysconfig
import warnings
from collections import Counter
from pathlib import Path
from statistics import median
from types import CodeType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

_SKIPPED_FOLDERS = frozenset(
    {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__", "lib2to3"}
)


def main(arguments: list[str]) -> int:
    """Run the subcommand; returns the exit code."""
    import whipsnake

    parser = argparse.ArgumentParser(
        prog="whipsnake compile-time",
        description="Measure how long compiling takes, over every function of the standard library.",
    )
    parser.add_argument(
        "paths", nargs="*", type=Path, help="files or folders (default: the standard library)"
    )
    parser.add_argument("--limit", type=int, default=None, metavar="N", help="stop after N functions")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args(arguments)
    ok, reason = whipsnake.supported()
    if not ok:
        print(f"whipsnake: {reason}", file=sys.stderr)
        return 1
    roots = chosen.paths or [Path(sysconfig.get_path("stdlib"))]
    result = measure(roots, chosen.limit, progress=sys.stderr.isatty())
    if chosen.json:
        print(json.dumps(result, indent=1))
    else:
        _print(result)
    return 0 if result["functions"] else 1


def measure(roots: list[Path], limit: int | None = None, *, progress: bool = False) -> dict[str, Any]:
    """Compile every function below *roots*, at most *limit* of them.

    Returns:
        ``functions``, ``compiled``, ``declined`` (reason to count), ``instructions``, ``nanoseconds``,
        ``bytes`` (sums over what was compiled), ``us_per_100_instructions`` (median over functions,
        microseconds), ``us_per_100_instructions_p90``, and ``bytes_per_instruction``; the last three are None
        when nothing was compiled.
    """
    from . import _core

    rates: list[float] = []
    declined: Counter[str] = Counter()
    instructions = nanoseconds = size = functions = 0
    for code in _functions(roots, progress):
        if limit is not None and functions >= limit:
            break
        functions += 1
        row = _core.measure_compile(code)
        if row["declined"]:
            declined[row["declined"]] += 1
        elif row["instructions"]:
            rates.append(row["nanoseconds"] / 1000 * 100 / row["instructions"])
            instructions += row["instructions"]
            nanoseconds += row["nanoseconds"]
            size += row["bytes"]
    rates.sort()
    return {
        "functions": functions,
        "compiled": functions - declined.total(),
        "declined": dict(declined.most_common()),
        "instructions": instructions,
        "nanoseconds": nanoseconds,
        "bytes": size,
        "us_per_100_instructions": round(median(rates), 2) if rates else None,
        "us_per_100_instructions_p90": round(rates[len(rates) * 9 // 10], 2) if rates else None,
        "bytes_per_instruction": round(size / instructions, 2) if instructions else None,
    }


def _functions(roots: list[Path], progress: bool) -> Iterator[CodeType]:
    """Every function's code object in the files, class bodies and module bodies excluded, nested functions
    included."""
    for number, path in enumerate(_files(roots)):
        if progress and number % 20 == 0:
            print(f"\r{number} files ", end="", file=sys.stderr, flush=True)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                module = compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
        except (OSError, SyntaxError, ValueError):
            continue
        yield from _nested(module)
    if progress:
        print("\r" + " " * 20 + "\r", end="", file=sys.stderr, flush=True)


def _nested(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_flags & _CO_OPTIMIZED:
                yield constant
            yield from _nested(constant)


_CO_OPTIMIZED = 0x1
"""Set for functions, lambdas and comprehensions, not for module and class bodies
(``inspect.CO_OPTIMIZED``)."""


def _files(roots: list[Path]) -> Iterator[Path]:
    for root in roots:
        if root.is_file():
            yield root
            continue
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(set(folders) - _SKIPPED_FOLDERS)
            yield from (Path(folder, name) for name in sorted(names) if name.endswith(".py"))


def _print(result: Mapping[str, Any]) -> None:
    print(f"functions             {result['functions']:>10,}")
    print(f"compiled              {result['compiled']:>10,}")
    if result["compiled"]:
        print(f"instructions          {result['instructions']:>10,}")
        print(f"compile time          {result['nanoseconds'] / 1e6:>10,.1f} ms")
        print(f"per 100 instructions  {result['us_per_100_instructions']:>10,.2f} us (median function)")
        print(f"                      {result['us_per_100_instructions_p90']:>10,.2f} us (90th percentile)")
        print(f"code                  {result['bytes_per_instruction']:>10,.2f} bytes per instruction")
    if result["declined"]:
        print("declined")
        for reason, count in result["declined"].items():
            print(f"  {count:>8,}  {reason}")
