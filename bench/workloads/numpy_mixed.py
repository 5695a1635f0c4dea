"""NumPy mixed with Python code: k-means, a grid that is relaxed, scalars and rows in Python loops."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]


def clusters(points: Points, count: int, rounds: int) -> Points:
    """k-means, whose bookkeeping is Python's."""
    centres = points[:count].copy()
    for _ in range(rounds):
        members: dict[int, list[int]] = {i: [] for i in range(count)}
        for number, point in enumerate(points):
            distances = ((centres - point) ** 2).sum(axis=1)
            members[int(distances.argmin())].append(number)
        for i, found in members.items():
            if found:
                centres[i] = points[found].mean(axis=0)
    return centres


def relaxed(size: int, rounds: int) -> float:
    """Heat in a plate, by whole arrays."""
    grid = np.zeros((size, size))
    grid[0, :] = 100.0
    for _ in range(rounds):
        grid[1:-1, 1:-1] = 0.25 * (grid[:-2, 1:-1] + grid[2:, 1:-1] + grid[1:-1, :-2] + grid[1:-1, 2:])
    return float(grid.sum())


def walks(steps: npt.NDArray[np.int64]) -> Iterator[int]:
    """Scalars of NumPy in a Python loop."""
    position = 0
    for step in steps:
        position += step
        if position % 7 == 0:
            yield int(position)


def run(n: int) -> str:
    found: list[object] = []
    for _ in range(n):
        source = np.random.default_rng(5)
        points = source.normal(size=(150, 3))
        steps = source.integers(-3, 4, 1500)
        found = [np.round(clusters(points, 4, 3), 9).tolist(), round(relaxed(30, 40), 9), sum(walks(steps))]
    return repr(found)
