"""Method calls at one place in the program, on objects of five classes."""


class Expression:
    def value(self) -> int:
        raise NotImplementedError


class Number(Expression):
    def __init__(self, number: int) -> None:
        self.number = number

    def value(self) -> int:
        return self.number


class Negative(Expression):
    def __init__(self, of: Expression) -> None:
        self.of = of

    def value(self) -> int:
        return -self.of.value()


class Binary(Expression):
    def __init__(self, left: Expression, right: Expression) -> None:
        self.left = left
        self.right = right


class Sum(Binary):
    def value(self) -> int:
        return self.left.value() + self.right.value()


class Difference(Binary):
    def value(self) -> int:
        return self.left.value() - self.right.value()


class Larger(Binary):
    def value(self) -> int:
        left, right = self.left.value(), self.right.value()
        return left if left > right else right


def make(depth: int) -> Expression:
    if depth == 0:
        return Number(3)
    if depth % 4 == 0:
        return Negative(make(depth - 1))
    kind = (Sum, Difference, Larger)[depth % 3]
    return kind(make(depth - 1), make(max(depth - 3, 0)))


def run(n: int) -> int:
    expression = make(10)
    total = 0
    for _ in range(n):
        total += expression.value()
    return total
