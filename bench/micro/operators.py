"""Operators of a class in Python: +, -, *, ==, <, [], len, hash, bool."""


class Vector:
    def __init__(self, x: int, y: int) -> None:
        self.x = x
        self.y = y

    def __add__(self, other: "Vector") -> "Vector":
        return Vector(self.x + other.x, self.y + other.y)

    def __mul__(self, factor: int) -> "Vector":
        return Vector(self.x * factor, self.y * factor)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vector) and self.x == other.x and self.y == other.y

    def __lt__(self, other: "Vector") -> bool:
        return self.x < other.x

    def __hash__(self) -> int:
        return self.x * 31 + self.y

    def __getitem__(self, place: int) -> int:
        return self.y if place else self.x

    def __len__(self) -> int:
        return 2


def work(step: Vector) -> int:
    position = Vector(0, 0)
    total = 0
    for i in range(25):
        position = position + step * 2
        if position == step or position < step:
            total += 1
        total += position[0] + len(position) + hash(position) % (i + 1)
    return total


def run(n: int) -> int:
    total = 0
    for _ in range(n):
        total += work(Vector(1, 2))
    return total
