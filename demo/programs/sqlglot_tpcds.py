"""sqlglot parses the TPC-DS queries, simplifies them and writes them in three SQL dialects.

Input: the 99 TPC-DS queries that the package sqllineage ships.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlglot
from demo.harness import run
from demo.inputs import package_path
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.optimizer.qualify_tables import qualify_tables
from sqlglot.optimizer.simplify import simplify

DIALECTS = ("duckdb", "spark", "tsql")


def queries() -> dict[str, str]:
    """Return name and text of each query."""
    files = sorted(package_path("sqllineage", "data/tpcds").glob("query*.sql"))
    return {path.stem: path.read_text(encoding="utf-8") for path in files}


def translate(texts: dict[str, str]) -> Iterator[str]:
    """Parse, normalise, qualify, simplify and generate."""
    for name, text in texts.items():
        for statement in sqlglot.parse(text, read="spark"):
            if statement is None:
                continue
            tree = simplify(qualify_tables(normalize_identifiers(statement)))
            for dialect in DIALECTS:
                yield f"-- {name} {dialect}\n{tree.sql(dialect=dialect, pretty=True)};\n"


if __name__ == "__main__":
    run(translate, queries())
