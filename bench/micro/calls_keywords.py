"""Calls with keyword arguments, of functions and of classes."""


class Box:
    def __init__(self, *, width: int, height: int = 1) -> None:
        self.width = width
        self.height = height


def area(width: int, height: int, *, scale: int = 2, offset: int = 0) -> int:
    return width * height * scale + offset


def work() -> int:
    total = 0
    for i in range(50):
        total += area(i, height=3)
        total += area(width=i, height=4, offset=1)
        total += Box(width=i, height=2).width
    return total


def run(n: int) -> int:
    total = 0
    for _ in range(n):
        total += work()
    return total
