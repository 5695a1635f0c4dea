"""markdown-it-py renders a README."""

from __future__ import annotations

from demo.inputs import readme
from markdown_it import MarkdownIt

from bench.workloads._pieces import repeat

TEXT = readme("attrs") + readme("markdown-it-py")
PARSER = MarkdownIt("commonmark").enable("table")


def run(n: int) -> str:
    return repeat(n, lambda text: [PARSER.render(text)], TEXT)
