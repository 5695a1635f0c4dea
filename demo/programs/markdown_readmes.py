"""markdown-it-py renders the READMEs of well-known packages to HTML and lists their token streams.

Input: the long descriptions of the packages installed for this demo.
"""

from __future__ import annotations

from collections.abc import Iterator

from demo.harness import run
from demo.inputs import readme
from markdown_it import MarkdownIt

DISTRIBUTIONS = ("attrs", "idna", "markdown-it-py", "rich", "sqlglot", "sqllineage", "sqlparse", "sympy")
PRESETS = ("commonmark", "js-default", "gfm-like")
REPEATS = 15


def render(texts: dict[str, str]) -> Iterator[str]:
    """Render every text with every preset, then parse it once more for its tokens."""
    for _ in range(REPEATS):
        for preset in PRESETS:
            parser = MarkdownIt(preset, {"linkify": False})
            for text in texts.values():
                yield parser.render(text)
    parser = MarkdownIt("commonmark").enable("table")
    for name, text in texts.items():
        for token in parser.parse(text):
            yield f"{name} {token.type} {token.tag} {token.nesting} {token.level} {token.map}\n"


if __name__ == "__main__":
    run(render, {name: readme(name) for name in DISTRIBUTIONS})
