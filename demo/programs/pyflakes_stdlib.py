"""pyflakes checks forty modules of the standard library.

Input: source files of the standard library.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

from demo.harness import run
from demo.inputs import stdlib_sources
from pyflakes.api import check
from pyflakes.reporter import Reporter


def lint(sources: dict[str, str]) -> Iterator[str]:
    """Report what pyflakes finds in each module."""
    for name, text in sources.items():
        found = io.StringIO()
        warnings = check(text, name, Reporter(found, found))
        yield f"{name}: {warnings} warnings\n{found.getvalue()}"


if __name__ == "__main__":
    run(lint, stdlib_sources())
