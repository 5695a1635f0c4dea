"""For over a list."""


def work(names: list[str], numbers: list[int]) -> int:
    last = ""
    for name in names:
        last = name
    total = 0
    for number in numbers:
        total += number
    return total + len(last)


def run(n: int) -> int:
    names = [f"name{i}" for i in range(250)]
    numbers = list(range(250))
    total = 0
    for _ in range(n):
        total += work(names, numbers)
    return total
