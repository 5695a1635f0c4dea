"""Compiled code keeps nothing: memory is flat over repeated calls, also when each call in it raises."""

import gc
import sys
import textwrap

import pytest
from support import compile_tree, enabled, functions_of, growth

import whipsnake

BODIES = {
    "arithmetic": """
        def f(a=2**70, b=1.5):
            c = a * 3 + (a - 1) ** 2 // 7 % 1000003
            d = -b * 2.5 + c / 1e30
            c += a
            return (c, d, a < c, a == b, ~a, str(a) + 'x' * 5)
        """,
    "attributes": """
        class Base:
            def m(self, *a, k=[]): return [self.x, a, k]
        class C(Base):
            y = [1]
            def __init__(self, x): self.x = x; self.z = [x]
            @property
            def p(self): return self.m(1)
            def m(self, *a, **k): return super().m(*a, **k)
            def __getattr__(self, name): return [name]
        def f():
            c = C([1])
            c.new = c.x
            c.new += [2]
            del c.z
            return c.x, c.y, c.p, c.missing, c.m(1, 2), C.m, c.m, len(vars(c))
        """,
    "containers": """
        def f(n=5):
            a = [i * 1000 for i in range(n)]
            b = {i: [i] for i in a}
            c = {*a, (1, 2)}
            x, *y, z = a
            a[1:3] = [b[0]]
            del a[0], b[0]
            a += [x, y, z]
            listed = [v for w in a if w for v in (w,)]
            return [*a, *c], (*y, z), {**b, 'k': a}, a[::2], a[-1], f'{a}{b!r:>5}', listed
        """,
    "calls": """
        def callee(a, b=[], *c, k=(), **d): return [a, b, c, k, d]
        class Call:
            def __call__(self, *a): return a
            @classmethod
            def cm(cls, x): return [x]
        def f():
            x = [object()]
            return (callee(x), callee(x, 1), callee(*x, **{'z': x}), callee(k=x, a=1), Call()(x), Call.cm(x),
                    max(x, key=id), sorted([3, 1, 2], key=lambda v: -v), (lambda *a: a)(x),
                    list(map(callee, x)),
                    dict(a=x))
        """,
    "closures": """
        def f(n=[1]):
            total = n
            def add(x):
                nonlocal total
                total = [total, x]
                return lambda: total
            g = add(2)
            def deleted():
                nonlocal total
                del total
            r = g()
            deleted()
            return r
        """,
    "generators": """
        def gen(n):
            got = []
            try:
                for i in range(n): got.append((yield [i, got]))
                yield from (x for x in got)
            finally:
                got.append('end')
            return got
        def f():
            g = gen(3)
            out = [next(g), g.send([1])]
            dropped = gen(2)
            next(dropped)
            closed = gen(2)
            next(closed)
            closed.close()
            thrown = gen(2)
            next(thrown)
            try: thrown.throw(ValueError([1]))
            except ValueError as e: out.append(str(e))
            return out, list(g), [x for x in gen(2)], sum(len(x) for x in gen(2) if x)
        """,
    "coroutines": """
        class Pause:
            def __await__(self): return (yield [1])
        class M:
            async def __aenter__(self): return [await Pause()]
            async def __aexit__(self, *a): await Pause()
        async def agen(n):
            for i in range(n): yield [await Pause(), i]
        async def co(n):
            async with M() as m:
                out = [x async for x in agen(n)]
                async for y in agen(1): out.append(y)
            return out, m, await inner(n)
        async def inner(n): return [n] if n == 0 else await inner(n - 1)
        def f():
            c = co(2)
            try:
                while True: c.send(None)
            except StopIteration as s: out = s.value
            d = co(1)
            d.send(None)
            d.close()
            return out
        """,
    "exceptions": """
        class M:
            def __enter__(self): return [self]
            def __exit__(self, t, v, tb): return t is KeyError
        def fails(x): raise ValueError([x])
        def f():
            out = []
            for i in range(3):
                try:
                    with M() as m:
                        if i == 0: raise KeyError([i])
                        if i == 1: fails([m])
                        out.append([i, fails])
                except ValueError as error:
                    out.append(str(error))
                    try: error.nothing
                    except AttributeError as second: out.append(str(second))
                finally:
                    out.append([i])
            try: raise ExceptionGroup('g', [ValueError([1]), TypeError([2])])
            except* ValueError as g: out.append(len(g.exceptions))
            except* TypeError as g: out.append(str(g))
            try:
                try: fails(1)
                except ValueError as e: raise KeyError([2]) from e
            except KeyError: pass
            return out
        """,
    "matching": """
        class P:
            __match_args__ = ('x', 'y')
            def __init__(self, x, y): self.x, self.y = x, y
        def f():
            out = []
            for v in ([1, [2, 3]], {'a': [1], 'b': 2}, P([1], [2]), (1, 2, 3), 'text', P(1, 2)):
                match v:
                    case [x, [y, *z]]: out.append((x, y, z))
                    case {'a': x, **rest}: out.append((x, rest))
                    case P([x], y=[z]): out.append((x, z))
                    case P(x, y) if x < y: out.append([x, y])
                    case (a, *b) as whole: out.append((a, b, whole))
                    case str(s): out.append(s)
            return out
        """,
    "definitions": """
        def decorate(x): return lambda f: f
        def f(d=[1]):
            @decorate(d)
            def inner(a, b=d, *, k=d) -> [d]: return a, b, k, d
            class C:
                attr = [d]
                def m(self): return __class__, d
            class D(C, metaclass=type):
                pass
            import math
            from os import path as p
            return inner(1), D().m(), C.attr, math.pi, p.sep, [C for _ in range(2)]
        """,
    "globals": """
        value = [1]
        def f():
            global value, fresh
            value = [value[0], 2]
            fresh = value
            del fresh
            value = value[:1]
            return value, len, f
        """,
}


