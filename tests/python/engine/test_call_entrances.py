# ruff: noqa: E501 (programs in strings)
"""Call sites cache nothing: whatever is called, from one site, is found by what it is at that moment."""

from __future__ import annotations

import gc
import types

import pytest
from support import ENGINE, enabled

import whipsnake
from whipsnake import _core

from .conftest import Script
from .twins import Twins

pytestmark = pytest.mark.usefixtures("compiling")

SITES = """
    def site0(f): return f()
    def site1(f, a): return 0, f(a), a
    def site2(f, a, b): return 0, f(a, b), b
    def site3(f, a, b, c): return f(a, b, c), c
    def site7(f, a): return f(a, 2, 3, 4, 5, 6, 7)
    def keyword(f, a, b): return f(a, b=b), a
    def keywords(f, a, b): return f(a=a, b=b)
    def star(f, args): return f(*args), args
    def both(f, args, names): return f(*args, **names), args
    def method(o, a, b): return o.m(a), o.m(a, b), o.m
"""
SITE_NAMES = "site0 site1 site2 site3 site7 keyword keywords star both method".split()

CALLEES = (
    SITES
    + """
    def none(): return "none"
    def one(a): return "one", a
    def two(a, b): return "two", a, b
    def default(a, b=[2]): return "default", a, b
    def defaults(a=1, b=2, c=3): return "defaults", a, b, c
    def many(a, b=2, c=3, d=4, e=5, f=6, g=7): return a, b, c, d, e, f, g
    def all_default(a=[1], b=[2], c=[3], d=[4], e=[5], f=[6], g=[7]): return a, b, c, d, e, f, g
    def only(a=0, /, b=1, *, k=2): return "only", a, b, k
    def needs(a, *, k): return "needs", a, k
    def stars(*args, **names): return "stars", args, names
    def rest(a, *args): return "rest", a, args
    def named(a, **names): return "named", a, names
    def locals_(a, b=1):
        c = a; d = b; e = (c, d); f = e; g = f; h = g; i = h; j = i; k = j; l = k
        return l, sorted(locals())
    def generator(a, b=1): yield a; yield b
    def raises(a, b=1): raise LookupError(a, b)
    def cell(a, b=1): return lambda: (a, b)
    def make(n):
        def inner(a, b=n): return "inner", a, b, n
        return inner
    class C:
        def __init__(self, a=1, b=2): self.a, self.b = a, b
        def m(self, a, b=3): return type(self).__name__, self.a, a, b
        def __call__(self, a, b=4): return "called", self.a, a, b
        @classmethod
        def c(cls, a, b=5): return cls.__name__, a, b
        @staticmethod
        def s(a, b=6): return "static", a, b
    class D(C):
        def m(self, a, b=7, c=8): return "D", super().m(a, b), c
    class E:
        def __init__(self, a): self.m = lambda b, c=a: ("own", a, b, c)
    class F:
        def __init__(self, *args): return args
    class G:
        def __new__(cls, a, b=9): return a, b
    class H: pass
    class I:
        m = len
    class J(type):
        def __call__(cls, a, b=1): return "meta", a, b
    class K(metaclass=J): pass
    o = C(5)
    o.__qualname__ = "o"  # for those who describe bound methods of it
    functions = [none, one, two, default, defaults, many, all_default, only, needs, stars, rest, named, locals_, raises,
                 o.m, D(6).m, C.m, C.c, C.s, D.c, o.c, o.s, *[make(n) for n in range(20)], *[make(n) for n in "abcd"]]
    others = [len, max, str, int, list, dict, type, print.__class__, o, C, D, F, G, H, K, [].append, str.upper, "ab".join,
              "ab".upper, None, 5, types.MethodType(len, [1]), types.MethodType(o, 3), types.MethodType(o.m, 4),
              types.MethodType(C, 3), types.MethodType(types.MethodType(two, 1), 2), types.MethodType(stars, 1)]
    owners = [o, D(1), E(2), C, I(), H(), None, D, C(3)]
    def result(r): return list(r) if isinstance(r, types.GeneratorType) else r() if hasattr(r, "__closure__") else r
"""
)
COMPILED = (
    "none one two default defaults many all_default only needs stars rest named locals_ generator raises cell "
    "functions[-1] C.__init__ C.m C.__call__ C.c C.s D.m"
).split()


