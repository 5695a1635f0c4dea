"""Coroutines, async for, async with, async generators and comprehensions: by hand and under asyncio."""

from support import check

HELPERS = """
        class Pause:
            def __init__(self, value): self.value = value
            def __await__(self):
                got = yield self.value
                return ('resumed', self.value, got)
        class Odd:
            def __await__(self): return 5
        class Raises:
            def __await__(self): raise KeyError('await')
        class Iter:
            def __await__(self): return iter([1, 2])
        async def nothing(): return 'nothing'
        async def pause(x): return await Pause(x)
        class Manager:
            def __init__(self, swallow=False, fail=None): self.swallow, self.fail = swallow, fail
            async def __aenter__(self):
                log.append('aenter')
                if self.fail == 'enter': raise OSError('enter')
                return await Pause('enter')
            async def __aexit__(self, t, v, tb):
                log.append(('aexit', t, str(v), tb is None))
                await Pause('exit')
                if self.fail == 'exit': raise OSError('exit')
                return self.swallow
        class Numbers:
            def __init__(self, n): self.n = n
            def __aiter__(self): return self
            async def __anext__(self):
                self.n -= 1
                if self.n < 0: raise StopAsyncIteration
                if self.n > 90: raise ValueError('too many')
                return await pause(self.n)
        async def agen(n):
            log.append('agen')
            try:
                for i in range(n):
                    got = yield await pause(i)
                    if got: log.append(('asend', got))
            finally:
                log.append('agen finally')
"""


def test_await():
    check(
        HELPERS
        + """
        async def plain(): return await nothing()
        async def pausing(x):
            a = await Pause(x)
            b = await pause(a)
            return [a, b, await nothing()]
        async def deep(n): return await deep(n - 1) if n else await Pause('bottom')
        async def awaits(x): return await x
        async def in_expressions(x):
            return [await pause(x), (await pause(1)) == x, f'{await pause(2)}', {await pause(3): 1}]
        async def loop(n):
            out = []
            for i in range(n): out.append(await pause(i))
            return out
        async def handles(x):
            try:
                return await x
            except (KeyError, TypeError) as error:
                return type(error), str(error)
            finally:
                log.append(await pause('finally'))
        def thrown(error):
            c = pausing(1)
            c.send(None)
            try:
                return c.throw(error)
            except BaseException as e:
                return type(e), str(e)
        def closed():
            c = pausing(1)
            c.send(None)
            return c.close(), c.cr_frame, c.cr_await
        def twice():
            c = nothing()
            try: c.send(None)
            except StopIteration: pass
            try:
                c.send(None)
            except RuntimeError as error:
                return str(error)
        def attributes():
            c = pausing(1)
            before = c.cr_running, c.cr_suspended, c.cr_frame.f_lineno, c.cr_await
            c.send(None)
            after = c.cr_running, c.cr_suspended, c.cr_frame.f_lineno, type(c.cr_await).__name__, c.__name__
            c.close()
            return before, after
        """,
        "run(plain()) ;; run(pausing(1), 'a', 'b') ;; run(pausing([])) ;; run(deep(0))",
        "run(deep(10), 'x') ;; run(loop(3)) ;; run(loop(0))",
        "run(awaits(nothing())) ;; run(awaits(Pause(1))) ;; run(awaits(5)) ;; run(awaits(Odd()))",
        "run(awaits(Raises())) ;; run(awaits(Iter()))",
        "run(awaits(x for x in 'ab')) ;; run(handles(Raises())) ;; run(handles(5))",
        "run(handles(pause(1)), 'p') ;; run(in_expressions(1))",
        "thrown(ValueError('v')) ;; thrown(KeyError('k')) ;; thrown(GeneratorExit()) ;; closed() ;; twice()",
        "attributes()",
    )


def test_async_with():
    check(
        HELPERS
        + """
        async def normal(m):
            async with m as value:
                log.append(value)
                return 'body'
        async def two(a, b):
            async with a as x, b as y:
                await pause('body')
            return x, y
        async def raising(m, error):
            async with m:
                await pause('before')
                raise error
            return 'swallowed'
        async def leaving(m):
            for i in range(3):
                async with m:
                    if i == 1: break
                    continue
            return i
        class NoEnter:
            async def __aexit__(self, *a): pass
        class NoExit:
            async def __aenter__(self): pass
        class NotAwaitable:
            def __aenter__(self): return 5
            def __aexit__(self, *a): return 5
        class BadExit:
            async def __aenter__(self): return 1
            def __aexit__(self, *a): return None
        """,
        "run(normal(Manager())) ;; run(two(Manager(), Manager()))",
        "run(raising(Manager(), ValueError('v')))",
        "run(raising(Manager(swallow=True), ValueError('v'))) ;; run(leaving(Manager()))",
        "run(normal(Manager(fail='enter')))",
        "run(normal(Manager(fail='exit'))) ;; run(raising(Manager(fail='exit'), KeyError('k')))",
        "run(two(Manager(), Manager(fail='enter')))",
        "run(normal(NoEnter())) ;; run(normal(NoExit())) ;; run(normal(NotAwaitable()))",
        "run(normal(BadExit())) ;; run(normal(5))",
    )


