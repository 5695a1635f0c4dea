"""Four hundred functions in turn: more code than a processor remembers, as in large programs without a hot spot."""

from collections.abc import Callable
from typing import Any, ClassVar

COUNT = 400

SOURCE = """
def function(thing, other=None, flag=True):
    if other is None: other = thing.second
    if thing.nothing is not None and flag: return None
    table = thing.table
    if table is None: return other
    first = thing.first + other
    thing.last = first
    if flag and not thing.nothing: key = thing.get()
    else: key = 0
    if 'missing' in table: return table['missing']
    return (first, key)
"""


class Thing:
    table: ClassVar[dict[str, int]] = {"present": 1}

    def __init__(self) -> None:
        self.first, self.second, self.nothing, self.last = 1, 2, None, 0

    def get(self) -> int:
        return self.first


def make() -> Callable[..., Any]:
    """Return a function of its own, with a code object of its own."""
    namespace: dict[str, Any] = {}
    exec(SOURCE, namespace)
    return namespace["function"]  # type: ignore[no-any-return]


FUNCTIONS = [make() for _ in range(COUNT)]


def run(n: int) -> int:
    thing = Thing()
    total = 0
    for _ in range(n):
        for function in FUNCTIONS:
            total += function(thing)[0]
    return total
