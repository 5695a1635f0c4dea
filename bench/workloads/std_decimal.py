"""The decimal module in pure Python: pi, and a telephone bill."""

from __future__ import annotations

from collections.abc import Iterator

from demo.programs.std_decimal_pi import bill, getcontext, pi

from bench.workloads._pieces import repeat

CALLS = 300


def compute(calls: int) -> Iterator[str]:
    getcontext().prec = 80
    yield str(pi())
    getcontext().prec = 28
    yield from bill(calls)


def run(n: int) -> str:
    return repeat(n, compute, CALLS)
