"""Asynchronous iteration and context managers, driven by hand."""

from collections.abc import AsyncIterator


class Guard:
    def __init__(self) -> None:
        self.entered = 0

    async def __aenter__(self) -> "Guard":
        self.entered += 1
        return self

    async def __aexit__(self, *exception: object) -> None:
        pass


async def count(limit: int) -> AsyncIterator[int]:
    for i in range(limit):
        yield i


async def work(guard: Guard) -> int:
    total = 0
    async for i in count(30):
        async with guard:
            total += i
    return total


def drive(guard: Guard) -> int:
    coroutine = work(guard)
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: int = stop.value
        return result
    raise AssertionError("a coroutine was suspended")


def run(n: int) -> int:
    guard = Guard()
    total = 0
    for _ in range(n):
        total += drive(guard)
    return total + guard.entered
