"""SymPy expands, factors, differentiates, integrates and solves.

Input: the sums, products and integrals below, in the style of SymPy's own benchmarks.
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy
from demo.harness import run
from sympy import Poly, cos, diff, exp, expand, factor, integrate, log, series, sin, solve, together, trigsimp
from sympy.abc import a, b, c, x, y, z

INTEGRALS = (x**3 * exp(2 * x), sin(x) ** 4, 1 / (x**3 + 1), log(x) ** 2, x * cos(x) * exp(x))
POLYNOMIALS = (x**12 - y**12, x**16 - 1, (x + y + 1) ** 4 * (x - y) ** 3)
EQUATIONS = (x**3 - 6 * x**2 + 11 * x - 6, x**4 - 5 * x**2 + 4, a * x**2 + b * x + c)


def algebra(expressions: tuple[sympy.Expr, ...]) -> Iterator[str]:
    """Print one line per result."""
    for power in (8, 12):
        yield f"{expand((1 + x + y + z) ** power)}\n"
    for polynomial in POLYNOMIALS:
        yield f"{factor(expand(polynomial))}\n"
    for expression in expressions:
        yield f"{integrate(expression, x)}\n{together(diff(expression, x, 3))}\n"
    for equation in EQUATIONS:
        yield f"{solve(equation, x)}\n"
    yield f"{series(exp(sin(x)), x, 0, 9)}\n"
    yield f"{trigsimp(sin(x) ** 4 - 2 * cos(x) ** 2 * sin(x) ** 2 + cos(x) ** 4)}\n"
    yield f"{Poly((x + 2 * y) ** 20, x, y).resultant(Poly(x - y + 1, x, y))}\n"


if __name__ == "__main__":
    run(algebra, INTEGRALS)
