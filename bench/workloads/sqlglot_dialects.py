"""sqlglot translates queries of TPC-DS."""

from __future__ import annotations

from demo.programs.sqlglot_tpcds import queries, translate

from bench.workloads._pieces import repeat, some

QUERIES = some(queries(), 4)


def run(n: int) -> str:
    return repeat(n, translate, QUERIES)
