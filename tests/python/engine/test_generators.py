"""Generators and coroutines resumed by C code, in compiled bodies and out of them."""

from __future__ import annotations

import pytest

from .conftest import Script

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
