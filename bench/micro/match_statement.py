"""match: literals, sequences, mappings, classes."""


class Move:
    __match_args__ = ("x", "y")

    def __init__(self, x: int, y: int) -> None:
        self.x = x
        self.y = y


def classify(thing: object) -> int:
    match thing:
        case 0 | 1:
            return 1
        case "stop":
            return 2
        case [int(first), *_]:
            return first
        case {"name": str(name)}:
            return len(name)
        case Move(0, y):
            return y
        case Move(x, _):
            return x
        case _:
            return 9


def work(things: list[object]) -> int:
    total = 0
    for thing in things:
        total += classify(thing)
    return total


def run(n: int) -> int:
    things: list[object] = [0, "stop", [3, 4], {"name": "snake"}, Move(0, 2), Move(3, 1), None, 1] * 4
    total = 0
    for _ in range(n):
        total += work(things)
    return total
