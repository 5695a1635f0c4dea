"""Unpacking tuples and lists, with and without a star."""


def pair(x: int) -> tuple[int, int]:
    return x, x + 1


def work(rows: list[tuple[int, int, int]]) -> int:
    total = 0
    a, b = 0, 1
    for first, second, third in rows:
        a, b = b, a + first
        total += second - third
        low, high = pair(second)
        head, *tail = [low, high, third]
        total += head + len(tail)
    return total + a - b


def run(n: int) -> int:
    rows = [(i, i + 1, i + 2) for i in range(60)]
    total = 0
    for _ in range(n):
        total += work(rows)
    return total
