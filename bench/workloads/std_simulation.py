"""Simulations of objects: a shop with queues, in events; particles in a box; an economy of agents."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from abc import ABC, abstractmethod


class Simulation:
    """A clock and the events to come."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Event]] = []
        self._numbers = itertools.count()

    def after(self, delay: float, event: Event) -> None:
        heapq.heappush(self._events, (self.now + delay, next(self._numbers), event))

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            self.now, _, event = heapq.heappop(self._events)
            event.happen(self)


class Event(ABC):
    @abstractmethod
    def happen(self, simulation: Simulation) -> None: ...


class Counter:
    """Serves customers one at a time."""

    def __init__(self, name: str, speed: float) -> None:
        self.name = name
        self.speed = speed
        self.waiting: list[Customer] = []
        self.busy = False
        self.served = 0

    def join(self, customer: Customer, simulation: Simulation) -> None:
        self.waiting.append(customer)
        if not self.busy:
            self.begin(simulation)

    def begin(self, simulation: Simulation) -> None:
        self.busy = True
        simulation.after(self.waiting[0].goods / self.speed, Departure(self))


class Customer:
    __slots__ = ("arrived", "goods", "left")

    def __init__(self, arrived: float, goods: int) -> None:
        self.arrived = arrived
        self.goods = goods
        self.left = math.nan


class Arrival(Event):
    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def happen(self, simulation: Simulation) -> None:
        customer = Customer(simulation.now, self.shop.source.randrange(1, 20))
        shortest = min(self.shop.counters, key=lambda counter: len(counter.waiting))
        shortest.join(customer, simulation)
        self.shop.customers.append(customer)
        simulation.after(self.shop.source.expovariate(1.2), self)


class Departure(Event):
    def __init__(self, counter: Counter) -> None:
        self.counter = counter

    def happen(self, simulation: Simulation) -> None:
        counter = self.counter
        counter.waiting.pop(0).left = simulation.now
        counter.served += 1
        if counter.waiting:
            counter.begin(simulation)
        else:
            counter.busy = False


class Shop:
    def __init__(self, seed: int) -> None:
        self.source = random.Random(seed)
        self.counters = [Counter(f"counter {i}", 3.0 + i) for i in range(4)]
        self.customers: list[Customer] = []

    def day(self, length: float) -> float:
        simulation = Simulation()
        simulation.after(0.0, Arrival(self))
        simulation.run(length)
        times = [customer.left - customer.arrived for customer in self.customers if customer.left > 0]
        return sum(times) / len(times)


class Vector:
    def __init__(self, x: float, y: float) -> None:
        self.x = x
        self.y = y

    def __add__(self, other: Vector) -> Vector:
        return Vector(self.x + other.x, self.y + other.y)

    def __sub__(self, other: Vector) -> Vector:
        return Vector(self.x - other.x, self.y - other.y)

    def __mul__(self, factor: float) -> Vector:
        return Vector(self.x * factor, self.y * factor)

    @property
    def length(self) -> float:
        return math.hypot(self.x, self.y)


class Particle:
    def __init__(self, place: Vector, speed: Vector) -> None:
        self.place = place
        self.speed = speed

    def step(self, dt: float, others: list[Particle]) -> None:
        force = Vector(0.0, -0.1)
        for other in others:
            away = self.place - other.place
            if other is not self and 0 < (distance := away.length) < 0.3:
                force += away * (0.3 - distance)
        self.speed = (self.speed + force * dt) * 0.999
        self.place += self.speed * dt
        if not 0 < self.place.x < 1:
            self.speed = Vector(-self.speed.x, self.speed.y)
        if not 0 < self.place.y < 1:
            self.speed = Vector(self.speed.x, -self.speed.y)


class Agent:
    """Trades with others by a rule of its own."""

    def __init__(self, wealth: int) -> None:
        self.wealth = wealth

    def offer(self, source: random.Random) -> int:
        return 1 if self.wealth else 0

    def trade(self, other: Agent, source: random.Random) -> None:
        amount = min(self.offer(source), self.wealth)
        self.wealth -= amount
        other.wealth += amount


class Gambler(Agent):
    def offer(self, source: random.Random) -> int:
        return source.randrange(self.wealth + 1)


class Miser(Agent):
    def trade(self, other: Agent, source: random.Random) -> None:
        if other.wealth > self.wealth:
            super().trade(other, source)


def economy(seed: int, rounds: int) -> list[int]:
    source = random.Random(seed)
    agents = [kind(20) for _ in range(12) for kind in (Agent, Gambler, Miser)]
    for _ in range(rounds):
        source.shuffle(agents)
        for giver, taker in itertools.pairwise(agents):
            giver.trade(taker, source)
    return sorted(agent.wealth for agent in agents)


def run(n: int) -> str:
    found: list[object] = []
    for _ in range(n):
        source = random.Random(3)
        box = [
            Particle(Vector(source.random(), source.random()), Vector(source.random(), 0.0))
            for _ in range(12)
        ]
        for _ in range(10):
            for particle in box:
                particle.step(0.02, box)
        found = [round(Shop(1).day(300.0), 9), economy(2, 15), [round(each.place.x, 9) for each in box]]
    return repr(found)
