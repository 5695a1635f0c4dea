"""One function from its first call to machine code and out of it again, as ARCHITECTURE.md tells it.

Run it with an interpreter that has Whipsnake: ``$(make -s python) docs/one_function.py``. The page shows
exactly what it prints (``tests/python/test_docs.py`` compares).
"""

import sys

import whipsnake
from whipsnake import _core


def pay(prices, rate):
    total = 0
    for price in prices:
        total = total + price * rate
    return total


def pay_often(prices, times):
    for _ in range(times):
        pay(prices, 2)


def step(title):
    print(f"-- {title}")


def sites():
    """Where ``pay`` left its fast path so far: how often, opcode, how, line counted from its first."""
    found = [row for row in _core.hot_sites(1000) if row[1] == "pay"]
    for taken, _, line, opcode, kind, _ in sorted(found, key=lambda row: row[5]):
        print(f"{taken} x {kind}: {opcode}, line {line - pay.__code__.co_firstlineno}")


step("calls are counted, then compiled")
whipsnake.enable(threshold=3, loops=False)
prices = [500, 700, 1100]
for call in range(1, 6):
    print(f"call {call}: {pay(prices, 2)} ({whipsnake.tier(pay)})")

step("where machine code can be entered")
print([instruction for instruction, _ in _core.machine_code(pay)["entries"]])

step("a caller that is compiled itself enters it without C++ in between")
whipsnake.compile(pay_often)
pay_often(prices, 1)  # its call site meets pay, and is linked to it
before = _core.stats()["entries"]
pay_often(prices, 1000)
print("entered from outside:", _core.stats()["entries"] - before)

step("a float fails the guards for ints: helpers do these two operations, machine code goes on")
print(pay([500, 7.5, 1100], 2))
sites()

step("somebody begins to trace in the middle of the loop: the interpreter goes on with the same frame")


@whipsnake.nojit
def tracer(frame, event, argument):
    print(f"   {event}, line {frame.f_lineno - pay.__code__.co_firstlineno}")
    return tracer


class Price:
    @whipsnake.nojit
    def __mul__(self, rate):
        sys._getframe(1).f_trace = tracer
        sys.settrace(tracer)
        return 100


result = pay([500, Price(), 1100], 2)
sys.settrace(None)
print(result, _core.stats()["exits"])

step("off again")
whipsnake.disable()
print(whipsnake.tier(pay), pay(prices, 2))
