"""Dict comprehensions."""


def work(words: list[str]) -> int:
    sizes = {word: len(word) for word in words}
    places = {word: place for place, word in enumerate(words) if sizes[word] > 5}
    return len(sizes) + len(places) + len({size: word for word, size in sizes.items()})


def run(n: int) -> int:
    words = [f"word{i}" for i in range(40)]
    total = 0
    for _ in range(n):
        total += work(words)
    return total
