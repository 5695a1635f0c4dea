"""Compiled code that must stop in the middle of a function, because somebody changed the rules from inside of it."""

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


def test_disabled_by_a_destructor(tmp_path):
    """What is on the value stack when compiled code is left in front of a call (found by a random program)."""
    plain_and_jit(DISABLED_BY_A_DESTRUCTOR, tmp_path=tmp_path)


def test_every_int_is_seen_by_tracemalloc(tmp_path):
    plain_and_jit(INTS_UNDER_TRACEMALLOC, tmp_path=tmp_path)


def test_the_line_behind_the_one_that_turned_tracing_on(tmp_path):
    plain_and_jit(TRACED_FROM_A_STORE, tmp_path=tmp_path)
