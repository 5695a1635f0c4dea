"""Functions with bytecode that no compiler makes: from good ones, by chance, a little at a time."""

from __future__ import annotations

import dis
import random
import types
from collections.abc import Callable
from dataclasses import dataclass

from tests.python.hostile.programs import work

CALLS: dict[str, tuple[object, ...]] = {
    "fib": (6,),
    "floats": (5,),
    "fails": (7,),
    "closure": (3,),
    "strings": (2,),
    "match": ({"k": [1, 2]},),
    "values": (4,),
    "later": (3,),
    "everything": (3,),
}

_CACHES: dict[int, int] = {
    number: sum(cells.values())
    for name, cells in dis._cache_format.items()  # type: ignore[attr-defined]
    for number in [dis.opmap[name]]
}
_BASE = [number for name, number in dis.opmap.items() if number < 119 or name == "RESUME"]
_SPECIALIZED = list(dis._specialized_opmap.values())  # type: ignore[attr-defined]
_CACHE = dis.opmap["CACHE"]


@dataclass
class Mutant:
    """A function, and what it is called with.

    Attributes:
        changes: what was done to the original.
    """

    name: str
    function: types.FunctionType
    arguments: tuple[object, ...]
    changes: list[str]


def mutant(seed: int) -> Mutant:
    """The mutant of this number, always the same."""
    rng = random.Random(seed)
    name = rng.choice(list(CALLS))
    space = work.fresh(1 + seed % 3)
    function = space[name]
    assert isinstance(function, types.FunctionType)
    # Functions that it calls are as good as the function itself.
    inner = [c for c in function.__code__.co_consts if isinstance(c, types.CodeType) and not c.co_freevars]
    changes: list[str] = []
    code = function.__code__
    if inner and rng.random() < 0.3:
        victim = rng.choice(inner)
        changed = change(victim, rng, changes)
        code = code.replace(co_consts=tuple(changed if c is victim else c for c in code.co_consts))
    else:
        code = change(code, rng, changes)
    function.__code__ = code
    return Mutant(name, function, CALLS[name], changes)


def change(code: types.CodeType, rng: random.Random, changes: list[str]) -> types.CodeType:
    """The code with one to three changes, each of which CPython accepts when it makes the code object."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        how = rng.choice(_WAYS)
        try:
            code = how(code, rng, changes)
        except (ValueError, TypeError, OverflowError):
            changes.append("refused")
    return code


def _units(code: types.CodeType) -> list[tuple[int, int]]:
    raw = code.co_code
    pairs = [(raw[i], raw[i + 1]) for i in range(0, len(raw), 2)]
    return [pair for pair in pairs if pair[0] != _CACHE]


def _assemble(units: list[tuple[int, int]]) -> bytes:
    return b"".join(bytes(unit) + bytes(2 * _CACHES.get(unit[0], 0)) for unit in units)


def _argument(code: types.CodeType, rng: random.Random, changes: list[str]) -> types.CodeType:
    units = _units(code)
    i = rng.randrange(len(units))
    old = units[i][1]
    new = rng.choice((0, 1, 2, 3, old - 1, old + 1, old ^ 1, old + 16, rng.randrange(256), 255)) & 255
    units[i] = (units[i][0], new)
    changes.append(f"argument of {dis.opname[units[i][0]]} at {i}: {old} to {new}")
    return code.replace(co_code=_assemble(units))


def _opcode(code: types.CodeType, rng: random.Random, changes: list[str]) -> types.CodeType:
    units = _units(code)
    i = rng.randrange(len(units))
    new = rng.choice(_BASE if rng.random() < 0.9 else _SPECIALIZED)
    changes.append(f"{dis.opname[units[i][0]]} at {i} to {new}")
    if rng.random() < 0.3:
        units.insert(i, (new, units[i][1]))
    else:
        units[i] = (new, units[i][1])
    return code.replace(co_code=_assemble(units))


def _order(code: types.CodeType, rng: random.Random, changes: list[str]) -> types.CodeType:
    units = _units(code)
    i, j = rng.randrange(len(units)), rng.randrange(len(units))
    what = rng.choice(("delete", "double", "swap", "cut", "extend"))
    if what == "delete":
        del units[i]
    elif what == "double":
        units.insert(i, units[i])
    elif what == "swap":
        units[i], units[j] = units[j], units[i]
    elif what == "cut":
        del units[i + 1 :]
    else:
        units.insert(i, (dis.opmap["EXTENDED_ARG"], rng.choice((0, 0, 1, 255))))
    changes.append(f"{what} at {i}, {j}")
    return code.replace(co_code=_assemble(units))


def _table(code: types.CodeType, rng: random.Random, changes: list[str]) -> types.CodeType:
    table = bytearray(code.co_exceptiontable)
    what = rng.choice(("byte", "byte", "drop", "cut", "new"))
    if what == "byte" and table:
        table[rng.randrange(len(table))] ^= 1 << rng.randrange(8)
    elif what == "cut":
        del table[rng.randrange(len(table) + 1) :]
    elif what == "drop":
        table.clear()
    else:
        last = len(code.co_code) // 2
        start = rng.randrange(min(last, 60))
        values = (start, rng.randrange(1, 40), rng.randrange(min(last, 63)), rng.randrange(6))
        table[:] = bytes([values[0] | 0x80, *values[1:]])
    changes.append(f"exception table: {what}")
    return code.replace(co_exceptiontable=bytes(table))


def _sizes(code: types.CodeType, rng: random.Random, changes: list[str]) -> types.CodeType:
    what = rng.choice(("stack", "stack", "consts", "names", "flags", "shuffle"))
    changes.append(what)
    if what == "stack":
        return code.replace(
            co_stacksize=max(0, rng.choice((code.co_stacksize - 1, code.co_stacksize + 1, 0, 70000)))
        )
    if what == "consts":
        return code.replace(co_consts=code.co_consts[: rng.randrange(len(code.co_consts) + 1)])
    if what == "names":
        return code.replace(co_names=code.co_names[: rng.randrange(len(code.co_names) + 1)])
    if what == "shuffle":
        consts = list(code.co_consts)
        rng.shuffle(consts)
        return code.replace(co_consts=tuple(consts))
    return code.replace(co_flags=code.co_flags ^ rng.choice((0x1, 0x2, 0x20, 0x80, 0x100, 0x200)))


_WAYS: list[Callable[[types.CodeType, random.Random, list[str]], types.CodeType]] = [
    _argument,
    _argument,
    _opcode,
    _order,
    _table,
    _sizes,
]
