"""A list and a dict as a stack, a queue and a table of groups: append, pop, extend, get, setdefault."""


def work() -> int:
    stack: list[int] = []
    groups: dict[int, list[int]] = {}
    for i in range(60):
        stack.append(i)
        groups.setdefault(i % 7, []).append(i)
    total = 0
    while stack:
        total += stack.pop()
        found = groups.get(total % 11)
        if found is not None:
            total += len(found)
    return total


def run(n: int) -> int:
    total = 0
    for _ in range(n):
        total += work()
    return total
