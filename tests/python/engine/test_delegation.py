"""Chains of ``yield from`` and ``await``: machine code resumes the innermost generator past those that wait for it."""

from __future__ import annotations

import textwrap

import pytest

from .conftest import Script

CHAIN = """
    import inspect
    if sys.argv[1] != "plain":
        whipsnake.enable(threshold=int(sys.argv[1]), loop_threshold=50, entry=sys.argv[2])
    out = []
    def attempt(f, *args):
        try:
            return f(*args)
        except BaseException as e:
            lines = []
            tb = e.__traceback__
            while tb is not None:
                lines.append((tb.tb_frame.f_code.co_name, tb.tb_lineno, tb.tb_lasti))
                tb = tb.tb_next
            return type(e).__name__, e.args, type(e.__context__).__name__, lines
    def chain(depth, body, *args):
        "Each level has variables, a block, and something to do before and behind."
        local = [depth]
        if depth:
            try:
                got = yield from chain(depth - 1, body, *args)
            finally:
                out.append(("left", depth, local))
            return got, depth
        return (yield from body(*args))
    def states(g):
        found = []
        while g is not None:
            frame = g.gi_frame
            found.append((inspect.getgeneratorstate(g), g.gi_running, g.gi_suspended,
                          frame and (frame.f_lineno, frame.f_lasti, frame.f_back is None, sorted(frame.f_locals))))
            g = g.gi_yieldfrom
        return found
    def frames():
        found, frame = [], sys._getframe(1)
        while frame is not None:
            found.append((frame.f_code.co_name, frame.f_lineno, frame.f_lasti))
            frame = frame.f_back
        return found
    def echo(n):
        got = None
        for i in range(n):
            got = yield i, got
        return "returned", got
"""

