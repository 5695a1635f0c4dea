"""Dataclasses and named tuples: made, compared, replaced, read."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass
class Item:
    name: str
    price: int
    count: int = 1


@dataclass(frozen=True, slots=True)
class Key:
    row: int
    column: int


class Pair(NamedTuple):
    first: int
    second: int


def work() -> int:
    total = 0
    found: dict[Key, int] = {}
    for i in range(25):
        item = Item("item", i)
        if item == Item("item", 3):
            total += 1
        total += item.price * item.count
        found[Key(i, i & 3)] = i
        pair = Pair(i, total)
        total += pair.first - pair.second // 2
    return total + found[Key(7, 3)]


def run(n: int) -> int:
    total = 0
    for _ in range(n):
        total += work() & 1023
    return total
