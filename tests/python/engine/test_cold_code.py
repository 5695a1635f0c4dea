"""Code that had never run when the function was compiled, and then runs after all."""

from __future__ import annotations

import pytest
from support import ENGINE

import whipsnake

from .conftest import Script
from .twins import WARM, Twins, cold_exits

pytestmark = pytest.mark.usefixtures("compiling")

# name: source with f(), the call that warms it, calls that come to what was cold
BRANCHES: dict[str, tuple[str, str, list[str]]] = {
    "if": (
        """
        def f(x):
            y = x + 1
            if x < 0:
                log.append(sys._getframe().f_lineno)
                y = y * 2
            return y
        """,
        "f(1)",
        ["f(-5)", "f(-2.5)"],
    ),
    "else": (
        """
        def f(x):
            if x >= 0:
                y = 1
            else:
                log.append(sys._getframe().f_lineno)
                y = [x]
            return y
        """,
        "f(1)",
        ["f(-5)"],
    ),
    "raise": (
        """
        def f(x):
            if x is None:
                raise ValueError("no x",
                                 sys._getframe().f_lineno)
            return x
        """,
        "f(1)",
        ["f(None)"],
    ),
    "values on the stack": (
        """
        def f(x, y):
            return [y, x + y, {y: (x if x > 0 else
                                   -x // y)}, y]
        """,
        "f(1, 2)",
        ["f(-5, 3)", "f(-5, 0)"],
    ),
    "arguments on the stack": (
        """
        def g(*args): return args
        def f(x, y): return g(x, y, g(y, x or
                                         y), y)
        """,
        "f(1, 2)",
        ["f(0, 3)", "f('', 'b')"],
    ),
    "and": ("def f(x, y): return x and y.real", "f(0, 1)", ["f(1, 2)", "f(1, None)"]),
    "chained comparison": ("def f(x): return 1, 0 < x < 10, 2", "f(-1)", ["f(5)", "f(50)", "f('')"]),
    "none": ("def f(x, y=None):\n if y is not None:\n  x += y\n return x", "f(1)", ["f(1, 2)", "f(1, '')"]),
    "assert": ("def f(x):\n assert x, (x,\n  'is false')\n return x", "f(1)", ["f(0)"]),
    "match": (
        """
        def f(x):
            match x:
                case int(): return "int"
                case [a, *rest] if a: return a, rest, sys._getframe().f_lineno
                case {"k": v, **more}: return v, more, sys._getframe().f_lineno
                case _: return "other"
        """,
        "f(1)",
        ["f([1, 2])", "f([0])", "f({'k': 1, 'l': 2})", "f(None)"],
    ),
    "in a loop": (
        """
        def f(n, at):
            seen = []
            for i in range(n):
                if i == at:
                    seen.append(sys._getframe().f_lineno)
                    continue
                seen.append(i * 2)
            else:
                seen.append("end")
            return seen, i
        """,
        "f(5, -1)",
        ["f(5, 2)", "f(5, 4)", "f(40, 0)"],
    ),
    "out of nested loops": (
        """
        def f(n, at):
            total = 0
            for i in range(n):
                for j in range(n):
                    if (i, j) == at:
                        break
                    total += i * j
                else:
                    continue
                return total, i, j
            return total
        """,
        "f(5, None)",
        ["f(5, (2, 3))", "f(5, (4, 4))", "f(5, (0, 0))"],
    ),
    "loop never begun": (
        """
        def f(x):
            total = 0
            while x > 0:
                total += x
                x -= 1
            return total, x
        """,
        "f(0)",
        ["f(1)", "f(100)"],
    ),
    "deleted local": (
        """
        def f(x):
            y = [x]
            if x < 0:
                del y
            return y
        """,
        "f(1)",
        ["f(-1)"],
    ),
    "unbound local": (
        """
        def f(x):
            if x >= 0:
                y = x
            else:
                z = x
            return y
        """,
        "f(1)",
        ["f(-1)"],
    ),
    "local bound there only": ("def f(x):\n if x < 0:\n  y = 'y'\n  x = y, y\n return x", "f(1)", ["f(-1)"]),
    "closure": (
        """
        def f(x):
            total = [0]
            if x < 0:
                def add(n): total[0] += n * x
                for n in range(5): add(n)
            return total
        """,
        "f(1)",
        ["f(-1)"],
    ),
    "locals seen and changed": (
        """
        def f(x):
            y = x * 2
            if x < 0:
                sys._getframe().f_locals["y"] = "changed"
                log.append(sorted(locals().items()))
            return x, y
        """,
        "f(1)",
        ["f(-1)"],
    ),
}

