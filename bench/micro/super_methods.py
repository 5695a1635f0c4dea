"""super().method(), in methods and in __init__."""


class Base:
    def __init__(self, name: str) -> None:
        self.name = name

    def size(self) -> int:
        return 1


class Middle(Base):
    def __init__(self, name: str, width: int) -> None:
        super().__init__(name)
        self.width = width

    def size(self) -> int:
        return super().size() + self.width


class Leaf(Middle):
    def size(self) -> int:
        return super().size() + 1


def work(leaf: Leaf) -> int:
    total = 0
    for i in range(40):
        total += leaf.size()
        if i & 1:
            total += Leaf("leaf", i).width
    return total


def run(n: int) -> int:
    leaf = Leaf("first", 3)
    total = 0
    for _ in range(n):
        total += work(leaf)
    return total
