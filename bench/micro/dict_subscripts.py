"""Dict subscripts: loads, stores, deletions."""


def work(table: dict[str, int], keys: list[str]) -> int:
    total = 0
    for key in keys:
        table[key] = total & 1023
        total += table[key]
        table["last"] = total
        total += table["first"]
    del table["last"]
    return total


def run(n: int) -> int:
    keys = [f"key{i}" for i in range(100)]
    table = dict.fromkeys(keys, 0)
    table["first"] = 1
    total = 0
    for _ in range(n):
        total += work(table, keys)
    return total
