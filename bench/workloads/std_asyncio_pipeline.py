"""asyncio without a network: producers, workers and a collector, queues, locks, timeouts, tasks."""

from __future__ import annotations

import asyncio

WORKERS, ITEMS = 6, 60


class Limiter:
    """Lets few in at a time, and knows how many there were at most."""

    def __init__(self, most: int) -> None:
        self.semaphore = asyncio.Semaphore(most)
        self.inside = self.peak = 0

    async def __aenter__(self) -> Limiter:
        await self.semaphore.acquire()
        self.inside += 1
        self.peak = max(self.peak, self.inside)
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.inside -= 1
        self.semaphore.release()


async def produce(queue: asyncio.Queue[int | None]) -> None:
    for number in range(ITEMS):
        await queue.put(number)
    for _ in range(WORKERS):
        await queue.put(None)


async def work(
    queue: asyncio.Queue[int | None], results: dict[int, int], limiter: Limiter, done: asyncio.Event
) -> None:
    while (number := await queue.get()) is not None:
        async with limiter:
            await asyncio.sleep(0)
            results[number] = number * number % 97
        if len(results) == ITEMS:
            done.set()


async def pipeline(n: int) -> int:
    total = 0
    for _ in range(n):
        queue: asyncio.Queue[int | None] = asyncio.Queue(8)
        results: dict[int, int] = {}
        limiter, done = Limiter(3), asyncio.Event()
        tasks = [asyncio.ensure_future(work(queue, results, limiter, done)) for _ in range(WORKERS)]
        await asyncio.gather(produce(queue), asyncio.wait_for(done.wait(), 60), *tasks)
        try:
            await asyncio.wait_for(asyncio.get_running_loop().create_future(), 0)
        except asyncio.TimeoutError:  # noqa: UP041  (another class in Python 3.10)
            total += 1
        total += sum(results.values()) + limiter.peak
    return total


def run(n: int) -> int:
    return asyncio.run(pipeline(n))
