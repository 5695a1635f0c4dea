"""Compiled code that must stop in the middle of a function, because somebody changed the rules from inside of it."""

import pytest
from support import plain_and_jit

DISABLED_BY_A_DESTRUCTOR = """
import whipsnake
options = {"threshold": 0} if whipsnake.is_enabled() else None
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
class C:
    def __init__(self, n): self.n = n
    def __del__(self): whipsnake.disable()
def more(n):
    for i in range(n):
        c = C(i)
        if options: whipsnake.enable(**options)
        c = None
        fib(5)
    return c
for i in range(6): more(3)
print("ok")
"""

INTS_UNDER_TRACEMALLOC = """
import tracemalloc
def churn(n):
    t = 100_000
    for i in range(n):
        t = t + 1
    return t
def make(n):
    out = []
    for i in range(n):
        out.append(i + 100_000)
    return out
for k in range(8):
    make(50); churn(50)
for k in range(3):
    churn(1000)
    tracemalloc.start()
    print(sum(tracemalloc.get_object_traceback(x) is not None for x in make(50)))
    tracemalloc.stop()
"""

TRACED_FROM_A_STORE = """
import sys
def trace(frame, event, arg):
    if frame.f_code.co_name == "user":
        print(event, frame.f_lineno - frame.f_code.co_firstlineno)
    return trace
class Odd:
    def __setitem__(self, key, value):
        sys.settrace(trace)
        sys._getframe(1).f_trace = trace
def user(a):
    a[1] = 2
    b = len("abc")
    return b
for i in range(6):
    user(Odd())
    sys.settrace(None)
"""

PROFILED_INSIDE_OF_A_CALL = """
import sys, collections
if len(sys.argv) > 1: sys.monitoring.use_tool_id(5, "another optimizer")
events = collections.Counter()
def profile(frame, event, arg): events[frame.f_code.co_name, event, getattr(arg, "__name__", None)] += 1
def key(value):
    sys.setprofile(profile)
    return value
def f(out):
    out.extend(sorted([3, 1], key=lambda v: v if v == 1 else key(v)))
    return out
for i in range(60):
    f([])
    sys.setprofile(None)
print(sorted(map(str, events.items())))
"""


def test_disabled_by_a_destructor(tmp_path):
    """What is on the value stack when compiled code is left in front of a call (found by a random program)."""
    plain_and_jit(DISABLED_BY_A_DESTRUCTOR, tmp_path=tmp_path)


def test_every_int_is_seen_by_tracemalloc(tmp_path):
    plain_and_jit(INTS_UNDER_TRACEMALLOC, tmp_path=tmp_path)


def test_the_line_behind_the_one_that_turned_tracing_on(tmp_path):
    plain_and_jit(TRACED_FROM_A_STORE, tmp_path=tmp_path)


@pytest.mark.parametrize(("loops", "arguments"), [("1", []), ("0", []), ("0", ["tool id 5 is taken"])])
def test_profiling_begins_inside_of_a_call(tmp_path, loops, arguments):
    """Machine code begins functions in which somebody has listened; the interpreter, which goes on with some of their
    frames, must not find instructions that still tell of events (found by ``make stress``)."""
    options = {"exit_every": "7", "stress_seed": "1", "loops": loops}
    ran = plain_and_jit(PROFILED_INSIDE_OF_A_CALL, *arguments, tmp_path=tmp_path, options=options)
    assert ran.stats["exits"]["stress"] > 20
