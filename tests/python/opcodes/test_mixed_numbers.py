"""Ints among floats: where machine code expects the ones and the others come, and where it expects nothing any more."""

from __future__ import annotations

import itertools

import pytest
from support import enabled, hot, made, outcome

import whipsnake

NUMBERS: list[object] = [
    0.0,
    -0.0,
    1.5,
    -2.25,
    1e308,
    float("inf"),
    float("nan"),
    0,
    1,
    -3,
    2**30 - 1,
    -(2**30) + 1,
    2**31,
    2**53 + 1,
    -(2**62) - 1,
    2**63 + 2**10,
    10**18 + 1,
    10**400,
]
OTHERS: list[object] = [True, None, 1j]

SHAPES = {
    "variables": "def f(a, b): return a {0} b",
    "temporaries": "def f(a, b): return [a][0] {0} (b,)[0]",
    "an int constant": "def f(a, b): return (a {0} 3, 3 {0} b)",
    "a float constant": "def f(a, b): return (a {0} 2.5, 2.5 {0} b)",
    "elements": "def f(a, b, i=0, j=1):\n    t = [a, b]\n    return t[i] {0} t[j]",
    "an element and an int constant": "def f(a, b, i=0):\n    t = [a, b]\n    return (t[i] {0} 255, 255 {0} t[i])",
    "an element and a compact int": "def f(a, b, i=0, n=6):\n    t = [a]\n    return ((n & 7) {0} t[i], b, t[i] {0} n)",
    "an element and a long int": "def f(a, b, i=0, n=6):\n    t = [a]\n    return n * 0xffffffff {0} t[i] * 255 {0} b",
    "elements and a variable": "def f(a, b, i=0):\n    t = (a,)\n    return (t[i] {0} b, b {0} t[i])",
    "elements added to a float": "def f(a, b, x=-0.0, i=0, j=1):\n    t = [a, b]\n    return x * 1.0 + t[i] {0} t[j]",
    "a sum of products": "def f(a, b, i=0, j=1):\n    t = [a, b]\n"
    "    return (t[i] * t[i]) {0} (t[j] * t[j]) {0} (t[i] * t[j])",
    "stored": "def f(a, b, i=0, j=1):\n    t = [a, b]\n    c = t[i] {0} t[j]\n    return c",
    "above others": "def f(a, b, i=0, j=1):\n    t = [a, b]\n    return (a, b, t[i] {0} t[j], [a, t[j] {0} a])",
}
"""Functions of two numbers by form, with the operator to be filled in."""


@pytest.mark.parametrize("operator", ["+", "-", "*", "/"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("seen", ["floats", "ints", "both"])
def test_pairs(shape: str, operator: str, seen: str) -> None:
    """Every pair of numbers, whatever the interpreter has specialised the operators for."""
    source = SHAPES[shape].format(operator)
    plain, function = made(source), made(source)
    warm = {"floats": [(1.5, 2.5)], "ints": [(3, 2)], "both": [(1.5, 2), (2, 1.5), (3, 2), (1.5, 2.5)]}[seen]
    for a, b in warm * 10:
        function(a, b)
    with enabled():
        hot(function, *warm[0])
        assert whipsnake.tier(function) == "baseline"
        for a, b in itertools.product(NUMBERS + OTHERS, repeat=2):
            assert outcome(function, a, b) == outcome(plain, a, b), (a, b)
        assert whipsnake.tier(function) == "baseline"


@pytest.mark.parametrize(
    ("source", "pairs"),
    [
        (SHAPES["elements"].format("-"), [(1.5, 2.5), (1.5, 2), (2, 1.5), (3, 2), (2**40, 1)]),
        (SHAPES["elements added to a float"].format("*"), [(1.5, 2.5), (2, 1.5), (0, 2), (2, -3)]),
        (SHAPES["an int constant"].format("*"), [(1.5, 2.5), (0.5, -1.0)]),
        (SHAPES["variables"].format("+"), [(1.5, 2.5), (1.5, 2), (2, 1.5)]),
    ],
)
def test_without_slow_paths(source: str, pairs: list[tuple[float, float]]) -> None:
    """Mixtures that machine code for floats takes as they come."""
    function = made(source)
    for _ in range(20):
        function(0.5, 2.5)
    with enabled():
        hot(function, 0.5, 2.5)
        before = whipsnake.stats()["slow_ops"]
        for a, b in pairs * 10:
            function(a, b)
        assert whipsnake.stats()["slow_ops"] == before


def test_truth_of_floats() -> None:
    def f(x: float) -> str:
        return "true" if x else "false"

    with enabled():
        hot(f, 1.5)
        before = whipsnake.stats()["slow_ops"]
        assert [f(x) for x in (0.0, -0.0, 1.5, float("nan"), 5e-324)] == [
            "false",
            "false",
            "true",
            "true",
            "true",
        ]
        assert whipsnake.stats()["slow_ops"] == before


INDEXED = {
    "a variable": "def f(s, i): return s[i]",
    "of an element": "def f(s, i, z=0):\n    t = (s,)\n    return t[z][i]",
    "used in a sum": "def f(s, i): return s[i] + s[i]",
    "-1": "def f(s, i): return s[-1], i",
    "-2 of a temporary": "def f(s, i): return [*s][-2], i",
    "stored to": "def f(s, i):\n    t = [*s]\n    t[i] = 7\n    return t",
    "stored to -1": "def f(s, i):\n    t = [*s]\n    t[-1] = i\n    return t",
}


@pytest.mark.parametrize(
    "sequence", [[1, 2, 3], (1.5, 2, 3), [4], (), "abc", b"abc", {-1: 1, 0: 2}, [], None], ids=str
)
@pytest.mark.parametrize("shape", INDEXED)
def test_indices_from_the_end(shape: str, sequence: object) -> None:
    plain, function = made(INDEXED[shape]), made(INDEXED[shape])
    for _ in range(20):
        function([1, 2, 3], 1)
    with enabled():
        hot(function, [1, 2, 3], 1)
        for index in [0, 1, 2, 3, -1, -2, -3, -4, -(2**30) + 1, 2**40, -(2**40), True, None]:
            expected = outcome(plain, sequence, index)
            assert outcome(function, sequence, index) == expected, index
        before = whipsnake.stats()["slow_ops"]
        for index in (-1, -2, -3, 0, 1, 2):
            function([1, 2, 3], index)
        assert whipsnake.stats()["slow_ops"] == before
