"""Classes with __slots__: instances, loads and stores."""


class Cell:
    __slots__ = ("following", "value")

    def __init__(self, value: int, following: "Cell | None") -> None:
        self.value = value
        self.following = following


def work() -> int:
    first: Cell | None = None
    for i in range(50):
        first = Cell(i, first)
    total = 0
    while first is not None:
        first.value += 1
        total += first.value
        first = first.following
    return total


def run(n: int) -> int:
    total = 0
    for _ in range(n):
        total += work()
    return total
