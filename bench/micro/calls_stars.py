"""Functions with stars, called with and without stars, and such as pass on what they are given."""

from typing import Any


def count(*items: int, **named: int) -> int:
    return len(items) + len(named)


def first(start: int, *rest: int) -> int:
    return start


def pass_on(*items: int, **named: int) -> int:
    return count(*items, **named)


class Box:
    def __init__(self, *sides: int, **options: int) -> None:
        self.sides = sides
        self.options = options


class Named(Box):
    def __init__(self, name: str, *sides: int, **options: int) -> None:
        super().__init__(*sides, **options)
        self.name = name


def work() -> int:
    total = 0
    options: dict[str, Any] = {"depth": 3}
    for i in range(50):
        total += count(i, i, scale=2)
        total += first(i, 1, 2) + first(i)
        total += pass_on(i, offset=i) + pass_on(i)
        total += count(**options)
        total += len(Named("box", i, 2, **options).sides)
    return total


def run(n: int) -> int:
    total = 0
    for _ in range(n):
        total += work()
    return total
