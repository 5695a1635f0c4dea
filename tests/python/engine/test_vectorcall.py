"""The default way in: counting trampolines and compiled entries as vectorcall."""

from __future__ import annotations

import pytest

from .conftest import Script


def test_compiles_after_threshold_calls(script: Script) -> None:
    script("""
        def f(a): return a + 1
        for threshold in (0, 1, 5, 40):
            g = types.FunctionType(f.__code__.replace(co_name="g"), globals())
            whipsnake.enable(threshold=threshold)
            for n in range(threshold):
                assert g(n) == n + 1 and whipsnake.tier(g) == "interpreter", (threshold, n)
            assert g(1) == 2 and whipsnake.tier(g) == "baseline", threshold
            whipsnake.disable()
    """)


def test_functions_that_exist_already_and_closures(script: Script) -> None:
    script("""
        def make(k):
            def inner(x): return x * k
            return inner
        old = make(2)
        def caller(f, n):
            for i in range(n):
                f(i)
        caller(old, 100)  # the call is specialised for `old`
        whipsnake.enable(threshold=10, loops=False)
        caller(old, 12)
        assert whipsnake.tier(old) == "baseline"
        new = make(3)
        assert whipsnake.tier(new) == "baseline" and new(5) == 15 and old(5) == 10
    """)


def test_every_call_is_counted_at_one_site(script: Script) -> None:
    script("""
        whipsnake.enable(threshold=10, loops=False)
        def a(x): return x
        def b(x): return -x
        functions = [a] * 5 + [b] * 50 + [a] * 50 + [lambda x, k=k: x + k for k in range(20)] * 12
        for f in functions:
            f(1)
        assert {whipsnake.tier(f) for f in functions} == {"baseline"}
    """)


def test_marks(script: Script) -> None:
    script("""
        @whipsnake.jit
        def eager(x): return x
        @whipsnake.nojit
        def never(x): return x
        assert whipsnake.tier(eager) == "interpreter" and whipsnake.tier(never) == "disabled"
        whipsnake.enable(threshold=5)
        assert eager(1) == 1 and whipsnake.tier(eager) == "baseline"
        assert calls(never, 20, 7) == 7 and whipsnake.tier(never) == "disabled"
        assert vectorcall(never) == PLAIN and version(never) != 0
        assert not whipsnake.compile(never)
        def f(x): return x
        calls(f, 10, 1)
        assert whipsnake.tier(f) == "baseline"
        whipsnake.nojit(f)
        assert vectorcall(f) == PLAIN and calls(f, 10, 3) == 3 and whipsnake.tier(f) == "disabled"
        whipsnake.jit(f)
        assert f(4) == 4 and whipsnake.tier(f) == "baseline"
    """)


def test_declined_functions_are_left_alone(script: Script) -> None:
    script("""
        whipsnake.enable(threshold=3, code_heap="fail")
        def f(x):
            def g(): return x
            return g
        calls(f, 10, 1)
        assert whipsnake.tier(f) == "declined" and whipsnake.why(f) == "no executable memory"
        assert vectorcall(f) == PLAIN and version(f) != 0
        g = f(2)
        calls(g, 10)
        assert vectorcall(g) == PLAIN and version(g) != 0 and whipsnake.tier(f(3)) == "declined"
        assert version(f(3)) == version(g) != version(f)
        stats = whipsnake.stats()
        assert stats["functions_compiled"] == 0 and stats["functions_declined"]["no executable memory"] >= 2
        assert stats["unavailable"] == {"machine code": "no executable memory"}
    """)


