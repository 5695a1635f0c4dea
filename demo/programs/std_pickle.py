"""Standard library: pickle's pure-Python pickler and unpickler carry syntax trees to and fro.

Input: token lists and syntax trees of modules of the standard library.
"""

from __future__ import annotations

import ast
import hashlib
import io
import pickle
from collections.abc import Iterator
from typing import Any

from demo.harness import run
from demo.inputs import stdlib_sources

PROTOCOLS = (2, 5)


def as_data(node: ast.AST | list[Any] | object) -> Any:
    """Return a syntax tree as nested dictionaries and lists."""
    if isinstance(node, ast.AST):
        return {
            "kind": type(node).__name__,
            **{name: as_data(value) for name, value in ast.iter_fields(node)},
        }
    if isinstance(node, list):
        return [as_data(item) for item in node]
    return node


def round_trip(trees: dict[str, Any]) -> Iterator[str]:
    """Pickle and unpickle each tree with two protocols, and compare."""
    for name, tree in trees.items():
        for protocol in PROTOCOLS:
            file = io.BytesIO()
            pickle._Pickler(file, protocol).dump(tree)  # type: ignore[attr-defined]
            data = file.getvalue()
            copy = pickle._Unpickler(io.BytesIO(data)).load()  # type: ignore[attr-defined]
            digest = hashlib.sha256(data).hexdigest()
            yield f"{name} protocol {protocol}: {len(data)} bytes, {digest}, equal {copy == tree}\n"


if __name__ == "__main__":
    run(round_trip, {name: as_data(ast.parse(text)) for name, text in stdlib_sources(4).items()})
