"""Closures: made, called, with variables that they share and change."""

from collections.abc import Callable


def counter(step: int) -> Callable[[int], int]:
    total = 0

    def add(x: int) -> int:
        nonlocal total
        total += x + step
        return total

    return add


def work() -> int:
    add = counter(3)
    for i in range(100):
        add(i)
    return add(0)


def run(n: int) -> int:
    total = 0
    for _ in range(n):
        total += work()
    return total