def test_functions_change_under_way(script: Script) -> None:
    script("""
        whipsnake.enable(threshold=5)
        def f(a, b=2, *c, d=4, **e): return a, b, c, d, e
        calls(f, 10, 1)
        assert whipsnake.tier(f) == "baseline"
        f.__defaults__ = (20,)
        f.__kwdefaults__ = {"d": 40}
        assert f(1) == (1, 20, (), 40, {})
        f.__defaults__ = None
        try:
            f()
        except TypeError as e:
            assert str(e) == "f() missing 2 required positional arguments: 'a' and 'b'", e
        def caller(n): return [f(1, 2) for _ in range(n)][-1]
        caller(20)
        f.__code__ = (lambda *a: sum(a)).__code__
        assert f(1, 2) == 3 and caller(1) == 3 and whipsnake.tier(f) == "interpreter"
        assert calls(f, 10, 1, 2) == 3 and whipsnake.tier(f) == "baseline" and caller(1) == 3
        def h(x): return x
        old, h.__code__ = h.__code__, f.__code__
        assert h(5, 6) == 11 and whipsnake.tier(h) == "baseline"  # code that is compiled already
        h.__code__ = old
        assert h(5) == 5
    """)


def test_code_with_other_globals(script: Script) -> None:
    script("""
        def f(): return name
        whipsnake.enable(threshold=3)
        name = "here"
        calls(f, 10)
        assert whipsnake.tier(f) == "baseline"
        other = types.FunctionType(f.__code__, {"name": "there", "__builtins__": __builtins__})
        assert calls(other, 10) == "there" and f() == "here"
        assert whipsnake.tier(other) == "interpreter" and version(other) != 0
        class Names(dict):
            def __missing__(self, key): return key
        special = types.FunctionType(f.__code__.replace(co_name="g"), Names())
        assert calls(special, 10) == "name" and whipsnake.tier(special) == "declined"
    """)


def test_module_and_class_code(script: Script) -> None:
    script("""
        whipsnake.enable(threshold=0)
        before = whipsnake.stats()["functions_compiled"]
        class C:
            x = [i for i in range(3)]
            def m(self): return self.x
        assert C().m() == [0, 1, 2]
        namespace = {}
        exec("a = 1\\nclass D:\\n  b = a + 1\\nfor i in range(5): a += i", namespace)
        assert namespace["a"] == 11 and namespace["D"].b == 2
        assert whipsnake.stats()["functions_compiled"] >= before + 4  # C, m, the program, D
        class Meta(type):
            @classmethod
            def __prepare__(cls, name, bases): return {"prepared": calls(lambda: name, 3)}
        class E(metaclass=Meta):
            seen = prepared
        assert E.seen == "E"
        try:
            class F(metaclass=Meta):
                raise ValueError("in body")
        except ValueError as e:
            assert e.__traceback__.tb_next.tb_frame.f_code.co_name == "F"
        assert eval("[k for k in range(4)]") == [0, 1, 2, 3]
    """)


def test_disable_undoes_everything(script: Script) -> None:
    script("""
        def f(x):
            for i in range(x): yield i
        def g(): return sum(f(10))
        slots = {}
        def state():
            functions = [o for o in gc.get_objects() if type(o) is types.FunctionType]
            ours = {o.__qualname__ for o in functions if vectorcall(o) != PLAIN}
            unversioned = {o.__qualname__ for o in functions if not version(o)}
            tools = [M.get_tool(i) for i in range(6)]
            gen = types.GeneratorType
            words = [ctypes.c_void_p.from_address(id(gen) + 8 * i).value for i in range(40)]
            events = M.get_local_events(5, f.__code__) if tools[5] else 0
            return ours, unversioned - baseline, tools, words, events
        baseline = set()
        baseline = state()[1]
        before = state()
        assert not before[0]
        for options in ({}, {"entry": "pep523"}, {"loops": False}, {"watchers": False}):
            whipsnake.enable(threshold=2, loop_threshold=5, **options)
            calls(g, 20)
            def late(): return late
            late()
            sum(i for i in range(1000))
            assert whipsnake.is_enabled() and whipsnake.tier(g) != ""
            whipsnake.disable()
            after = state()
            assert after[0] == set() and after[2:] == before[2:], (options, after, before)
            assert after[1] <= {"calls", "state"}, after[1]
            assert g() == 45 and whipsnake.tier(g) == "interpreter" and version(late) != 0
    """)


