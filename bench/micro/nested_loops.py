"""Loops in loops over lists of lists: a product of matrices, a grid of cells."""


def multiply(a: list[list[int]], b: list[list[int]], size: int) -> list[list[int]]:
    result = [[0] * size for _ in range(size)]
    for i in range(size):
        row = result[i]
        for j in range(size):
            total = 0
            for k in range(size):
                total += a[i][k] * b[k][j]
            row[j] = total
    return result


def neighbours(grid: list[list[int]], size: int) -> int:
    alive = 0
    for y in range(1, size - 1):
        for x in range(1, size - 1):
            if grid[y - 1][x] + grid[y + 1][x] + grid[y][x - 1] + grid[y][x + 1] > 30:
                alive += 1
    return alive


def run(n: int) -> int:
    size = 7
    a = [[i + j for j in range(size)] for i in range(size)]
    b = [[i - j for j in range(size)] for i in range(size)]
    total = 0
    for _ in range(n):
        total += multiply(a, b, size)[3][2] + neighbours(a, size)
    return total
