"""pyflakes checks modules of the standard library."""

from __future__ import annotations

from demo.inputs import stdlib_text
from demo.programs.pyflakes_stdlib import lint

from bench.workloads._pieces import repeat

SOURCES = {name: stdlib_text(name) for name in ("textwrap.py", "functools.py")}


def run(n: int) -> str:
    return repeat(n, lint, SOURCES)
