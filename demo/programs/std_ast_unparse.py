"""Standard library: ``ast`` unparses and walks forty of its modules.

Input: source files of the standard library.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator

from demo.harness import run
from demo.inputs import stdlib_sources


def unparse(sources: dict[str, str]) -> Iterator[str]:
    """Write each module's tree back as source; count its nodes."""
    for name, text in sources.items():
        tree = ast.parse(text, name)
        kinds = Counter(type(node).__name__ for node in ast.walk(tree))
        yield f"# {name} {sorted(kinds.items())}\n{ast.unparse(tree)}\n"


if __name__ == "__main__":
    run(unparse, stdlib_sources())
