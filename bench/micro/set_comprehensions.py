"""Set comprehensions and operations on sets."""


def work(numbers: list[int]) -> int:
    residues = {number % 13 for number in numbers}
    squares = {number * number % 17 for number in numbers if number & 1}
    common = residues & squares
    common.add(100)
    return len(residues | squares) + len(common) + (5 in squares)


def run(n: int) -> int:
    numbers = list(range(60))
    total = 0
    for _ in range(n):
        total += work(numbers)
    return total
