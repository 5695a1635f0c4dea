"""String concatenation with + and +=, and comparing strings."""


def work(words: list[str]) -> int:
    text = ""
    total = 0
    for word in words:
        text += word
        text = text + ","
        joined = word + "-" + word
        if joined == "word7-word7":
            total += 1
        if word < "word5":
            total += len(joined)
    return total + len(text)


def run(n: int) -> int:
    words = [f"word{i}" for i in range(50)]
    total = 0
    for _ in range(n):
        total += work(words)
    return total
