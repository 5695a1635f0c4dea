"""Sub-interpreters, fork, threads, shut-down: the process around the engine."""

from __future__ import annotations

import pytest

from .conftest import Script


def test_sub_interpreters_are_left_alone(script: Script) -> None:
    out = script("""
        import _interpreters as I
        def f(n):
            s = 0
            for i in range(n): s += i
            return s
        code = '''if True:
            import sys, types
            import whipsnake
            def g(n):
                s = 0
                for i in range(n): s += i
                return s
            for k in range(100): g(10)
            supported, why = whipsnake.supported()
            assert not supported and "sub-interpreter" in why, why
            assert not whipsnake.is_enabled() and whipsnake.tier(g) == "interpreter"
            assert whipsnake.why(g) is None
            assert whipsnake.jit(g) is g and whipsnake.nojit(g) is g and not whipsnake.compile(g)
            try:
                whipsnake.enable()
            except RuntimeError as e:
                assert str(e) == why
            else:
                raise AssertionError
            whipsnake.disable()
            M = sys.monitoring
            M.use_tool_id(2, "x")
            M.set_local_events(2, g.__code__, M.events.LINE | M.events.CALL)
            M.set_events(2, M.events.CALL)
            assert g(10) == 45
            M.set_events(2, 0)
            def values(n):
                got = yield from (i for i in range(n))
                yield got
            assert sum(x for x in range(10)) == 45 and list(values(3)) == [0, 1, 2, None]
            v = values(1)
            next(v), v.send(5)
            async def co(): return 7
            try:
                co().send(None)
            except StopIteration as e:
                assert e.value == 7
        '''
        for options in ({"threshold": 20}, {"threshold": 0, "loop_threshold": 0}, {"threshold": 0, "entry": "pep523"}):
            whipsnake.enable(**options)
            calls(f, 50, 10)
            for kind in ("legacy", "isolated"):
                interpreter = I.create(kind)
                problem = I.run_string(interpreter, code)
                assert problem is None, (options, kind, problem.formatted)
                I.destroy(interpreter)
            assert whipsnake.is_enabled() and calls(f, 50, 10) == 45 and whipsnake.tier(f) == "baseline"
        print("done")
    """)
    assert out == "done\n"


@pytest.mark.parametrize("options", ["threshold=3", "threshold=0", "threshold=3, entry='pep523'"])
def test_fork(script: Script, options: str) -> None:
    script(f"""
        whipsnake.enable(loop_threshold=20, {options})
        def f(n):
            s = 0
            for i in range(n): s += i
            return s
        calls(f, 20, 10)
        def check():
            def fresh(x): return x * 2
            calls(fresh, 20, 1)
            assert f(100) == 4950 and whipsnake.tier(fresh) == "baseline"
            bodies = []
            for k in range(30):
                namespace = {{}}
                exec(f"def z(): return {{k}}", namespace)
                calls(namespace["z"], 5)
                bodies.append(namespace["z"])
            del bodies
            gc.collect()
            whipsnake.disable()
            assert f(10) == 45
            whipsnake.enable(threshold=0)
            assert calls(f, 3, 10) == 45
        def forking(n):
            children = []
            for i in range(n):
                if i % 50 == 49:
                    pid = os.fork()
                    if pid == 0:
                        try:
                            check()
                            os._exit(0)
                        except BaseException:
                            os._exit(1)
                    children.append(pid)
            return [os.waitpid(pid, 0)[1] for pid in children]
        assert forking(300) == [0] * 6  # from inside a loop that has been compiled
        check()
    """)


def test_threads_tier_up_together(script: Script) -> None:
    script("""
        sys.setswitchinterval(1e-5)
        whipsnake.enable(threshold=50, loop_threshold=100)
        def leaf(x): return x + 1
        def gen(n):
            for i in range(n): yield leaf(i)
        class C:
            def m(self, n): return sum(gen(n))
        def work(n):
            c = C()
            def inner(x): return c.m(x % 7) + leaf(x)
            return [inner(i) for i in range(n)]
        expected = work(500)
        results, errors = [], []
        def run():
            try:
                for _ in range(5):
                    results.append(work(500) == expected)
            except BaseException as e:
                errors.append(e)
        def toggle():
            while not done.is_set():
                whipsnake.disable()
                whipsnake.enable(threshold=5, loop_threshold=20)
                time.sleep(0.005)
        for action in (None, toggle):
            done = threading.Event()
            threads = [threading.Thread(target=run) for _ in range(6)]
            extra = [threading.Thread(target=action)] if action else []
            for t in threads + extra: t.start()
            for t in threads: t.join()
            done.set()
            for t in extra: t.join()
        assert not errors and len(results) == 60 and all(results)
    """)


def test_thread_states_come_and_go(script: Script) -> None:
    script("""
        whipsnake.enable(threshold=0, loop_threshold=0)
        out = []
        def f(n):
            for i in range(n): out.append(i)
        for _ in range(200):
            t = threading.Thread(target=f, args=(3,))
            t.start()
            t.join()
        assert len(out) == 600
    """)


SHUT_DOWN = """
    import atexit, weakref
    if len(sys.argv) > 1:
        whipsnake.enable(threshold=int(sys.argv[1]), loop_threshold=20, entry=sys.argv[2])
    def f(n):
        s = 0
        for i in range(n): s += i
        return s
    calls(f, 50, 10)
    def values(n):
        try:
            for i in range(n): yield f(i)
        finally:
            print("closed", f(4))
    class Last:
        def __del__(self): print("del", f(10), [x for x in range(3)], sum(y for y in range(4)))
    class Cycle:
        def __init__(self): self.me = self
        def __del__(self): print("cycle", f(5))
    keep = Last()
    cycle = Cycle()
    generator = values(10)
    next(generator)
    weakref.finalize(keep, lambda: print("finalize", f(3)))
    atexit.register(lambda: print("atexit", f(10)))
    if len(sys.argv) > 3:
        sys.keep = [Last(), values(5)]
        next(sys.keep[1])
    print("end", f(10))
"""


@pytest.mark.parametrize("threshold", ["0", "3", "40"])
@pytest.mark.parametrize("entry", ["vectorcall", "pep523"])
def test_shut_down_with_code_running(script: Script, entry: str, threshold: str) -> None:
    expected = script(SHUT_DOWN)
    assert {"end 45", "atexit 45", "del 45 [0, 1, 2] 6", "finalize 3"} <= set(expected.splitlines()), expected
    assert script(SHUT_DOWN, threshold, entry) == expected
    script(SHUT_DOWN, threshold, entry, "more")


def test_shut_down_with_daemon_threads(script: Script) -> None:
    script("""
        whipsnake.enable(threshold=0, loop_threshold=0)
        def leaf(x): return [x, x]
        def spin():
            i = 0
            while True:
                i += len(leaf(i))
        def spin_generator():
            def g():
                while True: yield leaf(1)
            for _ in g(): pass
        for target in (spin, spin_generator, spin):
            threading.Thread(target=target, daemon=True).start()
        time.sleep(0.2)
    """)


def test_enable_during_shut_down_is_refused(script: Script) -> None:
    out = script("""
        from whipsnake import _core
        whipsnake.enable(threshold=0)
        class Late:
            def __del__(self, enable=_core.enable):
                try:
                    enable({"threshold": 0})
                    print("enabled")
                except RuntimeError as e:
                    print(e)
        late = Late()
    """)
    assert out == "the interpreter is shutting down\n"
