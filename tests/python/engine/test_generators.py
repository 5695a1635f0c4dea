"""Generators and coroutines resumed by C code, in compiled bodies and out of them."""

from __future__ import annotations

import pytest
from support import ENGINE

from whipsnake import _core

from .conftest import Script
from .twins import Twins

PROGRAM = """
    import asyncio, itertools, functools, contextlib
    if sys.argv[1] != "plain":
        whipsnake.enable(threshold=int(sys.argv[1]), loop_threshold=5, entry=sys.argv[2])
    def values(n):
        got = None
        for i in range(n):
            got = yield (i, got)
        return "done", got
    def empty_return(n):
        for i in range(n): yield i
    def returns_tuple():
        yield 1
        return (1, 2)
    def raises(n):
        for i in range(n): yield i
        raise KeyError(n)
    def stops():
        yield 1
        raise StopIteration("inside")
    def reenters():
        yield 0
        next(box[0])
    def attempt(f, *args):
        try:
            return f(*args)
        except BaseException as e:
            context = e.__cause__ or e.__context__
            return type(e).__name__, e.args, getattr(e, "value", None), type(context).__name__
    box = []
    for _ in range(60):
        out = []
        g = values(3)
        out.append([next(g), g.send("a"), g.send("b"), attempt(g.send, "c")])
        out.append([attempt(next, g), attempt(g.send, 1)])
        g = values(3)
        out.append([attempt(g.send, "early"), next(g), attempt(g.throw, ValueError("x"))])
        out.append([attempt(next, g), next(g, "default")])
        out.append([list(empty_return(3)), sum(empty_return(4)), max(empty_return(3)), tuple(values(2))])
        out.append(dict(zip("abc", empty_return(3))))
        out.append([attempt(list, raises(2)), attempt(list, stops()), attempt(sorted, raises(3))])
        g = returns_tuple()
        out.append([next(g), attempt(next, g), attempt(next, g), next(g, 5)])
        g = returns_tuple()
        out.append([g.send(None), attempt(g.send, None), attempt(g.send, None)])
        box[:] = [reenters()]
        out.append([next(box[0]), attempt(next, box[0]), attempt(next, box[0])])
        out.append(list(itertools.islice(itertools.chain(empty_return(2), values(2)), 3)))
        out.append(functools.reduce(lambda a, b: a + b, empty_return(5)))
        a, *b = empty_return(4)
        out.append([a, b, [*values(1)], {k: k for k in empty_return(2)}, "".join(map(str, empty_return(3)))])
        @contextlib.contextmanager
        def manager():
            try:
                yield 1
            except KeyError as e:
                out.append(repr(e))
        with manager() as m: raise KeyError(m)
        async def co(x):
            await asyncio.sleep(0)
            if x == 3: raise LookupError(x)
            return x
        async def agen(n):
            try:
                for i in range(n):
                    got = yield await co(i)
                    if got: out.append(got)
            finally:
                out.append("closed")
        async def main():
            results = await asyncio.gather(*(co(i) for i in range(5)), return_exceptions=True)
            out.append([repr(r) for r in results])
            out.append([x async for x in agen(3)])
            a = agen(3)
            out.append([await anext(a), await a.asend("sent"), await anext(a, "no")])
            await a.aclose()
            try:
                async for x in agen(5): pass
            except LookupError as e:
                out.append(repr(e))
            async with asyncio.timeout(10):
                async with contextlib.AsyncExitStack() as stack:
                    generator = await stack.enter_async_context(contextlib.aclosing(agen(2)))
                    out.append(await anext(generator))
            task = asyncio.create_task(asyncio.sleep(100))
            await asyncio.sleep(0)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                out.append("cancelled")
        asyncio.run(main())
        c = co(1)
        out.append([attempt(c.send, 1), attempt(c.close), attempt(c.send, None)])
    for item in out: print(item)
"""


@pytest.mark.parametrize(
    ("threshold", "entry"), [("0", "vectorcall"), ("10", "vectorcall"), ("0", "pep523"), ("10", "pep523")]
)
def test_same_as_the_interpreter(script: Script, threshold: str, entry: str) -> None:
    expected = script(PROGRAM, "plain", "")
    assert len(expected.splitlines()) > 15
    assert script(PROGRAM, threshold, entry) == expected


def test_bodies_run_compiled_from_c(script: Script) -> None:
    script("""
        import asyncio
        whipsnake.enable(threshold=3, loops=False)
        def numbers(n):
            for i in range(n): yield i
        async def nothing(): return 1
        async def agen(n):
            for i in range(n): yield i
        for _ in range(10):
            list(numbers(2))
            try: nothing().send(None)
            except StopIteration: pass
        def entries(): return whipsnake.stats()["entries"]
        for consume, at_least in ((lambda: list(numbers(1000)), 1000), (lambda: sum(numbers(1000)), 1000)):
            before = entries()
            consume()
            assert entries() >= before + at_least, consume
        g = numbers(1000)
        next(g)
        before = entries()
        for _ in range(500): g.send(1)
        assert entries() >= before + 500
        async def consume(n): return [x async for x in agen(n)][-1]
        for _ in range(10): asyncio.run(consume(2))
        before = entries()
        assert asyncio.run(consume(500)) == 499 and entries() >= before + 500
        async def send(n):
            a = agen(n)
            await anext(a)
            return [await a.asend(1) for _ in range(n - 1)][-1]
        before = entries()
        assert asyncio.run(send(500)) == 499 and entries() >= before + 500
    """)


