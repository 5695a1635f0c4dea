"""Pygments highlights a module of the standard library."""

from __future__ import annotations

from demo.inputs import stdlib_text
from demo.programs.pygments_highlight import colour

from bench.workloads._pieces import repeat

SOURCES = {"textwrap.py": stdlib_text("textwrap.py")}


def run(n: int) -> str:
    return repeat(n, colour, SOURCES)
