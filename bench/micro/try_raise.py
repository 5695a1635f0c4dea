"""try/except in which something is raised, here and by a callee."""


class Refused(Exception):
    """What check() raises."""


def check(x: int) -> int:
    if x & 1:
        raise Refused(x)
    return x


def work(table: dict[int, int]) -> int:
    total = 0
    for i in range(40):
        try:
            total += check(i)
        except Refused as error:
            total += len(error.args)
        try:
            total += table[i]
        except KeyError:
            total += 1
    return total


def run(n: int) -> int:
    table = {i: i for i in range(0, 40, 2)}
    total = 0
    for _ in range(n):
        total += work(table)
    return total