PROGRAMS = {
    "answers": """
        def all_of(g):
            items = []
            for item in g: items.append(item)
            return items
        def driven():
            g = chain(6, echo, 3)
            found = [g.send(None), states(g), g.send("a"), states(g), next(g)]
            found.append(attempt(g.send, "end"))
            return found, states(g)
        for _ in range(40):
            out.append(all_of(chain(9, echo, 4)))
            out.append(driven())
        """,
    "what the innermost sees": """
        box = []
        def looks(n):
            for i in range(n):
                out.append((frames(), states(box[0])))
                yield i
                out.append([f.f_back is not None for f in (sys._getframe(),)])
        def walk(g):
            for item in g: out.append(item)
        for _ in range(20):
            box[:] = [chain(4, looks, 3)]
            walk(box[0])
        """,
    "exceptions": """
        def raises(n):
            for i in range(n): yield i
            raise KeyError(n)
        def catches():
            while True:
                try:
                    got = yield "asked"
                except ValueError as e:
                    out.append(("caught", e.args))
                    yield "caught"
        def handles(depth, n):
            "The exception of the innermost, or of the thrower, is caught half-way."
            if depth:
                try:
                    return (yield from handles(depth - 1, n))
                except KeyError as e:
                    if depth != 3: raise
                    return (yield from handles(0, 0))
            if n < 0: raise StopIteration(n)
            return (yield from raises(n)) if n else "nothing"
        def walk(g):
            for item in g: out.append(item)
            return "end"
        for _ in range(30):
            out.append(attempt(walk, chain(5, raises, 2)))
            out.append(attempt(walk, handles(5, 2)))
            out.append(attempt(walk, handles(2, 2)))
            out.append(attempt(walk, handles(4, -1)))
            g = chain(4, catches)
            out.append([next(g), next(g), g.throw(ValueError("x")), states(g), next(g), next(g)])
            out.append([attempt(g.throw, TypeError("y")), states(g)])
            g = chain(4, catches)
            out.append([next(g), next(g), attempt(g.close), states(g)])
            g = chain(4, echo, 2)
            next(g); next(g)
            del g
        """,
    "handled exceptions nest": """
        def seen():
            e = sys.exception()
            found = []
            while e is not None:
                found.append(e.args)
                e = e.__context__
            return found
        def within(depth):
            out.append(("enters", depth, seen()))
            try:
                raise ValueError(depth)
            except ValueError:
                if depth:
                    yield from within(depth - 1)
                else:
                    for i in range(4):
                        out.append(seen())
                        yield seen()
            out.append(("leaves", depth, seen()))
        def driver():
            for x in within(4):
                out.append((x, seen()))
                try:
                    raise LookupError("driver")
                except LookupError:
                    out.append(seen())
        for _ in range(20): driver()
        """,
    "resumed by others": """
        def resumes(n):
            for i in range(n):
                yield i
                out.append([attempt(next, x) for x in box])
        box = []
        def walk(g):
            for item in g: out.append(item)
        for _ in range(20):
            outer = chain(4, resumes, 3)
            box[:] = []
            first = next(outer)
            inner = outer
            while inner.gi_yieldfrom is not None:
                box.append(inner)
                inner = inner.gi_yieldfrom
            box.append(inner)
            walk(outer)
            # The end of the chain is moved on, ended and closed behind the back of those that wait for it.
            for act in (next, list, lambda g: g.close(), lambda g: attempt(g.throw, KeyError("k"))):
                outer = chain(4, echo, 4)
                next(outer); next(outer)
                inner = outer
                for _ in range(3): inner = inner.gi_yieldfrom
                out.append(act(inner))
                out.append([attempt(next, outer), attempt(next, outer), states(outer)])
        """,
    "recursion limit": """
        def deep(n):
            if n: yield from deep(n - 1)
            else:
                for i in range(3): yield i
        def fits(n):
            g = deep(n)
            try:
                for i in range(3): assert next(g) == i
                return True
            except RecursionError:
                return False
        def lower(n, depth):
            "Resumed where less is left than where it was made."
            g = deep(n)
            next(g)
            def down(k):
                if k: return down(k - 1)
                return attempt(next, g)
            return [x if isinstance(x, int) else x[:2] for x in (down(depth), attempt(next, g))]
        for _ in range(10):
            for n in (10, 100, 400): out.append(list(deep(n)))
        sys.setrecursionlimit(300)
        out.append([fits(n) for n in range(270, 310)])
        out.append([fits(n) for n in range(270, 310)])
        for k in (30, 45, 50, 55): out.append(lower(240, k))
        """,
    "somebody listens": """
        events = []
        def tracer(frame, event, arg):
            if frame.f_code.co_name in ("chain", "switches", "walk", "deep"):
                events.append((frame.f_code.co_name, event, frame.f_lineno))
            return tracer
        def switches(n):
            for i in range(n):
                if i == 2: sys.settrace(tracer)
                yield i
                if i == 4: sys.settrace(None)
        def fails():
            yield 1
            sys.settrace(tracer)
            raise KeyError("traced")
        def walk(g):
            for item in g: out.append(item)
        M.use_tool_id(3, "test")
        def listens(n, local):
            code = chain.__code__
            M.register_callback(3, M.events.PY_YIELD, lambda c, o, v: events.append(("yield", c.co_name, o, v)))
            M.register_callback(3, M.events.PY_RESUME, lambda c, o: events.append(("resume", c.co_name, o)))
            wanted = M.events.PY_YIELD | M.events.PY_RESUME
            for i in range(n):
                if i == 1:
                    if local: M.set_local_events(3, code, wanted)
                    else: M.set_events(3, wanted)
                yield i
                if i == 3:
                    M.set_local_events(3, code, 0)
                    M.set_events(3, 0)
        for _ in range(20):
            walk(chain(3, switches, 7))
            sys.settrace(None)
            out.append(attempt(walk, chain(3, fails)))
            sys.settrace(None)
            walk(chain(3, listens, 6, False))
            walk(chain(3, listens, 6, True))
            out.append(events[:])
            events.clear()
        """,
    "coroutines": """
        import asyncio
        class Item:
            def __await__(self):
                got = yield "item"
                return got
        async def leaf(n):
            found = []
            for i in range(n): found.append(await Item())
            return found
        async def other(depth, n): return await level(depth, n)
        async def level(depth, n):
            if depth == 0: return await leaf(n)
            try:
                return await (other(depth - 1, n) if depth % 3 == 0 else level(depth - 1, n)), depth
            except KeyError as e:
                if depth != 4: raise
                return "handled", e.args, await leaf(1)
        def drive(c, *sent):
            found = [c.send(None)]
            for x in sent:
                try:
                    found.append(c.throw(x) if isinstance(x, BaseException) else c.send(x))
                except StopIteration as stop:
                    found.append(("stop", stop.value))
                    break
                found.append((c.cr_running, c.cr_await is not None, c.cr_frame.f_lasti))
            return found
        async def tasks():
            async def work(depth):
                if depth: return await work(depth - 1) + 1
                for i in range(3): await asyncio.sleep(0)
                return 0
            async def fails():
                await work(3)
                raise LookupError("late")
            found = await asyncio.gather(*(work(i) for i in range(6)), fails(), return_exceptions=True)
            t = asyncio.create_task(work(5))
            await asyncio.sleep(0)
            t.cancel()
            try: await t
            except asyncio.CancelledError: found.append("cancelled")
            return repr(found)
        for _ in range(30):
            out.append(drive(level(7, 3), "a", "b", "c"))
            out.append(drive(level(7, 3), "a", KeyError("k"), "d"))
            out.append(attempt(drive, level(2, 3), "a", KeyError("k"), "d"))
            out.append(asyncio.run(tasks()))
        """,
}