def test_disable_and_enable_while_compiled_code_runs(script: Script) -> None:
    script("""
        def f(n): return sum(range(n))
        def outer(n, act):
            total = 0
            for i in range(n):
                total += f(5)
                if i == n // 2:
                    act()
            return total
        whipsnake.enable(threshold=2, loop_threshold=20)
        calls(outer, 5, 5, empty)
        assert whipsnake.tier(outer) == "baseline"
        assert outer(100, whipsnake.disable) == 1000 and not whipsnake.is_enabled()
        assert outer(100, lambda: whipsnake.enable(threshold=2)) == 1000
        assert outer(5, empty) == 50 and whipsnake.tier(outer) == "baseline"
        for _ in range(20):
            assert outer(100, whipsnake.disable) == 1000
            assert outer(100, lambda: whipsnake.enable(threshold=2)) == 1000
        assert outer(100, lambda: whipsnake.enable(threshold=0, entry="pep523")) == 1000
        assert outer(100, lambda: whipsnake.enable(threshold=0)) == 1000
    """)


def test_machine_code_dies_with_its_code_object(script: Script) -> None:
    script("""
        whipsnake.enable(threshold=10**6, loops=False)
        def make(k):
            namespace = {}
            exec(f"def z(a):\\n b = a + {k}\\n return b * 2 + len('x')", namespace)
            z = namespace["z"]
            assert z(1) == (1 + k) * 2 + 1 and whipsnake.compile(z) and z(1) == (1 + k) * 2 + 1
        make(0)
        gc.collect()
        before = whipsnake.stats()
        for k in range(500):
            make(k)
        gc.collect()
        after = whipsnake.stats()
        assert after["code_bytes"] <= before["code_bytes"] and after["data_bytes"] <= before["data_bytes"]
        assert after["code_bytes_peak"] > before["code_bytes"]

        # A function that drops its own last reference while it runs.
        def suicide():
            namespace = {}
            exec("def f(kill):\\n kill()\\n return [1, 2]", namespace)
            f = namespace.pop("f")
            f(empty)
            assert whipsnake.compile(f)
            box = [f]
            del f
            return box.pop()(box.clear)
        assert calls(suicide, 50) == [1, 2]
    """)


@pytest.mark.parametrize("budget", [0, 6000, 20000, 60000])
def test_budget(script: Script, budget: int) -> None:
    script(f"""
        whipsnake.enable(threshold=0, budget={budget})
        def make(k):
            namespace = {{}}
            exec(f"def z(a):\\n b = a + {{k}}\\n return b * 2 + len('x')", namespace)
            return namespace["z"]
        functions = [make(k) for k in range(200)]
        for k, f in enumerate(functions):
            assert f(1) == f(1) == (1 + k) * 2 + 1
        stats = whipsnake.stats()
        assert stats["code_bytes_peak"] <= {budget} and stats["memory_refused"] > 0, stats
        assert {{whipsnake.tier(f) for f in functions}} >= {{"declined"}}
        whipsnake.disable()
        whipsnake.enable(threshold=0)
        assert all(f(2) == (2 + k) * 2 + 1 for k, f in enumerate(functions))
        assert {{whipsnake.tier(f) for f in functions}} == {{"baseline"}}
    """)


def test_executable_memory_refused_after_a_while(script: Script) -> None:
    script("""
        for n in range(12):
            whipsnake.enable(threshold=0, code_heap=f"fail:{n}")
            def f(a, b=1): return [a + b for _ in range(3)]
            def g(): return f(2), f(2, b=3)
            assert calls(g, 5) == ([3, 3, 3], [5, 5, 5])
            whipsnake.disable()
    """)


def test_a_finalizer_listens_while_the_collector_has_its_function(script: Script) -> None:
    """What is garbage is found by nobody who looks for functions; it is called by its own finalizer."""
    script(
        """
        class Ending:
            def __del__(self):
                M.set_events(2, M.events.CALL)
                results.append([self.function(i) for i in range(5)])
                M.set_events(2, 0)
        def make():
            ending = Ending()
            def function(i):
                return ending is not None and i * 2
            ending.function = function
        M.use_tool_id(2, "listener")
        M.register_callback(2, M.events.CALL, lambda *args: None)
        whipsnake.enable(threshold=1, loop_threshold=10**6)
        results = []
        for _ in range(3):
            make()
            gc.collect()
        assert results == [[0, 2, 4, 6, 8]] * 3, results
    """,
        timeout=30,
    )