HANDLERS: dict[str, tuple[str, str, list[str]]] = {
    "except": (
        """
        def f(x):
            try:
                y = 10 // x
            except ZeroDivisionError as e:
                y = str(e), e.__traceback__.tb_lineno, sys._getframe().f_lineno
            return y
        """,
        "f(1)",
        ["f(0)", "f('')"],
    ),
    "name is unbound behind it": (
        """
        def f(x):
            e = 1
            try:
                10 // x
            except ZeroDivisionError as e:
                log.append(e)
            return e
        """,
        "f(1)",
        ["f(0)"],
    ),
    "handler raises": (
        """
        def f(x):
            try:
                return 10 // x
            except ZeroDivisionError as e:
                raise KeyError(x) from e
            except TypeError:
                return [
                    x.nothing]
        """,
        "f(1)",
        ["f(0)", "f('')"],
    ),
    "raised again": (
        """
        def f(x):
            try:
                return 10 // x
            except:
                log.append(sys._getframe().f_lineno)
                raise
        """,
        "f(1)",
        ["f(0)", "f('')"],
    ),
    "finally": (
        """
        def f(x):
            y = 1
            try:
                y = 10 // x
            finally:
                log.append((y, sys._getframe().f_lineno))
            return y
        """,
        "f(1)",
        ["f(0)", "f('')"],
    ),
    "return in finally": (
        """
        def f(x):
            for i in range(3):
                try:
                    10 // (x - i)
                finally:
                    if x < 3: return x, i
        """,
        "f(5)",
        ["f(0)", "f(1)", "f(2)", "f(-1)"],
    ),
    "with": (
        """
        class C:
            def __init__(self, on): self.on = on
            def __enter__(self): return self
            def __exit__(self, kind, error, tb):
                log.append((kind, str(error), tb and tb.tb_lineno, sys._getframe(1).f_lineno))
                return self.on
        def f(x, on=True):
            y = 0
            with C(on) as c, \\
                 C(False):
                y = c, 10 // x
            return y
        """,
        "f(1)",
        ["f(0)", "f(0, False)", "f('')", "f('', 0)"],
    ),
    "nested": (
        """
        def f(x):
            where = []
            try:
                try:
                    try:
                        10 // x
                    except TypeError:
                        where.append("inner")
                        10 // 0
                    finally:
                        where.append("finally")
                except ZeroDivisionError:
                    where.append(sys._getframe().f_lineno)
                    if x == 0: x.nothing
            except AttributeError as e:
                where.append((str(e), str(e.__context__)))
            return where
        """,
        "f(1)",
        ["f('')", "f(0)"],
    ),
    "in a loop": (
        """
        def f(*xs):
            seen = []
            for i, x in enumerate(xs):
                try:
                    seen.append(10 // x)
                except ZeroDivisionError:
                    seen.append("zero")
                    continue
                except TypeError:
                    seen.append((i, sys._getframe().f_lineno))
                    break
                seen.append(i)
            else:
                seen.append("end")
            return seen
        """,
        "f(1, 2)",
        ["f(1, 0, 2, 0)", "f(0, '', 3)", "f(1, 0, None)", "f(5, 5, 5, 0)"],
    ),
    "values on the stack": (
        """
        def f(x):
            for i in range(3):
                for j in (x, 5):
                    try: x = [i, j, 10 // x, j]
                    except ZeroDivisionError: return i, j, x, sys._getframe().f_lineno
                    x = x[2]
            return i, j, x
        """,
        "f(1)",
        ["f(0)", "f('')"],
    ),
    "groups": (
        """
        def f(*errors):
            seen = []
            try:
                if errors: raise ExceptionGroup("g", errors)
            except* ValueError as e:
                seen.append(("value", e.exceptions))
            except* TypeError as e:
                seen.append(("type", e.exceptions))
                raise
            return seen
        """,
        "f()",
        ["f(ValueError(1))", "f(ValueError(1), TypeError(2))", "f(KeyError(3), ValueError(4))"],
    ),
    "lookup": (
        """
        table = {1: "one"}
        def f(k):
            try:
                return table[k]
            except KeyError as e:
                return e.args, sys.exception() is e, sys._getframe().f_lineno
        """,
        "f(1)",
        ["f(2)", "f([])"],
    ),
    "from a callee": (
        """
        def g(x):
            if not x: raise KeyError("g")
            return x
        def f(x):
            try:
                return g(x), g(
                    x)
            except KeyError as e:
                return str(e), e.__traceback__.tb_lineno, e.__traceback__.tb_next.tb_lineno
        """,
        "f(1)",
        ["f(0)"],
    ),
}


