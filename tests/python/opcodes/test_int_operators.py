"""Operators of ints in machine code: every pair of edge values, in every form of operands, without a slow path."""

from __future__ import annotations

import itertools

import pytest
from support import compile_tree, enabled, hot, made, outcome

import whipsnake

OPERATORS = ["//", "%", "<<", ">>", "&", "|", "^", "+", "-", "*"]
COMPACT = [
    0,
    1,
    2,
    3,
    5,
    6,
    7,
    8,
    10,
    16,
    31,
    32,
    33,
    61,
    62,
    63,
    64,
    255,
    256,
    257,
    1000,
    2**15,
    2**29,
    2**30 - 1,
]
EDGES = sorted({sign * n for n in COMPACT for sign in (1, -1)})
LONGER = [2**30, 2**31, 2**31 - 1, 2**32, 2**60 - 1, 2**60, 2**62, 2**63 - 1, 2**63, 2**64, 10**30]
EVERY = EDGES + [sign * n for n in LONGER for sign in (1, -1)]
OTHERS: list[object] = [True, False, 1.5, None, "%s", {1}]

FORMS = {
    "variables": "def f(a, b): return a {0} b",
    "in place": "def f(a, b):\n    a {0}= b\n    return a",
    "temporaries": "def f(a, b): return [a][0] {0} (b,)[0]",
    "above others": "def f(a, b): return (a, b, a {0} b, [a, a {0} b])",
    "in an expression": "def f(a, b):\n    c = (a & -1) {0} b\n    return c {1} (a | 0)",
}
"""Functions of two operands by form; with the operator, and one whose results are never long."""


def agree(source: str, warm: tuple[object, ...], pairs: list[tuple[object, ...]]) -> None:
    plain, compiled = made(source), made(source)
    for _ in range(6):
        outcome(compiled, *warm)
    compile_tree(compiled)
    for operands in pairs:
        assert outcome(compiled, *operands) == outcome(plain, *operands), (source, operands)
    assert whipsnake.tier(compiled) == "baseline"


def short(operator: str, pairs: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Those whose results do not take all the memory."""
    if operator == "*":
        return [pair for pair in pairs if "%s" not in pair]
    if operator != "<<":
        return pairs
    return [pair for pair in pairs if not isinstance(pair[-1], int) or pair[-1] < 2000]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("operator", OPERATORS)
def test_every_pair_of_edges(operator: str, form: str) -> None:
    values = [*EVERY, *OTHERS] if form == "variables" else [*EDGES, 2**30, -(2**30), 2**62, -(2**63), True]
    with enabled():
        pairs = short(operator, list(itertools.product(values, values)))
        agree(FORMS[form].format(operator, "^"), (1000, 7), pairs)


@pytest.mark.parametrize("operator", OPERATORS)
def test_every_edge_next_to_a_constant(operator: str) -> None:
    constants = [0, 1, 2, 3, 7, 8, 10, 32, 33, 62, 63, 64, 1000, 2**29, 2**30 - 1, 2**30, 2**63]
    values: list[tuple[object, ...]] = [(value,) for value in [*EVERY, *OTHERS]]
    with enabled():
        for constant in [sign * n for n in constants for sign in (1, -1)]:
            operands = short(operator, values)
            if operator != "<<" or constant < 2000:
                agree(f"def f(a): return a {operator} ({constant})", (7,), operands)
            agree(f"def f(a): return ({constant}) {operator} a", (7,), operands)


@pytest.mark.parametrize("operator", ["-", "~"])
def test_every_edge_with_a_sign(operator: str) -> None:
    with enabled():
        values: list[tuple[object, ...]] = [(value,) for value in [*EVERY, *OTHERS]]
        agree(f"def f(a): return {operator}a", (7,), values)
        agree(f"def f(a): return a, {operator}[a][0]", (7,), values)


@pytest.mark.parametrize("operator", OPERATORS)
def test_no_pair_of_compact_ints_is_slow(operator: str) -> None:
    with enabled():
        compiled = hot(made(f"def f(a, b): return a {operator} b"), 1000, 7)
        pairs = short(operator, list(itertools.product(EDGES, EDGES)))
        before = whipsnake.stats()["slow_ops"]
        for a, b in pairs:
            assert isinstance(b, int)
            if (b != 0 or operator not in ("//", "%")) and (b >= 0 or operator not in ("<<", ">>")):
                compiled(a, b)
        assert whipsnake.stats()["slow_ops"] == before
        assert whipsnake.tier(compiled) == "baseline"


@pytest.mark.parametrize("operator", ["//", "%", "<<", ">>", "&", "|", "^"])
def test_operands_that_are_no_ints_are_nothing_slow_where_none_were_expected(operator: str) -> None:
    class Number:
        def answer(self, other: object) -> object:
            return "answer", other

        __floordiv__ = __mod__ = __lshift__ = __rshift__ = __and__ = __or__ = __xor__ = answer

    with enabled():
        compiled = hot(made(f"def f(a, b): return a, a {operator} b"), 1000, 7)
        before = whipsnake.stats()["slow_ops"]
        number = Number()
        assert compiled(number, 1) == (number, ("answer", 1))
        assert compiled(True, 1) == made(f"def f(a, b): return a, a {operator} b")(True, 1)
        assert whipsnake.stats()["slow_ops"] == before
