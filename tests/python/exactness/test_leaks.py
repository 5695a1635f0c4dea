"""Compiled code keeps nothing: memory is flat over repeated calls, also when each call in it raises."""

import gc
import sys
import textwrap

import pytest
from support import compile_tree, enabled, functions_of, growth

import whipsnake
from whipsnake import _core


@pytest.fixture(autouse=True, scope="module")
def collections_of_little():
    """Garbage is collected all the time here; what there is already need not be looked at."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def nobody_keeps_what_is_unraisable(monkeypatch):
    """pytest would, with its traceback, until the test has ended."""
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: None)


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
    "stars": """
        def rest(a, *r): return r
        def named(a, **n): return n
        def both(*r, **n): return r, n
        def wrapper(*r, **n): return both(*r, **n)
        def only(*r, k=(), **n): return k, r, n
        def two(a, b=()): return [a, b]
        def pass_on(*r, **n): return two(*r, **n)
        def f():
            x, y = [1], {'z': [2]}
            return (rest(x), rest(x, x, 1), named(x), named(x, b=x, c=1), both(), both(x, z=x), wrapper(x, **y),
                    wrapper(**y), wrapper(*x), only(x, k=x), only(x, q=x, **y), pass_on(x), pass_on(x, b=x))
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


GUARDS_FAIL = {"slow_every": 1, "stress_seed": 1}


@pytest.mark.parametrize("options", [{}, GUARDS_FAIL], ids=["", "guards fail"])
@pytest.mark.parametrize("warm", [0, 8], ids=["cold", "warm"])
@pytest.mark.parametrize("name", BODIES)
def test_flat(name, warm, options):
    scope = build(BODIES[name])
    for _ in range(warm):
        scope["f"]()
    with enabled(**options):
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


# ---- helpers that fail

FAILING_HELPERS = {"fail_every": 2**31 - 1, "stress_seed": 0}
"""Any helper can be made to fail; none does by itself."""


def compile_all(scope):
    for function in list(functions_of(scope)):
        compile_tree(function)


def helper_calls(action):
    """How many helpers a call of *action* asks that could fail."""
    before = _core.fail_helper_in(0)
    action()
    return _core.fail_helper_in(0) - before


def failing_at(action, at):
    """Call *action* with helper number *at* raising MemoryError; True if that came out."""
    _core.fail_helper_in(at)
    try:
        action()
    except MemoryError:
        return True
    except Exception:  # what a handler or a destructor made of it
        pass
    finally:
        _core.fail_helper_in(0)
    return False


@pytest.mark.parametrize(
    "without", ["none", "calls,attributes,globals", "numbers,truth,containers,iteration"]
)
@pytest.mark.parametrize("name", BODIES)
@pytest.mark.filterwarnings("ignore")
def test_flat_when_each_helper_fails_in_turn(name, without):
    """What the helper would have consumed, what is below it and the frames around are given up, once."""
    scope = build(BODIES[name])
    action = scope["f"]
    for _ in range(8):
        action()
    with enabled(without=without, **FAILING_HELPERS):
        compile_all(scope)
        calls = helper_calls(action)
        assert calls >= 5
        failed = sum(failing_at(action, at) for at in range(1, calls + 1))
        assert failed > calls / 2, (failed, calls)

        def all_in_turn():
            for at in range(1, calls + 1):
                failing_at(action, at)

        if growth(all_in_turn, calls=2)[-1] > 0:
            turns = range(1, calls + 1)
            leaking = [at for at in turns if growth(lambda at=at: failing_at(action, at))[-1] > 0]
            assert not leaking
        # And the code is as good as before.
        assert helper_calls(action) <= calls
        gains = growth(action)
        assert gains[-1] <= 0, gains


OPERATIONS = {
    "BINARY_OP": "a + b; a - b; a * b; a / b; a // b; a % b; a ** 2; a << b; a >> b; a & b; a | b; a ^ b; a @ b",
    "inplace": "a += b; a -= b; a *= b; a |= b",
    "COMPARE_OP": "a < b; a == b; a != b; a >= b; a is b; a in b; a not in b",
    "UNARY": "-a; ~a; +a; not a",
    "BINARY_SUBSCR": "a[b]; a[0]; a[1:2]; a[b:]",
    "STORE_SUBSCR": "a[b] = b; a[0] = b; a[1:2] = b; del a[b]; del a[0]",
    "LOAD_ATTR": "a.x; a.method; a.method(b); a.missing; type(a).x",
    "STORE_ATTR": "a.x = b; a.y = a; del a.x; a.x = b",
    "CALL": "a(b); a(); a(b, b); len(a); isinstance(a, b); str(a); type(a); max(a, b); [].append(a); a.method(b, b)",
    "CALL_KW": "a(k=b); a(b, k=b, j=1); dict(a=a); a.method(k=b)",
    "CALL_FUNCTION_EX": "a(*b); a(*b, **{'k': a}); a(**b); a(b, *[b], k=1, **{})",
    "BUILD": "(a, b); [a, b]; {a, b}; {a: b}; [*a, b]; (*a, *b); {*a}; {**a}; {'x': a, 'y': b}; f'{a}{b!r:>4}'",
    "UNPACK": "x, y = a; x, *y = a; (x, y), z = a, b; [x] = a",
    "FOR_ITER": "[x for x in a]; {x: b for x in a}; {x for x in a}; sum(x for x in a); list(a)",
    "raise": "raise a; raise a from b; assert a, b; raise ValueError(a)",
    "with": "with a: b\nwith a as x, b as y: x",
    "try": "try: a + b\nexcept a: b\nfinally: b",
    "LOAD_FAST_CHECK": "with a: x = [b]\nx\nb = x",
    "names": "global gone; gone = a; gone; del gone; undefined",
    "import": "import a1; from os import path, nothing",
    "functions": "def g(x=a, *, k=b) -> a: return x, k\nclass C(a): x = b\n(lambda: a)()",
    "match": "match a:\n    case [x, y]: b\n    case {'k': x, **r}: b\n    case int(x) | str(x): b\n    case _: b",
}
"""Statements over two operands, by opcode; those of one line are cut at the semicolons."""

