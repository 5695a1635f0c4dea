"""xml.dom.minidom builds, edits and prints a document."""

from __future__ import annotations

from demo.programs.std_minidom import document, edit

from bench.workloads._pieces import repeat

TEXT = document()
TEXT = TEXT[: TEXT.index("</topic>", 40_000)] + "</topic></reference>"


def run(n: int) -> str:
    return repeat(n, edit, TEXT)
