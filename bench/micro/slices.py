"""Slices of lists, tuples and strings."""


def work(items: list[int], text: str) -> int:
    total = 0
    for i in range(40):
        total += len(items[i : i + 5]) + len(items[:-i])
        total += len(text[i:]) + len(text[i : i + 3])
        items[2:4] = items[4:6]
    return total


def run(n: int) -> int:
    items = list(range(50))
    total = 0
    for _ in range(n):
        total += work(items, "a text that is sliced at many places, again and again")
    return total
