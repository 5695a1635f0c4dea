"""Float arithmetic with functions of math, and attributes that are floats."""

import math


class Body:
    def __init__(self, x: float, y: float, mass: float) -> None:
        self.x = x
        self.y = y
        self.vx = 0.0
        self.vy = 0.0
        self.mass = mass


def work(a: Body, b: Body) -> float:
    energy = 0.0
    for _ in range(40):
        dx = a.x - b.x
        dy = a.y - b.y
        distance = math.sqrt(dx * dx + dy * dy) + 0.01
        force = 0.001 / (distance * distance)
        a.vx -= dx * b.mass * force
        a.vy -= dy * b.mass * force
        a.x += a.vx * 0.01
        a.y += a.vy * 0.01
        energy += abs(math.sin(a.x)) + a.vx**2
    return energy


def run(n: int) -> float:
    total = 0.0
    for _ in range(n):
        total += work(Body(0.0, 1.0, 2.0), Body(1.0, 0.5, 3.0))
    return total