@pytest.mark.parametrize("case", BRANCHES)
def test_branch_that_never_ran(case: str) -> None:
    left_out(*BRANCHES[case])


@pytest.mark.parametrize("case", HANDLERS)
def test_handler_that_never_ran(case: str) -> None:
    left_out(*HANDLERS[case])


def left_out(source: str, warm: str, cold: list[str]) -> None:
    twins = Twins(source)
    twins.hot(warm)
    before = cold_exits()
    twins.check(warm)
    assert cold_exits() == before, "what ran was left out"
    for call in cold:
        before = cold_exits()
        twins.check(call)
        if call == cold[0]:
            assert cold_exits() > before, "what never ran was compiled"
    twins.check(*cold[::-1], warm, *cold, warm)
    assert twins.tiers("f") == {ENGINE}


@pytest.mark.parametrize("case", BRANCHES)
def test_branches_become_warm(case: str) -> None:
    becomes_warm(*BRANCHES[case])


@pytest.mark.parametrize("case", HANDLERS)
def test_handlers_become_warm(case: str) -> None:
    becomes_warm(*HANDLERS[case])


def becomes_warm(source: str, warm: str, cold: list[str]) -> None:
    """After many exits the function is compiled again, with what it was left for."""
    twins = Twins(source)
    twins.hot(warm)
    compiled = whipsnake.stats()["functions_compiled"]
    first = compile(cold[0], "<call>", "eval")
    for attempt in range(1, 4):  # what lies behind what was left out may have been left out as well
        for _ in range(600 << attempt):
            try:
                eval(first, twins.jit)
            except Exception:
                pass
        twins.jit["log"].clear()
        before = cold_exits()
        twins.check(cold[0], cold[0], warm, cold[0])
        if cold_exits() == before:
            break
    assert cold_exits() == before, "it is still left out"
    assert compiled < whipsnake.stats()["functions_compiled"] <= compiled + 3
    assert twins.tiers("f") == {ENGINE}
    twins.check(*cold, warm, *cold)


def test_an_exit_from_a_loop_weighs_more() -> None:
    twins = Twins(BRANCHES["in a loop"][0])
    twins.hot("f(5, -1)")
    before = cold_exits()
    twins.warm("f(5, 2)", times=100)
    assert 10 < cold_exits() - before < 60
    assert twins.tiers("f") == {ENGINE}


def test_branches_that_become_warm_one_after_another() -> None:
    """At most four attempts; the last leaves nothing out."""
    lines = "".join(f"    elif k == {k}: x = x + {k}\n" for k in range(1, 13))
    twins = Twins(f"def f(k):\n    x = 1\n    if k == 0: x = 2\n{lines}    return x\n")
    twins.hot("f(0)")
    f = twins.jit["f"]
    compiled = whipsnake.stats()["functions_compiled"]
    for k in range(1, 13):
        for _ in range(4500):
            assert f(k) == 1 + k
        twins.check(*(f"f({n})" for n in range(14)))
    assert whipsnake.stats()["functions_compiled"] == compiled + 3
    assert whipsnake.tier(f) == ENGINE
    before = cold_exits()
    for k in range(14):
        twins.warm(f"f({k})", times=100)
    assert cold_exits() == before


def test_what_the_interpreter_hardly_ran_is_compiled_whole() -> None:
    for source, warm, cold in (*BRANCHES.values(), *HANDLERS.values()):
        for calls in (0, 3):
            twins = Twins(source)
            twins.hot(warm, times=calls)
            before = cold_exits()
            twins.check(*cold, warm, *cold)
            assert cold_exits() == before and twins.tiers("f") == {ENGINE}


def test_what_is_compiled_at_its_first_call_is_compiled_whole(script: Script) -> None:
    script("""
        def make():
            def f(x):
                try:
                    if x < 0: return "negative", 1 // (x + 1)
                except ZeroDivisionError: return "handled"
                return x
            return f
        source = make().__code__
        def fresh(): return types.FunctionType(source.replace(), globals())
        def cold_exits(): return whipsnake.stats()["exits"].get("cold-code", 0)
        def use(f):
            assert calls(f, 100, 1) == 1 and whipsnake.tier(f) == "baseline"
            assert f(-3) == ("negative", -1) and f(-1) == "handled"
        whipsnake.enable(threshold=0)
        use(fresh())
        whipsnake.enable(threshold=10**6)
        use(whipsnake.jit(fresh()))
        assert cold_exits() == 0
        whipsnake.enable(threshold=64)
        use(fresh())
        assert cold_exits() == 2, whipsnake.stats()["exits"]
    """)


