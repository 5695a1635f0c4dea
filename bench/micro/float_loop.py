"""Float arithmetic in a loop."""


def work(x: float, steps: int) -> float:
    total = 0.0
    step = 0.001
    for _ in range(steps):
        total = total + x * x - total * 0.5
        x = x + step
        total = total / 1.25 - x
    return total


def run(n: int) -> float:
    total = 0.0
    for _ in range(n):
        total += work(1.0, 200)
    return total
