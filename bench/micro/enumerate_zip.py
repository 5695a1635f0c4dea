"""for over enumerate, zip, reversed."""


def work(names: list[str], numbers: list[int]) -> int:
    total = 0
    for place, number in enumerate(numbers):
        total += place - number
    for name, number in zip(names, numbers):  # noqa: B905
        if name:
            total += number
    for place, (name, number) in enumerate(zip(names, numbers, strict=True), 1):
        total += place + number + len(name)
    for number in reversed(numbers):
        total -= number
    return total


def run(n: int) -> int:
    names = [f"name{i}" for i in range(40)]
    numbers = list(range(40))
    total = 0
    for _ in range(n):
        total += work(names, numbers)
    return total