@pytest.mark.parametrize(
    ("threshold", "entry"), [("0", "vectorcall"), ("10", "vectorcall"), ("10", "pep523")]
)
@pytest.mark.parametrize("name", PROGRAMS)
def test_same_as_the_interpreter(script: Script, name: str, threshold: str, entry: str) -> None:
    program = CHAIN + PROGRAMS[name].replace("\n        ", "\n    ") + "\n    for item in out: print(item)\n"
    expected = script(program, "plain", "")
    assert len(expected.splitlines()) > 5
    assert script(program, threshold, entry) == expected


STRESS = {
    "exits": "EXIT_EVERY=9",
    "jettison": "JETTISON_EVERY=15",
    "guards": "SLOW_EVERY=4",
    "collections": "GC=each-call",
}


@pytest.mark.parametrize("stress", STRESS)
def test_under_stress(script: Script, stress: str) -> None:
    name, _, value = STRESS[stress].partition("=")
    option = {f"WHIPSNAKE_{name}": value, "WHIPSNAKE_STRESS_SEED": "1"}
    parts = []
    for program in PROGRAMS.values():
        lines = textwrap.dedent(program).strip("\n").splitlines()
        parts.append("def part():\n" + "\n".join("    " + line for line in lines) + "\npart()\n")
    for part in parts:
        source = textwrap.dedent(CHAIN) + part + "for item in out: print(item)\n"
        assert script(source, "10", "vectorcall", **option) == script(source, "plain", "")


def test_those_that_wait_are_not_executed(script: Script) -> None:
    """A chain is resumed by one entry from C at most, and takes no native stack for its length."""
    script("""
        whipsnake.enable(threshold=20, loop_threshold=40)
        sys.setrecursionlimit(100_000)
        def deep(n, count):
            if n: return (yield from deep(n - 1, count))
            for i in range(count): yield i
            return "end"
        def walk(n, count):
            total = 0
            for x in deep(n, count): total += x
            return total
        def counts():
            stats = whipsnake.stats()
            return stats["entries"], sum(stats["exits"].values())
        for _ in range(60): walk(3, 100)
        before = counts()
        assert walk(50, 10_000) == sum(range(10_000))
        entries, exits = (now - then for now, then in zip(counts(), before))
        assert entries < 60 and exits < 60, (entries, exits)
        thread = []
        threading.stack_size(256 * 1024)
        t = threading.Thread(target=lambda: thread.append(walk(20_000, 3)))
        t.start(); t.join()
        assert thread == [3], thread
    """)


def test_code_that_is_thrown_away_while_it_waits(script: Script) -> None:
    script("""
        whipsnake.enable(threshold=5, loop_threshold=20)
        from whipsnake import _core
        def deep(n, act):
            if n:
                try: return (yield from deep(n - 1, act)), n
                except KeyError:
                    if n != 2: raise
                    return "handled"
            for i in range(4):
                if i == 2: act()
                yield i
            if act is fail: raise KeyError
        def fail(): jettison()
        def jettison():
            whipsnake.disable()
            whipsnake.enable(threshold=5, loop_threshold=20)
        def nothing(): pass
        def walk(act):
            g, found = deep(5, act), []
            while True:
                try: found.append(next(g))
                except StopIteration as stop: return found, stop.value
        for _ in range(30): assert walk(nothing) == ([0, 1, 2, 3], (((((None, 1), 2), 3), 4), 5))
        for _ in range(5): assert walk(jettison) == walk(nothing)
        for _ in range(5): assert walk(fail) == ([0, 1, 2, 3], ((("handled", 3), 4), 5))
    """)
