"""ast parses, walks and unparses modules."""

from __future__ import annotations

from demo.inputs import stdlib_text
from demo.programs.std_ast_unparse import unparse

from bench.workloads._pieces import repeat

SOURCES = {name: stdlib_text(name) for name in ("textwrap.py", "functools.py")}


def run(n: int) -> str:
    return repeat(n, unparse, SOURCES)
