"""What machine code makes in memory of dead objects is good for every allocator that CPython can use."""

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


OBJECTS = """
import gc, sys, threading, tracemalloc, whipsnake
import _interpreters, _testinternalcapi
allocator = _testinternalcapi.pymem_getallocatorsname()
whipsnake.enable(threshold=2, loop_threshold=10)
assert _testinternalcapi.pymem_getallocatorsname() == allocator   # nothing is compiled yet
class Point:
    def __init__(self, x):
        self.x = x
        self.y = [x]
def make(n):
    kept = []
    for i in range(n):
        kept.append((Point(i), {"i": i}, f"text {i}", i * 0.5, (i, [i] * (i % 70))))
        try:
            raise ValueError(i)
        except ValueError as error:
            kept.append(error.args)
        if len(kept) > 900:
            del kept[:]
    return sum(len(entry) for entry in kept)
first = make(2000)
assert whipsnake.tier(make) != "interpreter"
tracemalloc.start()
assert make(2000) == first
whipsnake.disable()                    # below tracemalloc
assert make(2000) == first
tracemalloc.stop()
whipsnake.enable(threshold=2, loop_threshold=10)
assert make(2000) == first
def interpreters():
    for _ in range(3):
        other = _interpreters.create()  # with a GIL and an allocator of its own
        _interpreters.exec(other, "class A: pass\\nkept = [(A(), [i], {i: i}) for i in range(20000)]")
        _interpreters.destroy(other)
thread = threading.Thread(target=interpreters)
thread.start()
while thread.is_alive():
    assert make(2000) == first
thread.join()
del thread
gc.collect()
before = sys.getallocatedblocks()
for _ in range(5):
    make(2000)
gc.collect()
assert sys.getallocatedblocks() - before < 50
whipsnake.disable()
assert _testinternalcapi.pymem_getallocatorsname() == allocator
print(first)
"""


@pytest.mark.parametrize("allocator", ["pymalloc", "malloc", "pymalloc_debug", "mimalloc"])
def test_objects(tmp_path: Path, allocator: str) -> None:
    script = tmp_path / "program.py"
    script.write_text(OBJECTS)
    ran = python(script, env={"PYTHONMALLOC": allocator})
    assert ran.code == 0 and ran.stdout.strip().isdigit() and not ran.stderr, ran