def calls_of(callee: str, a: str = "'a'") -> list[str]:
    return [
        f"site0({callee})",
        f"site1({callee}, {a})",
        f"site2({callee}, {a}, 'b')",
        f"site3({callee}, {a}, 'b', 'c')",
        f"site7({callee}, {a})",
        f"keyword({callee}, {a}, 'b')",
        f"keywords({callee}, {a}, 'b')",
        f"star({callee}, ())",
        f"star({callee}, ({a}, 'b'))",
        f"both({callee}, ({a},), {{'b': 'b'}})",
        f"both({callee}, (), {{'a': {a}}})",
        f"both({callee}, ({a},), {{'a': 1}})",
        f"both({callee}, (), {{'k': {a}}})",
    ]


@pytest.mark.parametrize("warm", ["one", "defaults", "o.m", "C", "len", "stars"])
def test_one_site_many_callees(warm: str) -> None:
    twins = Twins(CALLEES)
    twins.warm(*calls_of(warm, "[1]"), "method(o, 1, 2)", times=20)
    twins.compile(*SITE_NAMES, *COMPILED)
    functions = [f"functions[{i}]" for i in range(len(twins.plain["functions"]))]
    others = [f"others[{i}]" for i in range(len(twins.plain["others"]))]
    assert len(functions) > 40
    mixed = [call for pair in zip(functions, (others * 2)[: len(functions)], strict=True) for call in pair]
    for callees in (functions, others, mixed, functions[::-1]):
        for calls in zip(*map(calls_of, callees), strict=True):
            twins.check(*calls)
    owners = [f"method(owners[{i}], [1], 'b')" for i in range(len(twins.plain["owners"]))]
    twins.check(*owners, *owners[::-1], *owners)
    for callee in ("generator", "cell"):
        twins.check(f"[*site1({callee}, 1)[1:2]]", f"result(site1({callee}, 1)[1])")
        twins.check(f"result(site2({callee}, 1, 2)[1])", f"site0({callee})", f"site7({callee}, 1)")
    assert twins.tiers(*SITE_NAMES, *COMPILED) == {ENGINE}


def test_machine_code_is_entered_without_c() -> None:
    """The callees in between are not entered from outside, whatever shape they have."""
    twins = Twins("""
        functions = []
        for n in range(50):
            parameters = ", ".join(f"p{i}={i}" for i in range(n % 8))
            exec(f"def g({parameters}): return {n}, sorted(locals().items())" if n % 7 == 3 else
                 f"def g({parameters}): x = {n}; return x", globals())
            functions.append(g)
        def f():
            total = []
            for g in functions: total.append(g())
            return total
        class C:
            def m(self, a=1): return a
        bound = [C().m, C().m]
        def methods():
            total = 0
            for m in bound: total += m() + m(2)
            return total
    """)
    with enabled(entry="vectorcall"):
        twins.warm("f()", "methods()", times=10)
        twins.compile("f", "methods", "C.m", *(f"functions[{n}]" for n in range(50)))
        for call in ("f()", "methods()"):
            before = _core.stats()["entries"]
            eval(call, twins.jit)
            assert _core.stats()["entries"] == before + 1
            twins.check(call)