OPERANDS = """
    class Odd:
        x = [1]
        def __init__(self): self.y = [self]
        def method(self, *args, k=None): return [args, k]
        def __add__(self, other): return [other]
        __sub__ = __mul__ = __truediv__ = __lt__ = __matmul__ = __or__ = __iadd__ = __getitem__ = __add__
        def __call__(self, *args, **kwargs): return [args, kwargs]
        def __iter__(self): return iter([[1], [2]])
        def __enter__(self): return [self]
        def __exit__(self, *args): return True
        def __setitem__(self, key, value): pass
        def __bool__(self): return False
    class Hostile(Odd):
        def __getattribute__(self, name): raise KeyError([name])
        def __add__(self, other): raise KeyError([other])
        __sub__ = __mul__ = __lt__ = __eq__ = __getitem__ = __call__ = __iadd__ = __add__
        __hash__ = None
        def __iter__(self): raise KeyError([1])
        def __enter__(self): raise KeyError([2])
        def __setitem__(self, key, value): raise KeyError([key])
        def __bool__(self): raise KeyError([3])
    values = [lambda: 3, lambda: 2**70, lambda: 1.5, lambda: 'text', lambda: [[1], 2], lambda: {'k': [1]},
              lambda: (1000, [2]), Odd, Hostile, lambda: ValueError([1]), lambda: ValueError, lambda: None]
"""


def statements(text):
    return [text] if "\n" in text else [part.strip() for part in text.split(";")]


@pytest.mark.parametrize("opcode", OPERATIONS)
@pytest.mark.filterwarnings("ignore")
def test_every_opcode_is_flat(opcode):
    """Each statement with operands of every pair of kinds; most raise something."""
    scope = build(OPERANDS)
    texts = statements(OPERATIONS[opcode])
    declared = [texts.pop(0)] if texts[0].startswith("global") else []
    bodies = []
    for number, text in enumerate([*texts, "; ".join(texts)] if len(texts) > 1 else texts):
        body = textwrap.indent("\n".join([*declared, text]), "    ")
        exec(compile(f"def s{number}(a, b):\n{body}", "<check leaks>", "exec"), scope)
        bodies.append(scope[f"s{number}"])

    def all_pairs():
        for function in bodies:
            for left in scope["values"]:
                for right in scope["values"]:
                    try:
                        function(left(), right())
                    except Exception:
                        pass

    all_pairs()
    for options in ({}, GUARDS_FAIL):
        with enabled(**options):
            compile_all(scope)
            gains = growth(all_pairs, calls=3)
            assert gains[-1] <= 0, (gains, options)
    with enabled(**FAILING_HELPERS):
        compile_all(scope)

        def failing():
            for at in (1, 2, 3, 5, 8, 13, 90):
                _core.fail_helper_in(at)
                all_pairs()

        gains = growth(failing, calls=1, rounds=6)
        assert gains[-1] <= 0, gains


# ---- memory that is refused

# The interpreter gives a code object up twice when there is no memory for its function (3.13 Python/bytecodes.c,
# MAKE_FUNCTION, an ERROR_NO_POP behind a Py_DECREF), and crashes later. Bodies of classes are interpreted, so none here
# makes a function.
REFUSED = BODIES | {
    "definitions": BODIES["definitions"].replace("def m(self): return __class__, d", "m = inner")
}

INTERPRETER_LEAKS = {"attributes"}
"""Where the interpreter loses three blocks at some of its allocations, too."""


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore")
def test_flat_when_memory_is_refused(name):
    """Every allocation in turn fails, whoever asks: interpreter, machine code or helper."""
    testcapi = pytest.importorskip("_testcapi")
    scope = build(REFUSED[name])
    action = scope["f"]
    for _ in range(8):
        action()

    def refused(at):
        testcapi.set_nomemory(at, at + 1)
        try:
            action()
        except MemoryError:
            return True
        except Exception:  # what a handler or a destructor made of it
            return True
        finally:
            testcapi.remove_mem_hooks()
        return False

    with enabled():
        compile_all(scope)
        last = 0
        for at in range(200):
            gc.collect()  # so that free lists are empty, and each object needs memory
            if refused(at):
                last = at
        assert last > 2

        def all_in_turn():
            for at in range(last + 1):
                refused(at)

        for _ in range(150):  # until the pool of dead ints is full
            all_in_turn()
        gains = growth(all_in_turn, calls=2)
        assert gains[-1] <= 0 or name in INTERPRETER_LEAKS, gains
        # And the code is as good as before.
        gains = growth(action)
        assert gains[-1] <= 0, gains
