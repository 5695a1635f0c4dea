"""Recursion as deep as the interpreter alone allows, and its errors."""

from __future__ import annotations

import pytest

from .conftest import Script

PROGRAM = """
    mode, threshold = sys.argv[1:]
    if mode != "plain":
        whipsnake.enable(threshold=int(threshold), loop_threshold=10, entry=mode)
    sys.setrecursionlimit(200000)
    def f(n): return 0 if n == 0 else 1 + f(n - 1)
    def a(n): return 0 if n == 0 else 1 + b(n - 1)
    def b(n): return 0 if n == 0 else 1 + a(n - 1)
    def star(*a): return 0 if a[0] == 0 else 1 + star(a[0] - 1)
    def spread(*a): return 0 if a[0] == 0 else 1 + spread(*(a[0] - 1,))
    def keyword(*, n): return 0 if n == 0 else 1 + keyword(n=n - 1)
    def loop(n):
        for i in range(2):
            if n and i:
                return 1 + loop(n - 1)
        return 0
    class K:
        def m(self, n, *, k=0): return 0 if n == 0 else 1 + self.m(n - 1, k=k)
        def through_c(self, n, *args): return 0 if n == 0 else 1 + self.through_c(n - 1, *args)
        def __getattr__(self, name): return getattr(self, name + "x") if len(name) < 100000 else 5
    class Nested(list):
        def __repr__(self): return list.__repr__(self)
    def attempt(f, *args, **kw):
        try:
            return f(*args, **kw)
        except RecursionError as e:
            return type(e)
    nested = Nested()
    for _ in range(50000):
        nested = Nested([nested])
    for _ in range(2):
        print([attempt(g, 100000) for g in (f, a, K().m, star, spread, loop)], attempt(keyword, n=100000))
        print(attempt(K().through_c, 100000, 1), attempt(getattr, K(), "x"), attempt(repr, nested))
        for _ in range(60):
            f(3), a(3), K().m(3), star(2), spread(2), loop(2), keyword(n=3), K().through_c(3)
    sys.setrecursionlimit(1000)
    def depth():
        def go(n):
            try:
                return go(n + 1)
            except RecursionError:
                return n
        return go(0)
    for _ in range(60):
        last = depth()
    print(attempt(f, 100000), attempt(keyword, n=100000), last)
    def deep_thread():
        sys.setrecursionlimit(200000)
        print(f(20000), a(20000))
    threading.stack_size(1 << 20)
    thread = threading.Thread(target=deep_thread)
    thread.start()
    thread.join()
"""


@pytest.mark.parametrize("threshold", [0, 2, 40, 10**6])
@pytest.mark.parametrize("entry", ["vectorcall", "pep523"])
def test_deep_recursion(script: Script, entry: str, threshold: int) -> None:
    expected = script(PROGRAM, "plain", "0")
    assert "100000" in expected and "RecursionError" in expected
    assert script(PROGRAM, entry, str(threshold)) == expected
