"""Executable memory refused or exhausted, a budget that is too small, and functions by the thousand."""

import gc
import weakref
from pathlib import Path

import pytest
from support import ENGINE, enabled, plain_and_jit, python

import whipsnake

PROGRAM = """
    import collections, json, re
    class Account:
        def __init__(self, n): self.n = n
        def add(self, k):
            if k < 0: raise ValueError(k)
            self.n += k
            return self
    def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
    def words(text):
        for word in re.findall(r'[a-z]+', text.lower()): yield word
    def main():
        a = Account(0)
        for i in range(50):
            try: a.add(i - 5)
            except ValueError as error: print('no', error)
        print(a.n, fib(15), collections.Counter(words('the cat and the dog and the end')))
        print(json.dumps(json.loads('{"a": [1, 2, {"b": null}]}'), indent=1))
        import ast
        print(len(ast.dump(ast.parse(open(__file__).read()))) > 100)
    for i in range(5): main()
"""


@pytest.mark.parametrize("heap", ["fail", "fail:0", "fail:1", "fail:2", "fail:3"])
def test_executable_memory_refused(heap, tmp_path):
    """The program runs on, interpreted where there is no memory, and the statistics say so."""
    ran = plain_and_jit(
        PROGRAM, tmp_path=tmp_path, modes=["everything", "tier-up"], options={"code_heap": heap}, compiled=0
    )
    if heap in ("fail", "fail:0"):
        assert ran.stats["functions_compiled"] == 0
        assert ran.stats["memory_refused"] > 0
        assert ran.stats["code_bytes"] == 0


@pytest.mark.parametrize("budget", ["0", "1", "4K", "64K", "256K", "1M"])
def test_budget(budget, tmp_path):
    """Never more machine code alive than allowed; what does not fit stays interpreted."""
    ran = plain_and_jit(
        PROGRAM, tmp_path=tmp_path, modes=["everything", "tier-up"], options={"budget": budget}, compiled=0
    )
    units = {"K": 1 << 10, "M": 1 << 20}
    limit = int(budget[:-1]) * units[budget[-1]] if budget[-1] in units else int(budget)
    assert ran.stats["code_bytes_peak"] <= limit


def test_refused_while_code_is_running(tmp_path):
    """Memory runs out in the middle: what is compiled already goes on, loops and generators included."""
    program = """
        def make(i):
            scope = {}
            body = f't = 0\\n    for i in range(x):\\n        t += i * {i}\\n    return [t] * 2'
            exec(f'def f(x):\\n    {body}', scope)
            return scope['f']
        def gen(n):
            for i in range(n): yield make(i)(i)
        kept = [make(i) for i in range(300)]
        print([sum(f(9)[0] for f in kept) for _ in range(5)], list(gen(50))[-3:])
    """
    for options in ({"budget": "32K"}, {"budget": "100K"}, {"code_heap": "fail:1"}):
        plain_and_jit(program, tmp_path=tmp_path, modes=["everything"], options=options, compiled=0)


def test_hot_functions_are_declined_without_memory():
    def f(x):
        return x + 1

    with enabled(code_heap="fail"):
        assert not whipsnake.compile(f)
        assert [f(i) for i in range(5)] == [1, 2, 3, 4, 5]
        assert whipsnake.tier(f) != ENGINE
        assert whipsnake.stats()["memory_refused"] > 0
    with enabled():
        assert whipsnake.compile(f)
        assert whipsnake.tier(f) == ENGINE


def test_ten_thousand_functions_come_and_go():
    """Machine code dies with its code object: neither code bytes nor records grow."""
    with enabled(budget=8 << 20):
        sizes = []
        for batch in range(10):
            refs = []
            for i in range(1000):
                scope = {}
                exec(
                    f"def f(x):\n    t = {i}\n    for k in range(x):\n        t += k\n    return t + {batch}",
                    scope,
                )
                f = scope["f"]
                f(2)
                assert whipsnake.compile(f), whipsnake.why(f)
                assert f(3) == i + 3 + batch
                refs.append(weakref.ref(f.__code__))
                del f, scope
            gc.collect()
            assert not any(ref() for ref in refs)
            sizes.append(whipsnake.stats()["code_bytes"])
        assert max(sizes[1:]) <= sizes[0] + 4096, sizes


def test_code_dropped_while_it_runs():
    """A function's last references go away while its frames run: the machine code stays until they end."""
    source = """
def f(n, drop):
    if n == 0:
        drop()
        return [0]
    return [n] + f_of()(n - 1, drop)
def g(drop):
    for i in range(3):
        if i == 1: drop()
        yield i
"""
    with enabled():
        for _ in range(20):
            scope = {}
            exec(source, scope)
            holder = [scope.pop("f"), scope.pop("g")]
            scope["f_of"] = lambda holder=holder: holder[0]
            for function in holder:
                assert whipsnake.compile(function)

            def drop(holder=holder):
                holder[0] = lambda n, drop: [n]
                holder[1] = None
                gc.collect()

            assert holder[0](4, drop) == [4, 3, 2, 1, 0]
            running = holder[0]
            del running
        scope = {}
        exec(source, scope)
        whipsnake.compile(scope["g"])
        g = scope["g"](lambda: (scope.clear(), gc.collect()))
        assert list(g) == [0, 1, 2]


def test_memory_of_the_process_stays_flat(tmp_path: Path):
    """Compiling and dropping functions for long does not make the process grow."""
    program = """
        import gc, resource, sys
        def rss():
            with open('/proc/self/statm') as file: return int(file.read().split()[1]) * resource.getpagesize()
        def batch():
            for i in range(1500):
                scope = {}
                exec(f'def f(x):\\n    return [x + {i} for _ in range(3)]', scope)
                for _ in range(5): scope['f'](i)
            gc.collect()
        batch(); batch()
        before = rss()
        for _ in range(6): batch()
        print(rss() - before < 3 << 20)
    """
    path = tmp_path / "program.py"
    import textwrap

    path.write_text(textwrap.dedent(program))
    for options in ({"threshold": "0"}, {"threshold": "2"}, {"threshold": "0", "budget": "1M"}):
        assert python(path, options=options).stdout == "True\n"


@pytest.mark.parametrize("options", [{"code_heap": "fail:1"}, {"budget": "16K"}])
def test_a_call_whose_compilation_fails_gives_up_its_arguments(tmp_path, options):
    """As the calls after it, which the interpreter inlines."""
    plain_and_jit(
        """
    class Noisy:
        def __del__(self): print('del')
    def forgets(x):
        del x
        print('deleted')
    def calls(): forgets(Noisy())
    for i in range(5): calls()
    """,
        tmp_path=tmp_path,
        modes=["everything", "tier-up"],
        options=options,
        compiled=0,
    )
