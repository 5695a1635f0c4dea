"""f-strings, %-formatting and str.format."""


def work(name: str) -> int:
    total = 0
    for i in range(30):
        total += len(f"{name}: {i}, {i * 2:>5}, {name!r}")
        total += len(f"{i / 3:.2f}")
        total += len("%s has %d" % (name, i))  # noqa: UP031
    return total + len("{} and {}".format(name, total))  # noqa: UP032


def run(n: int) -> int:
    total = 0
    for _ in range(n):
        total += work("snake")
    return total
