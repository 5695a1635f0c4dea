"""List comprehensions, with conditions and nested."""


def work(numbers: list[int]) -> int:
    squares = [number * number for number in numbers]
    odd = [square for square in squares if square & 1]
    pairs = [(a, b) for a in range(6) for b in range(a)]
    return squares[-1] + len(odd) + len(pairs)


def run(n: int) -> int:
    numbers = list(range(60))
    total = 0
    for _ in range(n):
        total += work(numbers)
    return total
