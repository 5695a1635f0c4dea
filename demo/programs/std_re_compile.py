"""Standard library: ``re``'s compiler, which is pure Python, compiles the patterns that real modules use.

Input: every string constant of large modules that is a valid regular expression with some structure.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from re import _compiler, _parser  # type: ignore[attr-defined]

from demo.harness import run
from demo.inputs import stdlib_sources

MODULES = 24


def patterns() -> list[str]:
    """Return the patterns, each once."""
    found: dict[str, None] = {}
    for text in stdlib_sources(MODULES).values():
        for node in ast.walk(ast.parse(text)):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and re.search(r"[\\\[(|*+?]", node.value)
            ):
                found[node.value] = None
    return list(found)


def compile_all(texts: list[str]) -> Iterator[str]:
    """Parse and compile each pattern under two sets of flags; print the code's length and a checksum."""
    warnings.simplefilter("ignore")
    for text in texts:
        for flags in (0, re.IGNORECASE | re.MULTILINE):
            try:
                tree = _parser.parse(text, flags)
            except re.PatternError as error:
                yield f"{error}\n"
                continue
            code = _compiler._code(tree, flags)
            yield f"{len(code)} {sum(i * word for i, word in enumerate(code, 1))} {tree.getwidth()}\n"


if __name__ == "__main__":
    run(compile_all, patterns())
