"""Creating instances with __init__."""


class Vector:
    def __init__(self, x: float, y: float) -> None:
        self.x = x
        self.y = y


class Node:
    def __init__(self, value: int, following: "Node | None" = None) -> None:
        self.value = value
        self.following = following
        self.seen = False


def work() -> float:
    total = 0.0
    node = None
    for i in range(50):
        vector = Vector(i, 1.5)
        node = Node(i)
        total += vector.y + node.value
    return total


def run(n: int) -> float:
    total = 0.0
    for _ in range(n):
        total += work()
    return total
