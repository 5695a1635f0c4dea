"""Arithmetic over several instructions: whatever kinds of operands it meets, at whatever place.

Programs are made by chance, with fixed seeds: expressions over numbers and items of lists and tuples that are
returned, stored (also into one of their operands), compared, or decide about a loop. Each is warmed by one kind of
numbers and then called with all kinds; its twin stays with the interpreter.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from random import Random

import pytest
from support import enabled

import whipsnake
from fuzzing.test_operators import Float, Int, Odd, Pair

OPERATORS = ["+", "-", "*", "+", "-", "*", "/", "//", "%", "&", "|", "^"]
CONSTANTS = [
    "0",
    "1",
    "2",
    "3",
    "7",
    "255",
    "-1",
    "2**31",
    "0xffffffff",
    "2**62",
    "1.5",
    "0.0",
    "-2.0",
    "True",
]
KINDS: dict[str, list[object]] = {
    "ints": [3, 7, 2, 300, -5, 100000],
    "floats": [1.5, -2.25, 1e3, 3.0, 0.125, 7.0],
    "two digits": [2**31 + 5, 2**40, -(2**35), 2**59, 2**32 - 1, 2**30],
    "long": [2**60, -(2**63), 2**64, 10**25, -(10**20), 2**61 - 1],
    "edges": [0, -1, 256, 257, 2**30 - 1, -(2**30)],
    "odd floats": [0.0, -0.0, float("inf"), float("nan"), 1e308, 5e-324],
    "other": [True, Int(3), Float(2.5), "", None, Odd()],  # a longer text could be repeated too often
}
WARM = ["ints", "floats", "two digits"]


class Maker:
    """Expressions by chance."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)

    def index(self) -> str:
        return self.rng.choice(
            ["i", "j", "0", "1", "i + 1", "j - i", "i * 2", "i & 1", "-1", "i - j", "i + 40"]
        )

    def leaf(self) -> str:
        kind = self.rng.random()
        if kind < 0.55:
            return self.rng.choice(["a", "b", "c", "i"])
        if kind < 0.7:
            return self.rng.choice(CONSTANTS)
        if kind < 0.8:
            return f"g[{self.index()}][{self.index()}]"
        if kind < 0.85:
            return f"[a, b, c][{self.index()}]"
        if kind < 0.93:
            return self.rng.choice(
                ["p.x", "p.y", "q.x", "q.z", "p.child.x", "p.row[i]", "q.child.row[j]", "q.child"]
            )
        return f"{self.rng.choice(['items', 'pair'])}[{self.index()}]"

    def expression(self, depth: int) -> str:
        if depth == 0 or self.rng.random() < 0.15:
            return self.leaf()
        left, right = self.expression(depth - 1), self.expression(depth - 1)
        choice = self.rng.random()
        if choice < 0.06:
            return f"-({left})"
        if choice < 0.12:
            return f"(({left}) {self.rng.choice(['<<', '>>'])} {self.rng.choice(['1', '3', '8', '62', 'j'])})"
        return f"({left} {self.rng.choice(OPERATORS)} {right})"

    def function(self) -> str:
        def e() -> str:
            return self.expression(self.rng.randint(1, 3))

        sign = self.rng.choice(["<", "<=", "==", "!=", ">", ">="])
        body = self.rng.choice(
            [
                f"return {e()}",
                f"x = {e()}\n    y = x\n    x = {e()}\n    return x, y",
                f"x = {e()}\n    x = x + {e()}\n    x -= {e()}\n    return x",
                f"if {e()} {sign} {e()}: return 1\n    return 2",
                f"x = {e()} {sign} {e()}\n    return x",
                f"n = 0\n    while {e()} {sign} {e()} and n < 3:\n        n += 1\n        a = {e()}\n    return n, a",
                f"s = a\n    for k in range(300):\n        s = s + k * i\n        b = b - s\n    return s, b, {e()}",
                f"if {e()} & {self.rng.choice(['1', 'i'])}: return 'odd'\n    return 'even'",
                f"return id, {e()}, {e()}",
                f"if {self.rng.choice(['p', 'q', 'p.child'])}.flag: return {e()}\n    return p.child.x",
                f"items[{self.index()}] = {e()}\n    return items",
                f"try:\n        x = {e()}\n        return x * {e()}\n    except ArithmeticError:\n        return {e()}",
                f"b = {e()}\n    a = a * b + {e()}\n    return (a := a + b), b",
            ]
        )
        return f"def f(a, b, c, i, j, items, pair, g, p, q):\n    {body}"


class Plain:
    """Attributes among the instance's values."""

    def __init__(self, values: list[object]) -> None:
        self.x, self.y = values[0], values[1]
        self.flag = values[2]
        self.row = list(values)
        self.child = Slots(values[::-1]) if len(values) > 3 else None


class Another(Plain):
    """The same in another order, one made by the class, and one that is not there."""

    def __init__(self, values: list[object]) -> None:
        self.z = values[3]
        super().__init__(values)
        del self.y

    @property
    def row(self) -> list[object]:
        return [self.z, self.x, self.x, 1]

    @row.setter
    def row(self, values: list[object]) -> None:
        self.values = values


class Slots:
    """Attributes in slots, one of them unbound."""

    __slots__ = ("child", "flag", "row", "x", "y", "z")

    def __init__(self, values: list[object]) -> None:
        self.y, self.x, self.flag = values[0], values[1], True
        self.row = values
        self.child = Dict(values[:3])


class Dict(Plain):
    """Attributes in a dictionary of its own."""

    def __init__(self, values: list[object]) -> None:
        super().__init__(values)
        self.__dict__["z"] = values[0]
        self.__dict__ = dict(self.__dict__)