GENERATORS = """
    def g(n, at):
        seen = []
        try:
            for i in range(n):
                if i == at:
                    got = yield "cold", sys._getframe().f_lineno
                    seen.append(got)
                seen.append((yield i))
        except KeyError as e:
            seen.append(str(e))
            yield "handler", sys._getframe().f_lineno
        finally:
            log.append(seen)
        return seen
    def outer(n, at):
        return (yield from g(n, at))
    def whole(make, n, at, throw_at=None):
        values, generator = [], make(n, at)
        try:
            values.append(next(generator))
            while True:
                if len(values) == throw_at: values.append(generator.throw(KeyError(len(values))))
                else: values.append(generator.send(len(values)))
        except StopIteration as stop:
            values.append(("returned", stop.value))
        return values
    def stopped(make, n, at, after):
        generator = make(n, at)
        for _ in range(after): value = next(generator)
        generator.close()
        return value
    async def sleep(n):
        await Wait(n)
        return n
    class Wait:
        def __init__(self, n): self.n = n
        def __await__(self): return (yield self.n)
        async def __aenter__(self): return self
        async def __aexit__(self, kind, error, tb):
            log.append((kind, sys._getframe(0).f_lineno))
            await sleep(7)
            return kind is ZeroDivisionError
        def __aiter__(self): return self
        async def __anext__(self):
            if self.n == 0: raise StopAsyncIteration
            self.n -= 1
            return await sleep(self.n)
    async def c(x):
        total = 1
        if x < 0:
            total += await sleep(-x)
            async for i in Wait(3): total += i
        async with Wait(x):
            total += 10 // x
        return total
"""


def test_generators() -> None:
    twins = Twins(GENERATORS)
    twins.hot("whole(g, 5, -1)", "whole(outer, 5, -1)", names=("g", "outer"))
    for make in ("g", "outer"):
        before = cold_exits()
        twins.check(f"whole({make}, 5, 2)")
        assert make == "outer" or cold_exits() > before
        twins.check(*(f"whole({make}, 6, 3, {at})" for at in range(1, 8)))
        twins.check(*(f"stopped({make}, 6, 2, {after})" for after in range(1, 6)))
        twins.check(f"[*zip({make}(4, 1), {make}(4, 2), {make}(4, -1))]")
        twins.warm(f"whole({make}, 5, 2)", f"whole({make}, 6, 3, 4)", times=200)
    assert twins.tiers("g", "outer") == {ENGINE}


def test_coroutines() -> None:
    twins = Twins(GENERATORS)
    twins.hot("run(c(1))", names=("c", "sleep"))
    before = cold_exits()
    twins.check("run(c(-2))")
    middle = cold_exits()
    assert middle > before
    twins.check("run(c(0))")
    assert cold_exits() > middle
    twins.check("run(c(-2), 1, 2, 3, 4)", "run(c(''))", "run(c(None))")
    twins.warm("run(c(-2))", "run(c(0))", "run(c(3))", times=200)


def test_tracing_begins_in_what_was_cold() -> None:
    twins = Twins("""
        def trace(frame, event, arg):
            if frame.f_code.co_name != "stop":
                log.append((event, frame.f_code.co_name, frame.f_lineno))
            return trace
        def start(): sys._getframe(1).f_trace = trace; sys.settrace(trace)
        def stop(): sys.settrace(None)
        def inner(x): return x + 1
        def f(x):
            total = 0
            try:
                for i in range(3):
                    if i == x:
                        start()
                        total += inner(i)
                    total += 10 // (i + 1 + (x < -1))
                    total += 10 // (i - x - 3)
            except ZeroDivisionError:
                start()
                total = -1
            total = inner(total)
            return total
        def traced(x):
            try:
                return f(x)
            finally:
                stop()
    """)
    twins.hot("traced(-5)", names=("f", "inner"))
    before = cold_exits()
    (seen,) = twins.check("traced(1)")
    assert "'line', 'f'" in seen and cold_exits() > before
    before = cold_exits()
    (seen,) = twins.check("traced(-1)")
    assert "log: " in seen and cold_exits() > before
    twins.check("traced(0)", "traced(2)", "traced(-2)", "traced(-3)", "traced(-5)")