def build(source):
    scope = {"__name__": "checked"}
    exec(compile(textwrap.dedent(source), "<check leaks>", "exec", dont_inherit=True), scope)
    return scope


@pytest.mark.parametrize("warm", [0, 8], ids=["cold", "warm"])
@pytest.mark.parametrize("name", BODIES)
def test_flat(name, warm):
    scope = build(BODIES[name])
    for _ in range(warm):
        scope["f"]()
    with enabled():
        for function in list(functions_of(scope)):
            compile_tree(function)
        function = None
        gains = growth(scope["f"])
        assert whipsnake.tier(scope["f"]) == "baseline"
    assert gains[-1] <= 0, gains


FAILING = """
    class Boom(Exception): pass
    COUNT, AT = 0, 0
    def tick(x=None):
        global COUNT
        COUNT += 1
        if COUNT == AT: raise Boom([x])
        return x
    class Odd:
        def __init__(self, v): self.v = tick([v])
        def __add__(self, o): return tick(Odd(1))
        def __getitem__(self, k): return tick([k])
        def __setitem__(self, k, v): tick(v)
        def __getattr__(self, n): return tick([n])
        def __lt__(self, o): return tick([o])
        def __iter__(self):
            yield tick([1])
            yield tick([2])
        def __call__(self, *a, **k): return tick([a, k])
        def __enter__(self): return tick([self])
        def __exit__(self, *a): return tick(False)
        def __bool__(self): return bool(tick(1))
        def __hash__(self): return hash(tick('h'))
        def __eq__(self, o): return tick(True)
        def __format__(self, s): return tick('f')
        def __len__(self): return tick(2)
    def gen(o):
        yield tick([o])
        yield from o
    def f():
        a, b = Odd(1), Odd(2)
        x = [a + b, (a[1], b.attr), {a: b[0], 'k': [a(1, *[b], k=a)]}, f'{a}-{b}', a < b, tick([a])]
        a[b + a] = [b]
        for y in a:
            x.append([y, len(b), [z for z in b], a if b else b])
        with a as c, b:
            x.append([c, *gen(b)])
            p, q = a
            try:
                x.append([a + b, a.other.append(tick([1]))])
            finally:
                tick([x])
        lst = sorted([b, a], key=lambda v: tick([1]))
        return x, p, q, lst, (lambda *r: tick(r))(a, b)
    def at(n):
        global COUNT, AT
        COUNT, AT = 0, n
        try:
            f()
        except Boom:
            return False
        return True
"""


def test_flat_when_each_call_raises_in_turn():
    """An exception at call k, for every k: the operands below it on the stack are released, once."""
    scope = build(FAILING)
    assert scope["at"](0)
    calls = scope["COUNT"]
    assert calls > 40
    with enabled():
        for function in list(functions_of(scope)):
            compile_tree(function)
        function = None
        for k in range(1, calls + 1):
            assert not scope["at"](k)
        for k in range(1, calls + 1):
            gains = growth(lambda k=k: scope["at"](k), calls=10)
            assert gains[-1] <= 0, (k, gains)


def test_references_of_everything_around():
    """None, small ints, types, code, globals and builtins neither gain nor lose references."""
    import builtins

    scope = build(FAILING)
    with enabled():
        for function in list(functions_of(scope)):
            compile_tree(function)
        function = None
        watched = [
            scope["f"],
            scope["f"].__code__,
            scope["Odd"],
            scope,
            builtins.len,
            vars(builtins),
            ValueError,
        ]
        watched += [scope["tick"], scope["Odd"].__add__, type(scope["gen"](1))]
        for k in range(60):
            scope["at"](k)
        gc.collect()
        before = [sys.getrefcount(x) for x in watched]
        for _ in range(5):
            for k in range(60):
                scope["at"](k)
        gc.collect()
        after = [sys.getrefcount(x) for x in watched]
    assert after == before


def test_objects_known_to_the_collector_stay_as_many():
    scope = build(FAILING)
    with enabled():
        for function in list(functions_of(scope)):
            compile_tree(function)
        function = None
        counts = []
        for _ in range(6):
            for k in range(40):
                scope["at"](k)
            gc.collect()
            counts.append(len(gc.get_objects()))
    assert counts[-1] <= counts[1], counts