def test_references_are_given_back() -> None:
    twins = Twins(CALLEES)
    twins.warm(*calls_of("default"), "method(o, 1, 2)", times=20)
    twins.compile(*SITE_NAMES, *COMPILED)
    import sys

    class Token:
        pass

    token = Token()
    names = [*(f"functions[{i}]" for i in range(38)), *(f"others[{i}]" for i in range(27))]
    twins.jit["token"] = token
    code = [compile(c, "<call>", "eval") for name in names for c in calls_of(name, "token")]

    def round_() -> None:
        for call in code:
            try:
                eval(call, twins.jit)
            except Exception:
                pass

    round_()
    gc.collect()
    del twins.jit["others"][15]  # a list's append, which keeps what it gets
    round_()
    gc.collect()
    before = sys.getrefcount(token)
    functions = [sys.getrefcount(f) for f in twins.jit["functions"]]
    round_()
    gc.collect()
    assert sys.getrefcount(token) == before
    assert [sys.getrefcount(f) for f in twins.jit["functions"]] == functions


@pytest.mark.filterwarnings("ignore:Assigning a code object of non-matching type")
def test_code_is_replaced() -> None:
    twins = Twins("""
        def f(a, b=1): return "f", a, b
        def g(a, b=2, c=3): x = a; return "g", x, b, c
        def h(*args): return "h", args
        def i(a, *, k=5): return "i", a, k
        def j(a, b): return "j", [a for a in (a, b)]
        def generator(a, b=1): yield a, b
        def one(x): return 0, f(x)
        def two(x): return 0, f(x, 2), x
        codes = [f.__code__, g.__code__, h.__code__, i.__code__, j.__code__, generator.__code__, f.__code__]
        def change(n): f.__code__ = codes[n]
        def during(n):
            x = n
            f.__code__ = codes[n]
            return x
        def caller(n):
            r = [f(1), during(n), f(2)]
            return [list(x) if isinstance(x, types.GeneratorType) else x for x in r]
        def in_argument(n): return f(during(n))
    """)
    twins.hot(
        "one(1)",
        "two(1)",
        "caller(0)",
        "in_argument(0)",
        names=("one", "two", "caller", "in_argument", "during"),
    )
    for function in ("f", "g", "h", "i", "j", "generator"):
        twins.compile(function)
    for n in (0, 1, 2, 3, 4, 6, 1, 4, 0, 2, 6):
        twins.check(f"change({n})", "one(1)", "two(1)", "one(2)", "two([])")
        twins.check(f"caller({(n + 1) % 6})", f"in_argument({n % 5})", "one(1)")
    assert twins.tiers("one", "two", "caller") == {ENGINE}


def test_defaults_are_replaced() -> None:
    twins = Twins("""
        def f(a, b=1, c=2): return a, b, c
        def n(): return "n"
        class C:
            def m(self, a, b=[1]): return a, b
            def __init__(self, a=1, b=2): self.a, self.b = a, b
        def site():
            return f(1), f(1, 5)
        def short(): return f(1, 5)
        def none(): return f(), n()
        def method(m=C().m): return m(1), C().m(1)
        def make(): return C(), C(5)
        values = [(1, 2), (7,), None, (1, 2, 3), (9, 9, 9, 9), (9, 9, 9, 9, 9), (), ("b", "c"), (1, [2])]
        def change(i): f.__defaults__ = C.m.__defaults__ = C.__init__.__defaults__ = n.__defaults__ = values[i]
        class Change:
            def __init__(self, to): self.to = to
            def __del__(self): f.__defaults__ = self.to
        def in_argument(to): return f([change(to)])
        def let_go(to): return f(Change(values[to]).to), f(1)
    """)
    calls = ("site()", "short()", "none()", "method()", "make()", "in_argument(0)", "let_go(0)")
    twins.hot(*calls, names=("f", "n", "C.m", "C.__init__", "site", "short", "none", "method", "make"))
    twins.compile("in_argument", "let_go")
    for i in (0, 1, 2, 3, 4, 5, 6, 7, 8, 2, 8, 1, 0):
        twins.check(
            f"change({i})", *calls[:-2], f"in_argument({(i + 1) % 9})", "site()", f"let_go({i})", *calls[:-2]
        )
    assert twins.tiers("f", "site", "short", "method", "make") == {ENGINE}
    twins.check("f.__defaults__ is not None and f.__defaults__ == values[0]")


