"""Every operator on every kind of operands: the same as in the interpreter, whatever the code has seen before.

For each operator there are functions with variables on both sides, with the right or the left operand a constant,
one for the operator in place, and for comparisons one that branches. Each exists twice: one is compiled after it
has been specialised, or cold; its twin stays with the interpreter. hypothesis chooses what they are called with.
"""

from __future__ import annotations

import itertools
import operator
import types
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from support import compile_tree, describe, enabled

BINARY = ["+", "-", "*", "/", "//", "%", "**", "<<", ">>", "&", "|", "^", "@"]
COMPARISONS = ["<", "<=", "==", "!=", ">", ">=", "is", "is not", "in", "not in"]
UNARY = ["-", "+", "~", "not "]
EDGES = [2**k + d for k in (0, 8, 15, 30, 31, 60, 62, 63, 64, 90, 127) for d in (-1, 0, 1)]


class Int(int):
    """An int of another type, with an operator of its own."""

    def __rsub__(self, other: object) -> object:
        return "rsub", other


class Float(float):
    """A float of another type."""


class Odd:
    """Knows some operators, and says which."""

    def __add__(self, other: object) -> object:
        return "add", str(other)

    def __rmul__(self, other: object) -> object:
        return ...  # a tuple could be repeated

    def __lt__(self, other: object) -> object:
        return "lt"

    def __iadd__(self, other: object) -> object:
        return "iadd", other

    def __neg__(self) -> object:
        raise KeyError("neg")


KINDS: dict[str, st.SearchStrategy[object]] = {
    "small int": st.integers(-6, 260),
    "compact int": st.integers(-(2**30) + 1, 2**30 - 1),
    "two-digit int": st.integers(2**30, 2**60 - 1).flatmap(lambda n: st.sampled_from([n, -n])),
    "huge int": st.integers(2**60, 2**130).flatmap(lambda n: st.sampled_from([n, -n])),
    "edge": st.sampled_from(EDGES + [-n for n in EDGES]),
    "bool": st.booleans(),
    "float": st.floats(),
    "odd float": st.sampled_from(
        [0.0, -0.0, float("inf"), -float("inf"), float("nan"), 5e-324, 1e308, 2.0**53, -(2.0**63)]
    ),
    "int subclass": st.integers(-(2**65), 2**65).map(Int),
    "float subclass": st.floats().map(Float),
    "text": st.text("ab", max_size=3),
    "sequence": st.sampled_from([(), (1,), [1, 2], [], b"a", {1}, {"a": 1}]),
    "other": st.sampled_from([None, 1j, Odd(), Ellipsis, int]),
}
"""Operands by kind. Lists are copied before a call, since an operator in place changes them."""

#: What the constant operand of a function may be, and what its functions are specialised for.
CONSTANTS = ["0", "1", "-1", "3", "256", "2**30", "-2**63", "1.5", "-0.0", "True", "'a'", "None"]
WARM: list[tuple[object, object]] = [
    (1, 2),
    (2**40, 3),
    (1.5, 2.5),
    (1, 1.5),
    ("a", "b"),
    (Int(1), 2),
    ([1], [2]),
]


def sources(sign: str) -> Iterator[tuple[str, int]]:
    """Functions with an operator, as source with the names in order, and how many operands they take."""
    yield f"def f(a, b): return a {sign} b", 2
    if sign in COMPARISONS:
        yield f"def f(a, b):\n    if a {sign} b: return 'yes'\n    return 'no'", 2
        yield f"def f(a, b):\n    n = 0\n    while not (a {sign} b) and n < 2: n += 1\n    return n", 2
        yield f"def f(a, b): return a {sign} b {sign} a", 2
    else:
        yield f"def f(a, b):\n    a {sign}= b\n    return a", 2
        yield f"def f(a, b):\n    c = [a]\n    c[0] {sign}= b\n    return c", 2
        yield f"def f(a, b):\n    c = a {sign} b\n    return c {'+' if sign in ('**', '<<') else sign} a", 2
    for constant in CONSTANTS:
        yield f"def f(a): return a {sign} ({constant})", 1
        yield f"def f(a): return ({constant}) {sign} a", 1


