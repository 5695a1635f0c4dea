"""tokenize splits modules and puts them together again."""

from __future__ import annotations

from demo.inputs import stdlib_text
from demo.programs.std_tokenize import rewrite

from bench.workloads._pieces import repeat

SOURCES = {name: stdlib_text(name) for name in ("textwrap.py", "bisect.py")}


def run(n: int) -> str:
    return repeat(n, rewrite, SOURCES)
