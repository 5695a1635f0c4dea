"""with: managers in Python and in C, and a generator behind contextlib."""

import contextlib
import threading
from collections.abc import Iterator


class Manager:
    def __init__(self) -> None:
        self.depth = 0

    def __enter__(self) -> "Manager":
        self.depth += 1
        return self

    def __exit__(self, *raised: object) -> None:
        self.depth -= 1


@contextlib.contextmanager
def counted(counts: list[int]) -> Iterator[None]:
    counts[0] += 1
    yield


def run(n: int) -> int:
    manager, lock, counts = Manager(), threading.Lock(), [0]
    total = 0
    for i in range(n):
        for j in range(10):
            with manager as entered, lock:
                total += entered.depth + j
        with counted(counts):
            total += i
    return total + counts[0] + manager.depth
