"""Pygments highlights five large modules of the standard library as HTML and for a terminal.

Input: source files of the standard library.
"""

from __future__ import annotations

from collections.abc import Iterator

from demo.harness import run
from demo.inputs import stdlib_sources
from pygments import highlight
from pygments.formatters import HtmlFormatter, Terminal256Formatter
from pygments.lexers import PythonLexer


def colour(sources: dict[str, str]) -> Iterator[str]:
    """Highlight each source with two formatters."""
    for name, text in sources.items():
        yield highlight(text, PythonLexer(), HtmlFormatter(full=True, linenos="inline", title=name))
        yield highlight(text, PythonLexer(), Terminal256Formatter(style="monokai"))


if __name__ == "__main__":
    run(colour, stdlib_sources(5))