def test_async_for_and_comprehensions():
    check(
        HELPERS
        + """
        async def loop(v):
            out = []
            async for x in v: out.append(x)
            else: out.append('else')
            return out
        async def breaks(v):
            async for x in v:
                if x[1] == 1: break
            else:
                return 'else'
            return x
        async def nested(n):
            return [(a[1], b[1]) async for a in Numbers(n) async for b in Numbers(n)]
        async def comprehensions(n):
            a = [x async for x in Numbers(n)]
            b = {x[1] async for x in Numbers(n)}
            c = {x[1]: await pause(x[1]) async for x in Numbers(n) if await pause(1)}
            d = [await pause(x) for x in range(n)]
            e = [y async for y in (x async for x in Numbers(n))]
            return a, b, c, d, e
        async def handled(v):
            try:
                async for x in v: pass
            except (TypeError, ValueError) as error:
                return type(error), str(error)
        class NoNext:
            def __aiter__(self): return self
        class BadNext:
            def __aiter__(self): return self
            def __anext__(self): return 5
        class AsyncIter:
            async def __aiter__(self): pass
        class NotAsync:
            def __iter__(self): return iter([1])
        """,
        *[
            f"run({f}({v}))"
            for f in ("loop", "breaks", "handled")
            for v in (
                "Numbers(3)|Numbers(0)|Numbers(95)|agen(2)|agen(0)|NoNext()|BadNext()|NotAsync()|[1]"
            ).split("|")
        ],
        "run(nested(2)) ;; run(nested(0)) ;; run(comprehensions(2)) ;; run(comprehensions(0))",
        warm=[0, 2, 3, 7, 9, 13, 18, 22, 27, 29],
    )


def test_async_generators():
    check(
        HELPERS
        + """
        async def drive(*values):
            g = agen(5)
            out = [await g.__anext__()]
            try:
                for v in values:
                    if isinstance(v, BaseException): out.append(await g.athrow(v))
                    elif v == 'close': out.append(await g.aclose())
                    else: out.append(await g.asend(v))
            except BaseException as error:
                out.append((type(error), str(error)))
            await g.aclose()
            return out, g.ag_frame, g.ag_running
        async def returns_early():
            async def g():
                yield 1
                return
                yield 2
            return [x async for x in g()]
        async def raises():
            async def g():
                yield 1
                raise StopAsyncIteration('inner')
            return [x async for x in g()]
        async def stubborn():
            async def g():
                try:
                    yield 1
                finally:
                    yield 2
            a = g()
            await a.__anext__()
            try:
                await a.aclose()
            except RuntimeError as error:
                return str(error)
        async def delegating(n):
            async def outer():
                async for x in agen(n): yield x
            return [x async for x in outer()]
        async def values_and_refs():
            class Noisy:
                def __init__(self, n): self.n = n
                def __del__(self): log.append(('del', self.n))
            async def g():
                yield Noisy(1)
                yield Noisy(2)
            async for x in g(): log.append(x.n)
            log.append('end')
        async def default():
            g = agen(1)
            return await anext(g), await anext(g, 'default')
        def unstarted():
            g = agen(1)
            try:
                g.asend(5).send(None)
            except TypeError as error:
                return str(error)
        """,
        "run(drive(None, 'x', [1])) ;; run(drive(ValueError('v'))) ;; run(drive('close'))",
        "run(drive(None, 'close', None))",
        "run(drive(*[None] * 6)) ;; run(drive(GeneratorExit())) ;; run(returns_early()) ;; run(raises())",
        "run(stubborn())",
        "run(delegating(3)) ;; run(values_and_refs()) ;; run(default()) ;; unstarted()",
    )


def test_asyncio_programs():
    check(
        """
        import asyncio
        async def work(n):
            await asyncio.sleep(0)
            if n == 3: raise ValueError(n)
            return n * 2
        async def gather(n): return await asyncio.gather(*(work(i) for i in range(n)), return_exceptions=True)
        async def groups(n):
            try:
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(work(i)) for i in range(n)]
                return [t.result() for t in tasks]
            except* ValueError as errors:
                log.append([str(e) for e in errors.exceptions])
        async def queue(n):
            q = asyncio.Queue(2)
            async def produce():
                for i in range(n): await q.put(i)
                await q.put(None)
            async def consume():
                out = []
                while (x := await q.get()) is not None: out.append(x)
                return out
            return (await asyncio.gather(produce(), consume()))[1]
        async def timeout():
            try:
                async with asyncio.timeout(0.001): await asyncio.sleep(10)
            except TimeoutError:
                return 'timed out'
        async def cancelled():
            async def sleeper():
                try:
                    await asyncio.sleep(10)
                except asyncio.CancelledError:
                    log.append('cancelled')
                    raise
            t = asyncio.create_task(sleeper())
            await asyncio.sleep(0)
            t.cancel()
            return await asyncio.gather(t, return_exceptions=True)
        async def locks(n):
            lock, out = asyncio.Lock(), []
            async def one(i):
                async with lock:
                    out.append(i)
                    await asyncio.sleep(0)
                    out.append(i)
            await asyncio.gather(*map(one, range(n)))
            return out
        """,
        *[
            f"asyncio.run({c})"
            for c in (
                "gather(3)",
                "gather(5)",
                "groups(2)",
                "queue(5)",
                "timeout()",
                "cancelled()",
                "locks(3)",
            )
        ],
        warm=[0, 2, 6],
        leaks=False,
    )


def test_never_awaited_and_types():
    check(
        """
        import types, warnings, inspect
        async def c(): return 1
        @types.coroutine
        def old(x):
            got = yield x
            return got
        async def uses_old(): return await old('y')
        def warned():
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter('always')
                c()
            return [str(w.message) for w in caught]
        def flags():
            return (inspect.iscoroutinefunction(c), inspect.isgeneratorfunction(old),
                    inspect.isawaitable(k := c()), k.close())
        """,
        "run(uses_old(), 5) ;; warned() ;; flags()",
    )
