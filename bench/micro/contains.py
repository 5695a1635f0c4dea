"""in and not in: lists, tuples, sets, dicts, strings; is and comparisons."""


def work(table: dict[str, int], names: list[str]) -> int:
    total = 0
    seen: set[str] = set()
    for name in names:
        if name in table:
            total += 1
        if name not in seen:
            seen.add(name)
        if name in ("alpha", "name3", "omega"):
            total += 2
        if "7" in name:
            total += 3
        if table.get(name) is not None and 2 < total <= 1000:
            total += 1
    return total + len(seen)


def run(n: int) -> int:
    names = [f"name{i}" for i in range(50)]
    table = dict.fromkeys(names[::2], 1)
    total = 0
    for _ in range(n):
        total += work(table, names)
    return total
