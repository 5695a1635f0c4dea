"""Standard library: the pure-Python ``decimal`` computes pi, square roots, logarithms and a telephone bill.

Input: the numbers below; precision 60 to 500 digits.
"""

from __future__ import annotations

from _pydecimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal, getcontext
from collections.abc import Iterator

from demo.harness import run

PI_DIGITS = (60, 120, 250, 500)
CALLS = 25_000


def pi() -> Decimal:
    """Return pi to the context's precision (the recipe of the decimal documentation)."""
    getcontext().prec += 2
    three = Decimal(3)
    last, term, total, n, na, d, da = Decimal(0), three, three, 1, 0, 0, 24
    while total != last:
        last = total
        n, na = n + na, na + 8
        d, da = d + da, da + 32
        term = (term * n) / d
        total += term
    getcontext().prec -= 2
    return +total


def bill(calls: int) -> Iterator[str]:
    """Charge calls of growing length: a rate, a tax and a distance tax, rounded as the law wants."""
    cent = Decimal("0.01")
    sums = [Decimal(0), Decimal(0), Decimal(0)]
    for number in range(calls):
        seconds = Decimal(number * 7919 % 100_003)
        distant = number % 3 == 0
        price = (seconds * Decimal("0.00894" if distant else "0.0013")).quantize(cent, ROUND_HALF_EVEN)
        tax = (price * Decimal("0.0675")).quantize(cent, ROUND_DOWN)
        far = (price * Decimal("0.0341")).quantize(cent, ROUND_DOWN) if distant else Decimal(0)
        sums = [total + part for total, part in zip(sums, (price, tax, far), strict=True)]
        yield f"{price + tax + far}\n"
    yield f"{sums}\n"


def compute(digits: tuple[int, ...]) -> Iterator[str]:
    """Print all results."""
    for precision in digits:
        getcontext().prec = precision
        yield f"{pi()}\n{Decimal(2).sqrt()}\n{Decimal(10).ln()}\n{Decimal(1).exp()}\n"
    getcontext().prec = 28
    yield from bill(CALLS)


if __name__ == "__main__":
    run(compute, PI_DIGITS)
