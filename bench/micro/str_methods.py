"""Methods of str."""


def work(words: list[str]) -> int:
    total = 0
    for word in words:
        if word.startswith("w"):
            total += len(word.upper())
        total += len(word.replace("o", "00").strip().split("r"))
        total += word.find("d")
    return total + len(" ".join(words))


def run(n: int) -> int:
    words = [f" word{i}" if i & 1 else f"word{i} " for i in range(50)]
    total = 0
    for _ in range(n):
        total += work(words)
    return total
