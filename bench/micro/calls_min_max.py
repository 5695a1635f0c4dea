"""Calls of min, max, sum, sorted and round with few arguments."""


def work() -> float:
    total = 0.0
    for i in range(40):
        total += min(i, 20) + max(i, 10)
        total += sum((i, 1, 2))
        total += round(total * 0.25, 2)
        total -= sorted([i, 3, 5])[1]
    return total


def run(n: int) -> float:
    total = 0.0
    for _ in range(n):
        total += work()
        total = total % 1000003
    return total