ASYNC_GENERATORS = """
    import types
    events = []
    MON = sys.monitoring
    TOOL = 4
    def listen():
        MON.use_tool_id(TOOL, "listener")
        for event in ("RAISE", "STOP_ITERATION", "PY_YIELD", "PY_RESUME", "EXCEPTION_HANDLED"):
            MON.register_callback(TOOL, getattr(MON.events, event),
                lambda code, *rest, e=event: events.append((e, code.co_name, repr(rest[-1])[:40])))
        MON.set_events(TOOL, MON.events.RAISE | MON.events.STOP_ITERATION | MON.events.PY_YIELD
                       | MON.events.PY_RESUME | MON.events.EXCEPTION_HANDLED)
    def stop():
        if MON.get_tool(TOOL): MON.set_events(TOOL, 0); MON.free_tool_id(TOOL)
    @types.coroutine
    def pause(x): return (yield x)
    async def agen(n, at=None, action=None):
        sent = None
        for i in range(n):
            if i == at: action()
            got = await pause(("awaits", i))
            sent = yield i, got, sent
    async def loops(n, *how):
        out = []
        async for item in agen(n, *how): out.append(item)
        return out, [x async for x in agen(2)]
    async def sends(n):
        g = agen(n)
        out = [await g.asend(None)]
        try:
            while True: out.append(await g.asend(len(out)))
        except StopAsyncIteration as e:
            out.append((e.args, g.ag_running, g.ag_frame))
        return out
    async def misuse():
        g, out = agen(3), []
        a = g.__anext__()
        out.append(await a)
        for wrong in (lambda: a, lambda: g.asend(1)):
            try: out.append(await wrong())
            except (RuntimeError, TypeError) as e: out.append(str(e))
        h = agen(2)
        try: await h.asend(5)
        except TypeError as e: out.append(str(e))
        first = h.__anext__()
        first.send(None)
        try: await h.__anext__()
        except RuntimeError as e: out.append(str(e))
        try: first.throw(KeyError("k"))
        except KeyError as e: out.append(repr(e))
        try: await h.__anext__()
        except StopAsyncIteration as e: out.append(repr(e))
        return out
    async def raises(kind):
        async def g():
            yield 1
            raise kind("inside")
        out = []
        try:
            async for x in g(): out.append(x)
        except BaseException as e:
            out.append((type(e).__name__, str(e), type(e.__cause__).__name__, type(e.__context__).__name__))
        return out
    def drive(coroutine):
        seen, value = [], None
        try:
            while True:
                seen.append(coroutine.send(value)); value = len(seen)
        except StopIteration as e:
            return seen, e.value
        except BaseException as e:
            return seen, repr(e)
    def heard(*how):
        del events[:]
        try: return drive(loops(4, *how)), [*events]
        finally: stop()
    def kinds(): return [drive(raises(k)) for k in (ValueError, StopIteration, StopAsyncIteration, GeneratorExit)]
"""


@pytest.mark.usefixtures("compiling")
def test_async_generators_resumed_by_machine_code() -> None:
    twins = Twins(ASYNC_GENERATORS)
    quiet = ["drive(loops(4))", "drive(sends(3))", "drive(misuse())", "kinds()"]
    twins.warm(*quiet)
    twins.compile("agen", "loops", "sends", "misuse", "raises", "drive", "kinds")
    twins.check(*quiet * 4)
    for at in range(4):
        (seen,) = twins.check(f"heard({at}, listen)")
        assert "STOP_ITERATION" in seen or "RAISE" in seen, seen
        twins.check(*quiet)
    twins.check("heard(0, lambda: None)", *quiet)
    assert twins.tiers("agen", "loops", "sends") == {ENGINE}


@pytest.mark.usefixtures("compiling")
def test_items_of_async_generators_need_no_exception() -> None:
    twins = Twins(ASYNC_GENERATORS)
    twins.warm("drive(loops(4))")
    twins.compile("agen", "loops", "pause")
    call = compile("[drive(loops(200)) for _ in range(3)]", "<call>", "eval")
    eval(call, twins.jit)
    before = _core.stats()["exceptions"]
    eval(call, twins.jit)
    # Two generators come to their end, which is one exception where it is raised and one where it arrives.
    assert _core.stats()["exceptions"] - before <= 3 * 2 * 3
