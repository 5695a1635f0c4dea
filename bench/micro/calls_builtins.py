"""Calls of C functions: len, isinstance, abs, ord, range, int, str, list methods."""


def work(words: list[str], numbers: list[int]) -> int:
    total = 0
    for word in words:
        if isinstance(word, str):
            total += len(word)
        total += ord(word[0])
    for number in numbers:
        total += abs(number)
        if isinstance(number, (str, float)):
            total -= 1
        total += int(str(number))
    return total


def run(n: int) -> int:
    words = [f"word{i}" for i in range(50)]
    numbers = list(range(-25, 25))
    total = 0
    for _ in range(n):
        total += work(words, numbers)
    return total
