"""A scanner that looks at a text character by character."""


def work(text: str) -> int:
    position = 0
    words = 0
    size = len(text)
    while position < size:
        if text[position] == " ":
            position += 1
            continue
        start = position
        while position < size and text[position] != " ":
            position += 1
        if text[start:position] != "the":
            words += 1
    return words


def run(n: int) -> int:
    text = "the quick brown fox jumps over the lazy dog " * 5
    total = 0
    for _ in range(n):
        total += work(text)
    return total
