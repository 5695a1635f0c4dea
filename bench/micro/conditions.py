"""if, and, or, not, chained comparisons and conditional expressions over small values."""


def grade(points: int, bonus: int, late: bool, name: str | None) -> str:
    if late and not bonus:
        points -= 5
    if points > 90 or (points > 80 and bonus > 3):
        return "A"
    if 60 < points <= 90 and name is not None:
        return "B" if bonus else "C"
    return name or "F"


def work() -> int:
    total = 0
    for i in range(80):
        mark = grade(i + 20, i % 5, i % 3 == 0, None if i % 4 == 0 else "someone")
        if mark == "A" or mark == "B":
            total += 1
        elif mark != "F":
            total += len(mark)
    return total


def run(n: int) -> int:
    total = 0
    for _ in range(n):
        total += work()
    return total
