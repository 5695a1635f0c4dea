"""Generator expressions that sum(), any() and join() consume."""


def work(numbers: list[int]) -> int:
    total = sum(number * 2 for number in numbers)
    if any(number > 1000 for number in numbers):
        total += 1
    return total + len(",".join("x" for _ in numbers))


def run(n: int) -> int:
    numbers = list(range(60))
    total = 0
    for _ in range(n):
        total += work(numbers)
    return total
