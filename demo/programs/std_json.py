"""Standard library: json's pure-Python scanner, decoder and encoder at work on a large document.

Input: Python's language reference (``pydoc_data``) and the names and lines of modules, as JSON text.
"""

from __future__ import annotations

import ast
import json
import json.decoder
import json.encoder
import json.scanner
from collections.abc import Iterator
from pydoc_data.topics import topics
from typing import Any

from demo.harness import run
from demo.inputs import stdlib_sources


class PurePythonDecoder(json.JSONDecoder):
    """A decoder without the C scanner."""

    def __init__(self) -> None:
        super().__init__()
        self.parse_string = json.decoder.py_scanstring  # type: ignore[attr-defined]
        self.scan_once = json.scanner.py_make_scanner(self)  # type: ignore[attr-defined]


def documents() -> str:
    """Return the JSON text of all input."""
    nodes = [
        {
            "file": name,
            "kind": type(node).__name__,
            "at": [node.lineno, node.col_offset],
            "weight": node.lineno / 7,
        }
        for name, text in stdlib_sources(8).items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.expr)
    ]
    return json.dumps({"topics": topics, "nodes": nodes, "empty": [None, True, False, {}, []]})


def round_trip(text: str) -> Iterator[str]:
    """Decode in pure Python, encode in pure Python, and check that nothing was lost."""
    value: Any = PurePythonDecoder().decode(text)
    yield from json.JSONEncoder(indent=1, sort_keys=True).iterencode(value)
    yield f"\nequal {json.loads(text) == value}\n"


if __name__ == "__main__":
    json.encoder.c_make_encoder = None  # type: ignore[attr-defined]
    run(round_trip, documents())
