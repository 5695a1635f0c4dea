"""Numbers that machine code makes in memory of dead ones are good for every allocator that CPython can use."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import python

PROGRAM = """
import sys, tracemalloc, whipsnake
whipsnake.enable(threshold=0)
def ints(kept):
    s = 1
    for i in range(3000):
        s = (s * 31 + i) & 0xFFFFFFFF      # one digit and two, in turn
        kept.append(s >> (i & 31))
        kept.append(-s)
        del kept[:-40]
    return s, kept[-4:]
def floats(kept):
    t = 0.0
    for i in range(3000):
        t = t / 3.0 + i * 0.5 - (i - 0.25) / (t + 1.5)
        kept.append(t)
        del kept[:-150]                    # more than the free list takes
    return t
def both():
    return ints([]), floats([])
first = both()
tracemalloc.start()
assert both() == first
tracemalloc.stop()
assert both() == first and whipsnake.tier(ints) == whipsnake.tier(floats) == "baseline"
print(first)
"""


@pytest.mark.parametrize(
    "allocator",
    ["default", "malloc", "malloc_debug", "pymalloc", "pymalloc_debug", "mimalloc", "mimalloc_debug"],
)
def test_numbers(tmp_path: Path, allocator: str) -> None:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    expected = python(script)
    ran = python(script, env={"PYTHONMALLOC": allocator})
    assert ran.code == 0 and ran.stdout == expected.stdout and not ran.stderr, ran
