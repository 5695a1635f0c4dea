"""trio and h11: an HTTP/1.1 server and its clients over streams in memory."""

from __future__ import annotations

from demo.inputs import stdlib_text
from demo.programs.trio_h11 import talk

from bench.workloads._pieces import repeat

FILES = {name: stdlib_text(name) for name in ("fnmatch.py", "bisect.py")}


def run(n: int) -> str:
    return repeat(n, talk, FILES)