OWNERS = [Plain, Another, Slots, Dict]


def operands(numbers: list[object], rng: Random, kinds: int = len(OWNERS)) -> tuple[object, ...]:
    a, b, c = rng.sample(numbers, 3)
    items = [rng.choice(numbers) for _ in range(4)]
    pair = tuple(rng.choice(numbers) for _ in range(3))
    grid = [[rng.choice(numbers) for _ in range(3)] for _ in range(3)]
    owners = [kind([rng.choice(numbers) for _ in range(4)]) for kind in rng.choices(OWNERS[:kinds], k=2)]
    return a, b, c, rng.choice([0, 1, 2]), rng.choice([1, 2, 3]), items, pair, grid, *owners


class Same(Pair):
    """Whose NaNs are one: of two that meet, the interpreter's own operations do not agree which sign remains."""

    @staticmethod
    def outcome(function: Callable[..., object], operands: tuple[object, ...]) -> str:
        return Pair.outcome(function, operands).replace("nan(-1)", "nan(+1)")


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.filterwarnings("ignore")
def test_expressions(seed: int) -> None:
    maker = Maker(seed)
    rng = maker.rng
    mixed = list(itertools.chain.from_iterable(KINDS.values()))
    with enabled():
        for number in range(12):
            kind = WARM[number % len(WARM)]
            source = maker.function()
            pair = Same(source, operands(KINDS[kind], rng, number % 4 + 1))
            for numbers in [*KINDS.values(), mixed, mixed, KINDS[kind] + KINDS["ints"] + KINDS["floats"]]:
                for _ in range(4):
                    pair.check(*operands(numbers, rng))


def compiled(source: str, *warm: object) -> Pair:
    pair = Pair(source, warm)
    assert whipsnake.tier(pair.compiled) == "baseline"  # type: ignore[arg-type]
    return pair


class Loud:
    """Tells of its end."""

    def __init__(self, log: list[object]) -> None:
        self.log = log

    def __del__(self) -> None:
        self.log.append(sys._getframe(1).f_locals.get("x"))


def test_a_container_dies_before_its_item_is_stored() -> None:
    """Whoever looks at the variable from the destructor sees its value from before."""
    source = "def f(make, log):\n    x = 1000\n    x = make(log)[0] + 5000\n    log.append(x)\n    return log"

    def make(log: list[object]) -> list[object]:
        return [7000, Loud(log)]

    with enabled():
        pair = compiled(source, make, [])
        assert pair.plain(make, []) == [1000, 12000]
        assert pair.compiled(make, []) == [1000, 12000]


def test_what_is_looked_into_dies_when_the_interpreter_lets_it_die() -> None:
    """Destructors run in its order, and see the attributes that are there then."""
    source = """
class Noisy:
    def __init__(self, n):
        self.n = n
        self.inner = self.other = None
    def __del__(self):
        log.append(self.n)
        if self.inner is not None:
            self.inner.n += 100
log = []
def make(n):
    outer = Noisy(n)
    outer.inner = Noisy(n + 1)
    return outer
def f():
    first = [Noisy(1), Noisy(2)][:1][0].n + (Noisy(3), Noisy(4))[1].n
    inner = make(7).inner
    second = make(5).inner.n + inner.n
    log.append((first, second))
    del inner
    return log
"""
    with enabled():
        pair = compiled(source)
        assert len({repr(pair.plain()) for _ in range(1)} | {repr(pair.compiled())}) == 1


@pytest.mark.parametrize("numbers", [(1000, 2000), (1.5, 2.5), (2**40, 2**41)], ids=str)
def test_variables_that_share_an_object_do_not_change_together(numbers: tuple[object, object]) -> None:
    """An int or float is overwritten only where nobody else has it."""
    source = """
def f(a, b):
    x = a + b
    y = x
    kept = [x]
    x = x + b * b
    z = x
    x = x - b
    return x, y, z, kept
"""
    with enabled():
        pair = compiled(source, *numbers)
        for _ in range(3):
            pair.check(*numbers)


def test_an_object_that_only_the_variable_has_is_used_again() -> None:
    source = "def f(a, n):\n    s = a * 2 + 5000\n    before = id(s)\n    s = s + n * 3\n    return before == id(s)"
    with enabled():
        pair = compiled(source, 1.5, 2.5)
        assert pair.compiled(1.5, 2.5) is True
        pair = compiled(source, 1500, 2500)
        assert pair.compiled(1500, 2500) is True


def test_small_ints_stay_the_only_ones_of_their_value() -> None:
    source = "def f(a, b):\n    x = a + b\n    x = x - b * 1\n    return x"
    with enabled():
        pair = compiled(source, 1000, 2000)
        for value in (0, 1, 256, -5):
            assert pair.compiled(value, 3000) is value  # CPython's cached ints


def test_reference_counts_stay() -> None:
    """Whether the fast path is taken to its end, or left at any instruction."""
    source = "def f(a, b, items, g):\n    x = items[0] * a + g[1][0] - items[1] * b\n    return x < b * 2"
    odd: list[object] = [1.5, 2, 2**70, "", None]
    with enabled():
        pair = compiled(source, 2.5, 3.5, [1.5, 2.5], [[1.0], [2.0]])
        for a, b, first, second, third in itertools.product(odd, repeat=5):
            items, row = [first, second], [third]
            watched = [a, b, first, second, third, items, row]
            before = [sys.getrefcount(one) for one in watched]
            pair.check(a, b, items, [[], row])
            assert [sys.getrefcount(one) for one in watched] == before
