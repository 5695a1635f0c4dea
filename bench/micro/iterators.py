"""Iterators written as classes, with __iter__ and __next__."""


class Countdown:
    def __init__(self, start: int) -> None:
        self.left = start

    def __iter__(self) -> "Countdown":
        return self

    def __next__(self) -> int:
        if self.left == 0:
            raise StopIteration
        self.left -= 1
        return self.left


def work() -> int:
    total = 0
    for number in Countdown(60):
        total += number
    return total


def run(n: int) -> int:
    total = 0
    for _ in range(n):
        total += work()
    return total
