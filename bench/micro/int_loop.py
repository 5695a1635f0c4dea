"""Int arithmetic in a loop."""


def work(x: int, steps: int) -> int:
    total = 0
    for i in range(steps):
        total = total + i * 3 - x
        x = (x + i) & 1023
        total = total - (i // 7) + i % 5
    return total


def run(n: int) -> int:
    total = 0
    for _ in range(n):
        total += work(17, 200)
    return total
