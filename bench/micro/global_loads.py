"""Global variables, read and written, and attributes of modules."""

import math

LIMIT = 50
SCALE = 3
calls = 0


def bounded(x: int) -> int:
    return x if x < LIMIT else LIMIT


def work() -> float:
    global calls
    total = 0.0
    for i in range(100):
        total += bounded(i) * SCALE
        total += math.pi
        calls += 1
    return total


def run(n: int) -> float:
    global calls
    calls = 0
    total = 0.0
    for _ in range(n):
        total += work()
    return total + calls
