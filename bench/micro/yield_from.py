"""Generators that delegate with yield from: an in-order walk of a tree."""

from collections.abc import Iterator


class Tree:
    def __init__(self, left: "Tree | None", value: int, right: "Tree | None") -> None:
        self.left = left
        self.value = value
        self.right = right

    def __iter__(self) -> Iterator[int]:
        if self.left:
            yield from self.left
        yield self.value
        if self.right:
            yield from self.right

    def __bool__(self) -> bool:
        return True


def make(low: int, high: int) -> Tree | None:
    if low >= high:
        return None
    middle = (low + high) // 2
    return Tree(make(low, middle), middle, make(middle + 1, high))


def work(tree: Tree) -> int:
    total = 0
    for value in tree:
        total += value
    return total


def run(n: int) -> int:
    tree = make(0, 63)
    assert tree is not None
    total = 0
    for _ in range(n):
        total += work(tree)
    return total
