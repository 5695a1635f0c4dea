"""For over a range."""


def work(size: int) -> int:
    last = 0
    for i in range(size):
        last = i
    for i in range(size, 0, -1):  # noqa: B007
        pass
    return last + i


def run(n: int) -> int:
    total = 0
    for _ in range(n):
        total += work(250)
    return total