def test_same_code_other_globals() -> None:
    twins = Twins("""
        value = "ours"
        def f(a=1): return value, len("abc"), a
        others = [types.FunctionType(f.__code__, {"value": n, "__builtins__": __builtins__}, "f", (n,)) for n in range(6)]
        others += [types.FunctionType(f.__code__, {"value": "b", "__builtins__": {"len": lambda x: "theirs"}})]
        others += [types.FunctionType(f.__code__, {})]
        def site(g): return g(), g(5), g
        def general(g): return g(*()), g(a=3)
        def change(n):
            global value
            value = n
    """)
    twins.hot("site(f)", "general(f)", names=("site", "general", "f"))
    for n in range(3):
        for i in range(8):
            twins.check("site(f)", f"site(others[{i}])", f"general(others[{i}])", "site(f)", f"change({n})")
    twins.warm(*(f"site(others[{i}])" for i in range(8)), "general(f)", times=50)
    assert twins.tiers("f", "site") == {ENGINE}
    assert twins.tiers(*(f"others[{i}]" for i in range(7))) == {"interpreter"}


def test_callee_is_marked_and_compiled_anew() -> None:
    twins = Twins("""
        def f(a, b=1): return "f", a, b
        def site(a): return 0, f(a), f(a, 2), a
        def during(a, g): return f(a), g(), f(a)
    """)
    twins.hot("site(1)", "during(1, dict)", names=("site", "during", "f"))
    f = twins.jit["f"]
    for _ in range(6):
        whipsnake.nojit(f)
        assert whipsnake.tier(f) == "disabled" and not whipsnake.compile(f)
        twins.check("site(1)", "during(1, dict)")
        whipsnake.jit(f)
        twins.check("site(1)", "during(1, dict)")
        assert twins.tiers("f", "site", "during") == {ENGINE}
    seen = [
        twins.jit["during"](1, lambda: whipsnake.nojit(f) and None),
        twins.jit["during"](1, lambda: whipsnake.jit(f) and None),
    ]
    assert seen == [(("f", 1, 1), None, ("f", 1, 1))] * 2
    assert whipsnake.tier(f) == ENGINE


def test_function_retires_itself() -> None:
    twins = Twins("""
        retire = dict
        def f(n):
            if n == 0: return 0
            x = [n]
            if n == 5: retire()
            return x[0] + f(n - 1)
        def site(n): return f(n), f(n)
    """)
    twins.hot("site(10)", names=("site", "f"))
    f = twins.jit["f"]
    for again in (whipsnake.jit, lambda g: (whipsnake.jit(g), whipsnake.compile(g))):
        twins.jit["retire"] = lambda again=again: (whipsnake.nojit(f), again(f))
        twins.check("site(10)", "site(10)")
        assert twins.tiers("f", "site") == {ENGINE}
    twins.jit["retire"] = lambda: whipsnake.nojit(f)
    twins.check("site(10)", "site(10)")
    assert whipsnake.tier(f) == "disabled"


def test_callee_is_compiled_again_because_of_its_exits() -> None:
    twins = Twins("""
        def f(x, more=1):
            if x < 0: return "negative", more
            return x
        def site(x): return f(x), f(x, 2)
    """)
    twins.hot("site(1)", names=("site", "f"))
    compiled = whipsnake.stats()["functions_compiled"]
    twins.warm("site(-1)", "site(1)", times=700)
    assert whipsnake.stats()["functions_compiled"] == compiled + 1
    assert twins.tiers("site", "f") == {ENGINE}


