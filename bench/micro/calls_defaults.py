"""Calls of functions with default arguments."""


def area(width: int, height: int = 3, scale: int = 2, offset: int = 0) -> int:
    return width * height * scale + offset


def work() -> int:
    total = 0
    for i in range(60):
        total += area(i)
        total += area(i, 4)
        total += area(i, 4, 5, 6)
    return total


def run(n: int) -> int:
    total = 0
    for _ in range(n):
        total += work()
    return total
