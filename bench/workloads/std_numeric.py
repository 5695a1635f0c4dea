"""Numeric kernels: LU decomposition, FFT, Runge-Kutta, a sieve, quadrature, Newton's fractal."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable


def solve(matrix: list[list[float]], right: list[float]) -> list[float]:
    """Solve a linear system with partial pivoting; both arguments are overwritten."""
    size = len(right)
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(matrix[row][column]))
        matrix[column], matrix[pivot] = matrix[pivot], matrix[column]
        right[column], right[pivot] = right[pivot], right[column]
        for row in range(column + 1, size):
            factor = matrix[row][column] / matrix[column][column]
            for k in range(column, size):
                matrix[row][k] -= factor * matrix[column][k]
            right[row] -= factor * right[column]
    for row in range(size - 1, -1, -1):
        known = sum(matrix[row][k] * right[k] for k in range(row + 1, size))
        right[row] = (right[row] - known) / matrix[row][row]
    return right


def fft(signal: list[complex]) -> list[complex]:
    size = len(signal)
    if size == 1:
        return signal
    even, odd = fft(signal[::2]), fft(signal[1::2])
    half = [cmath.exp(-2j * math.pi * k / size) * odd[k] for k in range(size // 2)]
    pairs = list(zip(even, half, strict=True))
    return [a + b for a, b in pairs] + [a - b for a, b in pairs]


def orbit(steps: int, h: float = 0.01) -> tuple[float, float]:
    """A planet around a star, by Runge and Kutta's fourth order."""

    def slope(x: float, y: float, u: float, v: float) -> tuple[float, float, float, float]:
        r3 = (x * x + y * y) ** 1.5
        return u, v, -x / r3, -y / r3

    state = (1.0, 0.0, 0.0, 1.1)
    for _ in range(steps):
        k1 = slope(*state)
        k2 = slope(*(s + h / 2 * k for s, k in zip(state, k1, strict=True)))
        k3 = slope(*(s + h / 2 * k for s, k in zip(state, k2, strict=True)))
        k4 = slope(*(s + h * k for s, k in zip(state, k3, strict=True)))
        x, y, u, v = (
            s + h / 6 * (a + 2 * b + 2 * c + d) for s, a, b, c, d in zip(state, k1, k2, k3, k4, strict=True)
        )
        state = (x, y, u, v)
    return state[0], state[1]


def primes(limit: int) -> int:
    sieve = bytearray([1]) * limit
    sieve[0:2] = b"\0\0"
    for i in range(2, math.isqrt(limit) + 1):
        if sieve[i]:
            for j in range(i * i, limit, i):
                sieve[j] = 0
    return sum(sieve)


def integral(f: Callable[[float], float], a: float, b: float, depth: int = 9) -> float:
    """Adaptive quadrature by Simpson's rule."""
    middle = (a + b) / 2
    whole = (b - a) / 6 * (f(a) + 4 * f(middle) + f(b))
    left = (middle - a) / 6 * (f(a) + 4 * f((a + middle) / 2) + f(middle))
    right = (b - middle) / 6 * (f(middle) + 4 * f((middle + b) / 2) + f(b))
    if depth == 0 or abs(left + right - whole) < 1e-9:
        return left + right
    return integral(f, a, middle, depth - 1) + integral(f, middle, b, depth - 1)


def newton(size: int) -> int:
    """Count the steps of Newton's method for z**3 = 1 over a square of starting points."""
    steps = 0
    for i in range(size):
        for j in range(size):
            z = complex(i / size * 4 - 1.99, j / size * 4 - 1.99)
            while abs(z * z * z - 1) > 1e-6 and steps < 1 << 20:
                z -= (z * z * z - 1) / (3 * z * z)
                steps += 1
    return steps


def run(n: int) -> str:
    found: list[object] = []
    for _ in range(n):
        size = 18
        matrix = [[1.0 / (i + j + 1) + (i == j) for j in range(size)] for i in range(size)]
        spectrum = fft([complex(math.sin(i / 5), 0.0) for i in range(256)])
        found = [
            [round(x, 9) for x in solve(matrix, [float(i) for i in range(size)])],
            round(max(map(abs, spectrum)), 9),
            [round(x, 9) for x in orbit(200)],
            primes(10_000),
            round(integral(lambda x: math.exp(-x * x), -3.0, 3.0), 9),
            newton(14),
        ]
    return repr(found)
