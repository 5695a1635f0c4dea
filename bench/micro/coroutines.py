"""Coroutines that await each other, driven by hand."""


async def leaf(x: int) -> int:
    return x + 1


async def branch(depth: int) -> int:
    if depth == 0:
        return await leaf(depth)
    return await branch(depth - 1) + await leaf(depth)


def drive(depth: int) -> int:
    coroutine = branch(depth)
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: int = stop.value
        return result
    raise AssertionError("a coroutine was suspended")


def run(n: int) -> int:
    total = 0
    for _ in range(n):
        total += drive(20)
    return total
