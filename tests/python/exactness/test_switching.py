"""disable() and enable() at any moment, with compiled frames on the stack; and what disable() has to undo."""

import gc
import sys
import threading
import types

import pytest
from support import ENGINE, enabled, hot, plain_and_jit

import whipsnake


def loop(n, at, action):
    total = 0
    for i in range(n):
        if i == at:
            action()
        total += i
    return total


def generator(n, at, action):
    for i in range(n):
        if i == at:
            action()
        yield i * 2


def recursion(n, at, action):
    if n == at:
        action()
    return n + recursion(n - 1, at, action) if n else 0


def nothing():
    pass


FUNCTIONS = [loop, generator, recursion]


def run_all(action):
    return loop(10, 5, action), list(generator(6, 3, action)), recursion(8, 4, action)


EXPECTED = run_all(nothing)


def off_and_on():
    whipsnake.disable()
    whipsnake.enable(engine=ENGINE, threshold=0)


@pytest.mark.parametrize("action", [whipsnake.disable, off_and_on, lambda: (off_and_on(), off_and_on())])
def test_switched_from_within(action):
    """Frames that run compiled code when it is switched off finish correctly, and so does what follows."""
    for _ in range(5):
        with enabled():
            for function in FUNCTIONS:
                assert whipsnake.compile(function)
            for function, call in (
                (loop, lambda: loop(10, 5, action)),
                (generator, lambda: list(generator(6, 3, action))),
                (recursion, lambda: recursion(8, 4, action)),
            ):
                whipsnake.enable(engine=ENGINE)
                assert whipsnake.compile(function)
                assert call() == EXPECTED[FUNCTIONS.index(function)]
        assert run_all(nothing) == EXPECTED


def test_disable_leaves_nothing_behind():
    def f(x):
        return [i + x for i in range(3)]

    def g(x):
        return x

    before = (
        f.__code__.co_code,
        sorted(vars(f)),
        sys.monitoring.get_tool(5),
        sys.gettrace(),
        sys.getprofile(),
        {name: sys.getrefcount(value) for name, value in (("f", f), ("g", g))},
    )
    for _ in range(3):
        with enabled(loops=True):
            hot(f, 1)
            for _ in range(50):
                g(1)
            assert whipsnake.tier(f) == ENGINE
        assert whipsnake.tier(f) == "interpreter"
        assert not whipsnake.is_enabled()
        assert not whipsnake.stats()["enabled"]
        after = (
            f.__code__.co_code,
            sorted(vars(f)),
            sys.monitoring.get_tool(5),
            sys.gettrace(),
            sys.getprofile(),
            {name: sys.getrefcount(value) for name, value in (("f", f), ("g", g))},
        )
        assert after == before
        assert f(1) == [1, 2, 3]


def test_specialisation_comes_back_after_disable():
    """Calls are inlined by the interpreter again: a compiled function leaves no mark on its callers."""
    import dis

    source = "def callee(x): return x\ndef caller(n):\n    for i in range(n): callee(i)\n"
    scope = {}
    exec(source, scope)
    with enabled():
        hot(scope["callee"], 1)
        scope["caller"](50)
    for _ in range(5):
        scope["caller"](200)
    names = [i.opname for i in dis.get_instructions(scope["caller"], adaptive=True)]
    assert "CALL_PY_EXACT_ARGS" in names, names


def test_other_users_of_monitoring_are_left_alone():
    seen = []
    sys.monitoring.use_tool_id(1, "other")
    try:
        sys.monitoring.register_callback(
            1, sys.monitoring.events.PY_START, lambda code, offset: seen.append(code.co_name)
        )
        with enabled(loops=True, threshold=0):

            def f(x):
                return x

            for _ in range(5):
                f(1)
            sys.monitoring.set_local_events(1, f.__code__, sys.monitoring.events.PY_START)
            f(1)
            f(2)
        f(3)
        assert seen == ["f", "f", "f"]
        assert sys.monitoring.get_tool(1) == "other"
        assert sys.monitoring.get_local_events(1, f.__code__) == sys.monitoring.events.PY_START
    finally:
        sys.monitoring.set_local_events(1, f.__code__, 0)
        sys.monitoring.free_tool_id(1)


def test_switched_while_other_threads_are_hot():
    stop = []
    counts = [0, 0, 0]

    def spin(i):
        while not stop:
            counts[i] += 1
            recursion(3, -1, nothing)

    threads = [threading.Thread(target=spin, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(40):
        with enabled(threshold=0, loop_threshold=10, loops=True):
            assert run_all(nothing) == EXPECTED
        assert run_all(nothing) == EXPECTED
    before = list(counts)
    while any(a == b for a, b in zip(counts, before, strict=True)):
        pass
    stop.append(1)
    for thread in threads:
        thread.join()


def test_switched_by_a_destructor_and_by_the_collector():
    class Switches:
        def __init__(self):
            self.me = self

        def __del__(self):
            whipsnake.disable()

    def f(n):
        out = []
        for i in range(n):
            x = Switches()
            x.me = None if i % 2 else x
            x = None
            gc.collect()
            out.append(i)
        return out

    for _ in range(3):
        with enabled():
            assert whipsnake.compile(f)
            assert f(4) == [0, 1, 2, 3]


def test_marks_survive_being_switched():
    @whipsnake.nojit
    def never(x):
        return x

    @whipsnake.jit
    def always(x):
        return x

    for _ in range(2):
        with enabled(threshold=2):
            for _ in range(10):
                never(1)
                always(1)
            assert whipsnake.tier(never) != ENGINE
            assert whipsnake.tier(always) == ENGINE


def test_functions_made_and_dropped_across_switches():
    for _ in range(20):
        made = []
        with enabled(threshold=1):
            for i in range(30):
                scope: dict[str, types.FunctionType] = {}
                exec(f"def f(x): return x + {i}", scope)
                for _ in range(4):
                    assert scope["f"](1) == 1 + i
                made.append(scope["f"])
        assert [f(1) for f in made] == [i + 1 for i in range(30)]


def test_whole_program_that_switches(tmp_path):
    """A program that turns Whipsnake off and on prints what it prints without."""
    program = """
        import whipsnake
        options = {"threshold": 0} if whipsnake.is_enabled() else None
        def work(n, at):
            out = []
            for i in range(n):
                if i == at: whipsnake.disable()
                if i == at + 2 and options: whipsnake.enable(**options)
                out.append([fib(i), sum(gen(i))])
            return out
        def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
        def gen(n):
            for i in range(n): yield i
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
        for i in range(6): print(work(10, i), more(3))
        import sys
        def deep(n):
            if n == 0: whipsnake.disable(); return 0
            return deep(n - 1) + 1
        sys.setrecursionlimit(30000)
        print(deep(20000))
        if options: whipsnake.enable(**options)
        print(deep(20000), fib(15))
        """
    plain_and_jit(program, tmp_path=tmp_path)