class Pair:
    """A function twice, compiled and not."""

    def __init__(self, source: str, warm: tuple[object, ...]) -> None:
        self.source, self.warm = source, warm
        self.plain, self.compiled = self.make(), self.make()
        for _ in range(6 if warm else 0):
            self.outcome(self.plain, warm)
            self.outcome(self.compiled, warm)
        compile_tree(self.compiled)

    def make(self) -> Callable[..., object]:
        namespace: dict[str, object] = {}
        exec(compile(self.source, "<check operator>", "exec"), namespace)
        function = namespace["f"]
        assert isinstance(function, types.FunctionType)
        return function

    @staticmethod
    def outcome(function: Callable[..., object], operands: tuple[object, ...]) -> str:
        given = [type(one)(one) if isinstance(one, (list, dict, set)) else one for one in operands]  # type: ignore
        try:
            return describe(function(*given)) + describe(given)
        except Exception as error:
            return f"{type(error).__name__} {error}"

    def check(self, *operands: object) -> None:
        want, have = self.outcome(self.plain, operands), self.outcome(self.compiled, operands)
        assert have == want, f"{self.source!r} compiled after {self.warm!r}, called with {operands!r}"


def pairs(sign: str) -> tuple[list[Pair], list[Pair]]:
    """All functions of an operator: those with one operand, those with two."""
    one, two = [], []
    for number, (source, count) in enumerate(sources(sign)):
        if count == 2:
            two += [Pair(source, ()), *(Pair(source, warm) for warm in WARM)]
        else:  # each of them specialised for something, the next one for something else
            one.append(Pair(source, WARM[number % len(WARM)][:1] if number % 3 else ()))
    return one, two


def small_enough(sign: str, left: object, right: object) -> bool:
    """Whether the result is."""
    if sign in ("**", "<<"):
        return not (isinstance(right, int) and abs(right) > 200) and not (
            isinstance(left, int) and isinstance(right, int) and abs(left) > 2**64 and abs(right) > 20
        )
    if sign == "*":
        sized = (str, bytes, list, tuple)
        return not any(
            isinstance(a, sized) and isinstance(b, int) and b > 300 for a, b in [(left, right), (right, left)]
        )
    return True


QUICK = settings(
    max_examples=50, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
operands = st.sampled_from(sorted(KINDS)).flatmap(KINDS.__getitem__)


@pytest.mark.parametrize("sign", BINARY + COMPARISONS)
@pytest.mark.filterwarnings("ignore")
def test_binary(sign: str) -> None:
    with enabled():
        one, two = pairs(sign)
        constants = {
            pair: eval(pair.source.split("(", 2)[2].split(")")[0]) for pair in one if "({" not in pair.source
        }

        @QUICK
        @given(operands, operands)
        def agree(left: object, right: object) -> None:
            assume(small_enough(sign, left, right) and small_enough(sign, left, left))
            for pair in two:
                pair.check(left, right)
            for pair in one:
                constant = constants.get(pair)
                if small_enough(sign, left, constant) and small_enough(sign, constant, left):
                    pair.check(left)

        agree()


@pytest.mark.parametrize("sign", BINARY + COMPARISONS)
@pytest.mark.filterwarnings("ignore")
def test_every_pair_of_kinds(sign: str) -> None:
    """Each kind meets each other, whatever hypothesis chooses otherwise."""
    chosen: dict[str, list[object]] = {
        "small int": [0, 1, -5, 7], "compact int": [2**30 - 1, 1000, -(2**29)], "two-digit int": [2**30, -(2**45),
        2**60 - 1],
        "huge int": [2**60, -(2**63), 2**63, 10**25], "bool": [True, False], "float": [1.5, -2.25, 3.0],
        "odd float": [0.0, -0.0, float("inf"), float("nan"), 2.0**63], "int subclass": [Int(3), Int(2**62)],
        "float subclass": [Float(1.5)], "text": ["", "ab"], "sequence": [(1,), [1, 2], b"a", {1}], "other": [None,
        1j, Odd()],
    }  # fmt: skip
    values = [value for values in chosen.values() for value in values]
    with enabled():
        _, two = pairs(sign)
        for number, (left, right) in enumerate(itertools.product(values, values)):
            if small_enough(sign, left, right) and small_enough(sign, left, left):
                for pair in two[number % 5 :: 5]:  # a function sees many pairs, a pair many functions
                    pair.check(left, right)


@pytest.mark.parametrize("sign", UNARY)
@pytest.mark.filterwarnings("ignore")
def test_unary(sign: str) -> None:
    with enabled():
        bodies = [f"return {sign}a", f"return {sign}({sign}a)", f"if {sign}a: return 1\n    return 2"]
        texts = [f"def f(a):\n    {body}" for body in bodies]
        functions = [Pair(text, warm) for text in texts for warm in [(), *(one[:1] for one in WARM)]]

        @QUICK
        @given(operands)
        def agree(value: object) -> None:
            for pair in functions:
                pair.check(value)

        agree()


def test_describe_tells_numbers_apart() -> None:
    """What the comparison relies on."""
    values = [0, 0.0, -0.0, False, Int(0), Float(0.0), float("nan"), 0j]
    assert len({describe(value) for value in values}) == len(values)
    assert operator.eq(0, False)
