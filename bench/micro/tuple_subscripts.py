"""Tuples: subscripts, making them, as keys."""


def work(points: list[tuple[int, int]], grid: dict[tuple[int, int], int]) -> int:
    total = 0
    for point in points:
        total += point[0] * point[1]
        neighbour = (point[0] + 1, point[-1])
        total += grid.get(neighbour, 1)
    return total


def run(n: int) -> int:
    points = [(i, i + 1) for i in range(100)]
    grid = dict.fromkeys(points[::3], 2)
    total = 0
    for _ in range(n):
        total += work(points, grid)
    return total
