"""Attributes at one place in the program, of objects of four classes."""


class Circle:
    def __init__(self, size: int) -> None:
        self.size = size
        self.name = "circle"


class Square:
    def __init__(self, size: int) -> None:
        self.name = "square"
        self.size = size


class Line:
    name = "line"

    def __init__(self, size: int) -> None:
        self.size = size


class Dot:
    __slots__ = ("name", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.name = "dot"


def work(shapes: list[Circle | Square | Line | Dot]) -> int:
    total = 0
    for shape in shapes:
        total += shape.size
        shape.size = total & 15
        if shape.name == "line":
            total += 1
    return total


def run(n: int) -> int:
    classes = (Circle, Square, Line, Dot)
    shapes = [classes[i % 4](i) for i in range(60)]
    total = 0
    for _ in range(n):
        total += work(shapes)
    return total
