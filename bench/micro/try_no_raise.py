"""try/except and try/finally in which nothing is raised."""


def checked(x: int) -> int:
    try:
        return x + 1
    except ValueError:
        return 0


def work(numbers: list[int]) -> int:
    total = 0
    for number in numbers:
        try:
            total += checked(number)
        except (TypeError, KeyError):
            total -= 1
        finally:
            total += 2
    return total


def run(n: int) -> int:
    numbers = list(range(100))
    total = 0
    for _ in range(n):
        total += work(numbers)
    return total
