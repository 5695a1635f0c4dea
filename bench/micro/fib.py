"""Recursive function calls."""


def fib(n: int) -> int:
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)


def run(n: int) -> int:
    total = 0
    for _ in range(n):
        total += fib(12)
    return total
