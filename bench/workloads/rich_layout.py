"""rich lays out a report for a terminal."""

from __future__ import annotations

from demo.inputs import stdlib_text
from demo.programs.rich_report import report

from bench.workloads._pieces import repeat

SOURCES = {"textwrap.py": stdlib_text("textwrap.py")}


def run(n: int) -> str:
    return repeat(n, report, SOURCES)