def test_disabled_in_what_was_cold(script: Script) -> None:
    script("""
        def cold():
            whipsnake.disable()
            whipsnake.enable(threshold=64)
        def f(n, at):
            total = 0
            for i in range(n):
                if i == at:
                    cold()
                    total += 1000
                total += i
            return total
        whipsnake.enable(threshold=64)
        for turn in range(5):
            calls(f, 100, 10, -1)
            assert whipsnake.tier(f) == "baseline"
            assert f(10, 4) == 1045 and f(10, 9) == 1045 and f(10, -1) == 45
    """)


MODULE = """\
seen = []
for i in range(5):
    if i == at:
        seen.append(sys._getframe().f_lineno)
    seen.append(i)
if at == -2:
    seen.append(1 // 0)
try:
    value = table["key"]
except KeyError:
    value = "missing"
"""


def test_module_code(script: Script) -> None:
    script(f"""
        code = compile({MODULE!r}, "<module>", "exec")
        names = {{"sys": sys, "at": -1, "table": {{"key": 1}}}}
        whipsnake.enable(threshold=64, loops=False)
        for _ in range(100):
            exec(code, names)
        def cold_exits(): return whipsnake.stats()["exits"].get("cold-code", 0)
        assert whipsnake.tier(types.FunctionType(code, names)) == "baseline" and cold_exits() == 0
        names["at"] = 2
        exec(code, names)
        assert names["seen"] == [0, 1, 4, 2, 3, 4] and names["value"] == 1, names["seen"]
        assert cold_exits() == 1
        names["table"].clear(); names["at"] = -1
        exec(code, names)
        assert names["seen"] == [0, 1, 2, 3, 4] and names["value"] == "missing"
        assert cold_exits() == 2
        names["at"] = -2
        try: exec(code, names)
        except ZeroDivisionError as e: assert e.__traceback__.tb_next.tb_lineno == 7
        else: assert False
        assert cold_exits() == 3
    """)


DEEP = """
    mode = sys.argv[1]
    if mode != "plain":
        whipsnake.enable(threshold=64, loops=False)
    def branch(n, cold):
        if cold:
            return 1 + branch(n - 1, cold) if n else 0
        return n
    def handler(n, table):
        try:
            return table[0]
        except KeyError:
            return 1 + handler(n - 1, table) if n else 0
    def alternating(n, cold):
        if n == 0: return 0
        if cold and n % 2: return 1 + alternating(n - 1, cold)
        return 1 + alternating(n - 1, cold)
    def attempt(f, *args):
        try: return f(*args)
        except RecursionError as e: return str(e)
    def deepest(f, *args):
        low, high = 0, 2000
        while low < high:
            middle = (low + high + 1) // 2
            if isinstance(attempt(f, middle, *args), int): low = middle
            else: high = middle - 1
        return low
    WARM, COLD = (0, {0: 0}, 0), (1, {}, 1)
    FUNCTIONS = branch, handler, alternating
    def warm():
        for f, w in zip(FUNCTIONS, WARM): calls(f, 100, 3, w)
    warm()
    print([deepest(f, c) for f, c in zip(FUNCTIONS, COLD)])
    print([deepest(f, c) for f, c in zip(FUNCTIONS, COLD)])
    sys.setrecursionlimit(200000)
    for turn in range(3):
        print([attempt(f, n, c) for f, n, c in zip(FUNCTIONS, (50000, 3000, 50000), COLD)])
    sys.setrecursionlimit(1000)
    print([deepest(f, c) for f, c in zip(FUNCTIONS, COLD)])
    if mode != "plain":
        assert whipsnake.stats()["exits"]["cold-code"] > 500
"""


def test_recursion_from_what_was_cold(script: Script) -> None:
    expected = script(DEEP, "plain")
    assert "[50000, " in expected
    assert script(DEEP, "jit") == expected


def test_the_history_is_long_enough() -> None:
    """A jump that went the other way some calls ago is not cold."""
    for ago in (0, 5, 14):
        twins = Twins(BRANCHES["if"][0])
        twins.warm("f(1)")
        twins.warm("f(-5)", times=1)
        twins.hot("f(1)", times=ago)
        before = cold_exits()
        twins.check("f(-5)")
        assert cold_exits() == before, ago
    assert WARM > 16