@pytest.mark.parametrize(
    "parameters, arguments",
    [
        ("x", "x"),
        ("x, more=1", "x, more=2"),
        ("x, *, more=1", "x, more=2"),
        ("x, *more", "x, 2"),
        ("x, **more", "x"),
    ],
)
def test_callee_that_is_compiled_again_is_entered_without_c(parameters: str, arguments: str) -> None:
    """A function keeps the entrance of its old machine code until it is called."""
    twins = Twins(f"""
        def f({parameters}):
            if x < 0: return "negative"
            return x
        def site(x): return f({arguments}), f(x)
    """)
    with enabled(entry="vectorcall"):
        twins.warm("site(1)", times=10)
        twins.compile("site", "f")
        compiled = whipsnake.stats()["functions_compiled"]
        twins.warm("site(-1)", "site(1)", times=700)
        assert whipsnake.stats()["functions_compiled"] == compiled + 1
        before = _core.stats()["entries"]
        twins.jit["site"](1)
        assert _core.stats()["entries"] == before + 1
        twins.check("site(1)", "site(-1)")


def test_off_and_on_again_with_callers_alive(script: Script) -> None:
    script("""
        def f(a, b=1): return a + b
        def site(a, g=int): return f(a), g(), f(a, 2)
        class C:
            def m(self, a=1): return f(a)
        bound = C().m
        def caller(g=int): return bound(), g(), bound(5)
        def generator():
            while True: yield f(1), (yield f(2, 3))
        for turn in range(4):
            whipsnake.enable(threshold=20)
            calls(site, 50, 1), calls(caller, 50)
            assert {whipsnake.tier(g) for g in (f, site, C.m, caller)} == {"baseline"}
            assert site(1) == (2, 0, 3) and caller() == (2, 0, 6)
            values = generator()
            next(values), values.send(None)
            assert site(1, whipsnake.disable) == (2, None, 3)
            assert site(1) == (2, 0, 3) and caller() == (2, 0, 6) and values.send(7) == 5
            assert vectorcall(f) == vectorcall(site) == PLAIN
            def again(): whipsnake.disable(); whipsnake.enable(threshold=20)
            assert site(1, again) == (2, None, 3) and caller(again) == (2, None, 6)
            assert site(1) == (2, 0, 3) and values.send(8) == (2, 8) and next(values) == 5
            whipsnake.disable()
            f.__defaults__ = (turn + 2,)
            assert site(1) == (turn + 3, 0, 3)
            f.__defaults__ = (1,)
    """)


RECURSION = """
    mode = sys.argv[1]
    if mode != "plain":
        whipsnake.enable(threshold=10, loops=False)
    def exact(n): return 1 + exact(n + 1)
    @whipsnake.jit
    def defaults(n, a=1, b=2): return defaults(n + 1) + a + b
    @whipsnake.jit
    def some(n, a=1, b=2): return some(n + 1, 5) + a + b
    def keyword(n, *, k=1): return keyword(n + 1, k=2) + k
    def star(*args): return star(*args) + 1
    def names(**names): return names_(**names)
    def names_(**more): return names(**more)
    def through(n, a=1): return other(n, 2)
    def other(n, b): return through(n, b)
    class C:
        def m(self, n): return self.m(n + 1)
        def bound(self, n): f = self.bound; return f(n + 1), f
        def __call__(self, n=1): return self(n)
        def __getattr__(self, name): return self.nothing
        def __add__(self, other): return self + other
        def __len__(self): return len(self)
    made = C.__new__(C)
    def generator(n): yield from generator(n + 1)
    def loop(n):
        for i in range(2): loop(n + 1)
    FUNCTIONS = [lambda: exact(1), lambda: keyword(1), lambda: star(1),
                 lambda: names(a=1), lambda: through(1), lambda: made.m(1), lambda: made.bound(1), lambda: made(),
                 lambda: made + 1, lambda: len(made), lambda: next(generator(1)),
                 lambda: loop(1), lambda: made.nothing]
    def depth(f):
        try: f()
        except RecursionError as e:
            entry, n, lines = e.__traceback__, 0, set()
            while entry:
                n += 1; lines.add(entry.tb_lineno); entry = entry.tb_next
            return n, sorted(lines), str(e)
    for limit in (150, 1000, 333):
        sys.setrecursionlimit(limit)
        for turn in range(15):
            seen = [depth(f) for f in FUNCTIONS]
        print(limit, *seen, sep="\\n")
    if mode != "plain":  # with CALL_PY_GENERAL, 3.13.0 recurses until memory is full
        assert depth(lambda: defaults(1))[0] == depth(lambda: some(1))[0] == depth(lambda: exact(1))[0] == 333 - 1
        assert {whipsnake.tier(f) for f in (exact, defaults, some, keyword, star, C.m, C.bound)} == {"baseline"}
"""


