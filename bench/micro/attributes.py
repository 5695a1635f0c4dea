"""Attribute loads and stores."""


class Point:
    def __init__(self, x: int, y: int, z: int) -> None:
        self.x = x
        self.y = y
        self.z = z


def work(p: Point, q: Point) -> None:
    for _ in range(100):
        p.x = q.y
        q.y = p.z
        p.z = q.x
        q.x = p.y
        p.y = q.z
        q.z = p.x


def run(n: int) -> tuple[int, ...]:
    p, q = Point(1, 2, 3), Point(4, 5, 6)
    for _ in range(n):
        work(p, q)
    return p.x, p.y, p.z, q.x, q.y, q.z
