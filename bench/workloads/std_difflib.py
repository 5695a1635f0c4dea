"""difflib compares sibling modules."""

from __future__ import annotations

from demo.inputs import stdlib_text
from demo.programs.std_difflib import compare

from bench.workloads._pieces import repeat

PAIRS = [
    (stdlib_text(old).splitlines(True), stdlib_text(new).splitlines(True))
    for old, new in [("multiprocessing/popen_spawn_posix.py", "multiprocessing/popen_forkserver.py")]
]


def run(n: int) -> str:
    return repeat(n, compare, PAIRS)
