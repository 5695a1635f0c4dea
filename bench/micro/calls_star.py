"""Calls with * and **, of functions that take them."""


def positional(*numbers: int) -> int:
    return len(numbers)


def keywords(**named: int) -> int:
    return len(named)


def forward(*arguments: int, **named: int) -> int:
    return target(*arguments, **named)


def target(a: int, b: int, c: int = 0) -> int:
    return a + b + c


def work(numbers: tuple[int, ...], named: dict[str, int]) -> int:
    total = 0
    for i in range(30):
        total += positional(i, i, i)
        total += positional(*numbers)
        total += keywords(first=i, second=i)
        total += forward(1, 2, c=i)
        total += target(*numbers, **named)
    return total


def run(n: int) -> int:
    total = 0
    for _ in range(n):
        total += work((1, 2), {"c": 3})
    return total
