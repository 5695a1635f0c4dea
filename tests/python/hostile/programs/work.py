"""What the hostile tests keep running: functions of every kind that are fresh each time, with known results."""

from __future__ import annotations

SOURCE = """
import re
class Base:
    factor = 2
    def __init__(self, n): self.n = n
    @property
    def twice(self): return self.n * self.factor
    def __add__(self, other): return type(self)(self.n + getattr(other, 'n', other))
class Derived(Base):
    __slots__ = ('extra',)
    def __init__(self, n):
        super().__init__(n)
        self.extra = [n]
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
def values(n):
    for i in range(n):
        got = yield i
        if got: yield got
def floats(n):
    total = 0.5
    for i in range(n): total = total * 0.5 + i / 3.0
    return total
def fails(n):
    caught = 0
    for i in range(n):
        try:
            if i % 3 == 0: raise ValueError(i)
            [][i]
        except ValueError as error: caught += error.args[0]
        except IndexError: caught += 1
        finally: caught += 2
    return caught
def closure(n):
    k = SEED
    def inner(x, *rest, y=1, **more): return x + k + y + len(rest) + len(more)
    return [inner(i, 5, y=2, z=3) for i in range(n)]
def strings(n):
    found = {}
    for word in ('a b c ' * n).split(): found[word] = found.get(word, 0) + 1
    return sorted(found.items()), f'{n!r:>5}'
def match(value):
    match value:
        case {'k': [x, *rest]}: return x, rest
        case Base(n=n): return n
        case (1 | 2) as small: return small
        case _: return None
async def later(n):
    return [i async for i in agen(n)]
async def agen(n):
    for i in range(n): yield i * SEED
def drive(coroutine):
    try:
        while True: coroutine.send(None)
    except StopIteration as stop: return stop.value
def everything(n):
    total = Derived(1) + Derived(2) + 4
    return (total.n, total.twice, fib(n), sum(values(n)), floats(n), fails(n), closure(n), strings(n),
            match({'k': [1, 2]}), match(Derived(3)), match(2), drive(later(n)))
"""


def fresh(seed: int = 1) -> dict[str, object]:
    """A namespace with all of these, nothing of it compiled."""
    space: dict[str, object] = {"SEED": seed, "__name__": "work"}
    exec(compile(SOURCE, f"<work {seed}>", "exec"), space)
    return space


def run(seed: int = 1, n: int = 9) -> str:
    """What a fresh one answers."""
    return repr(fresh(seed)["everything"](n))  # type: ignore[operator]
