"""getattr, setattr, hasattr, __getattr__ and type dispatch by name."""


class Record:
    def __init__(self) -> None:
        self.width = 1
        self.height = 2

    def __getattr__(self, name: str) -> int:
        if name.startswith("no_"):
            raise AttributeError(name)
        return len(name)


class Visitor:
    def visit(self, node: object) -> int:
        method = getattr(self, "visit_" + type(node).__name__, self.other)
        return method(node)

    def visit_int(self, node: int) -> int:
        return node

    def visit_str(self, node: str) -> int:
        return len(node)

    def other(self, node: object) -> int:
        return 7


def work(record: Record, visitor: Visitor, nodes: list[object]) -> int:
    total = 0
    for i in range(20):
        for name in ("width", "height"):
            setattr(record, name, getattr(record, name) + i & 7)
        total += record.missing + hasattr(record, "no_such")
        total += record.width
    for node in nodes:
        total += visitor.visit(node)
    return total


def run(n: int) -> int:
    record, visitor = Record(), Visitor()
    nodes: list[object] = [1, "two", 3.0, None, 5, "six"] * 3
    total = 0
    for _ in range(n):
        total += work(record, visitor, nodes)
    return total
