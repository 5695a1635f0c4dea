"""Functions as values: lambdas in tables, key functions, map and filter."""

from collections.abc import Callable


def work(operations: dict[str, Callable[[int, int], int]], words: list[str]) -> int:
    total = 0
    for name in ("add", "subtract", "first"):
        operation = operations[name]
        for i in range(20):
            total += operation(i, 2)
    ordered = sorted(words, key=lambda word: (len(word), word))
    return total + len(list(map(lambda word: word[:1], ordered)))  # noqa: C417


def run(n: int) -> int:
    operations: dict[str, Callable[[int, int], int]] = {
        "add": lambda a, b: a + b,
        "subtract": lambda a, b: a - b,
        "first": lambda a, b: a,
    }
    words = [f"w{i * 7919 % 101}" for i in range(20)]
    total = 0
    for _ in range(n):
        total += work(operations, words)
    return total
