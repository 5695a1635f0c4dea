"""Generators in for loops."""

from collections.abc import Iterator


def count(limit: int) -> Iterator[int]:
    i = 0
    while i < limit:
        yield i
        i += 1


def evens(numbers: Iterator[int]) -> Iterator[int]:
    for number in numbers:
        if not number & 1:
            yield number


def work() -> int:
    total = 0
    for number in evens(count(100)):
        total += number
    return total


def run(n: int) -> int:
    total = 0
    for _ in range(n):
        total += work()
    return total
