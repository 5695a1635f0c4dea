"""with: context managers of a class, and of a generator."""

from collections.abc import Iterator
from contextlib import contextmanager


class Depth:
    def __init__(self) -> None:
        self.depth = 0

    def __enter__(self) -> "Depth":
        self.depth += 1
        return self

    def __exit__(self, *exception: object) -> None:
        self.depth -= 1


@contextmanager
def deeper(depth: Depth) -> Iterator[int]:
    depth.depth += 10
    try:
        yield depth.depth
    finally:
        depth.depth -= 10


def work(depth: Depth) -> int:
    total = 0
    for _ in range(40):
        with depth as inside:
            total += inside.depth
    for _ in range(10):
        with deeper(depth) as value:
            total += value
    return total


def run(n: int) -> int:
    depth = Depth()
    total = 0
    for _ in range(n):
        total += work(depth)
    return total + depth.depth