def test_recursion_ends_at_the_same_depth(script: Script) -> None:
    expected = script(RECURSION, "plain")
    assert expected.count("maximum recursion depth exceeded") == 3 * 13
    assert script(RECURSION, "jit").splitlines() == expected.splitlines()


def test_constructors_recurse_as_deep_as_in_the_interpreter(script: Script) -> None:
    """Which takes two units of the limit for each: one for a frame of its own below ``__init__``."""
    program = """
        if sys.argv[1] != "plain":
            whipsnake.enable(threshold=10, loops=False)
        class C:
            def __init__(self, n=0):
                global deepest
                deepest = n
                C(n + 1)
        sys.setrecursionlimit(300)
        for turn in range(30):
            try: C()
            except RecursionError: pass
        print(deepest)
    """
    assert script(program, "jit") == script(program, "plain")


def test_destructors_of_what_a_call_gives_up() -> None:
    """Arguments and callables that die with the call, at the line and in the order of the interpreter."""
    twins = Twins("""
        class Gone:
            def __init__(self, n): self.n = n
            def __del__(self): log.append((self.n, sys._getframe(1).f_code.co_name, sys._getframe(1).f_lineno))
            def m(self, a, b=1): return b
            def __call__(self, a): return a.n
        def one(a, b=1):
            a = None
            return b
        def two(a, b=1): return b
        def make(n):
            g = Gone(n)
            return lambda x, y=1: (g.n, y)
        def f():
            return [
                one(Gone(1)),
                two(Gone(2), Gone(3)).n,
                Gone(4).m(Gone(5)),
                Gone(6)(
                    Gone(7)),
                make(8)(Gone(9)),
                types.MethodType(two, Gone(10))(),
                (lambda a, b=Gone(11): 1)(Gone(12)),
                two(
                    Gone(13),
                    two(Gone(14))),
            ]
        def wrong(n):
            try:
                if n == 0: return two(Gone(1), Gone(2), Gone(3))
                if n == 1: return Gone(4).m()
                if n == 2: return make(5)()
                return Gone(6)(
                    Gone(7), Gone(8))
            except TypeError as e:
                return str(e), e.__traceback__.tb_lineno
    """)
    twins.warm("f()", "wrong(0)", "wrong(1)", "wrong(2)", "wrong(3)", times=20)
    twins.compile(
        "f", "wrong", "one", "two", "make", "Gone.m", "Gone.__call__", "Gone.__init__", "Gone.__del__"
    )
    twins.check("f()", "wrong(0)", "wrong(1)", "wrong(2)", "wrong(3)", "f()")
    assert isinstance(twins.jit["f"], types.FunctionType) and twins.tiers("f", "wrong") == {ENGINE}


def test_an_instance_is_its_class_call_s_result_whoever_runs_init(script: Script) -> None:
    """Its slot on the caller's stack is not: machine code that is entered anew takes the arguments from there."""
    script("""
        class P:
            def __init__(self, a):
                self.a = a
                if a < 0:
                    self.b = a
        def make(a): return P(a)
        for i in range(200): make(i)
        whipsnake.enable(threshold=20)
        for i in range(100): make(i)
        assert whipsnake.tier(make) == whipsnake.tier(P.__init__) == "baseline"
        for turn in range(3):
            # Left so often that it is compiled again, while the caller knows its old code.
            compiled = whipsnake.stats()["functions_compiled"]
            for i in range(1, 3000): assert make(-i).b == -i
            whipsnake.nojit(P.__init__), whipsnake.jit(P.__init__)
            assert type(make(turn)) is P and make(turn).a == turn
            assert whipsnake.stats()["functions_compiled"] > compiled
    """)
