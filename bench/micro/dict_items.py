"""for over a dict, its items and its values."""


def work(table: dict[str, int]) -> int:
    total = 0
    for key, value in table.items():
        total += value
        if key == "key9":
            total += 1
    for key in table:
        total += len(key)
    for value in table.values():
        total -= value
    return total


def run(n: int) -> int:
    table = {f"key{i}": i for i in range(50)}
    total = 0
    for _ in range(n):
        total += work(table)
    return total
