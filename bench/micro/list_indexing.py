"""List indexing: loads and stores."""


def work(cells: list[int], size: int) -> int:
    total = 0
    for i in range(1, size - 1):
        cells[i] = cells[i - 1]
        total += cells[i + 1] + cells[i]
    cells[0] = total & 255
    return total


def run(n: int) -> int:
    cells = list(range(200))
    total = 0
    for _ in range(n):
        total += work(cells, 200)
    return total
