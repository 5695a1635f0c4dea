"""Makes a random program from a seed: ``generate(seed)`` is the same text each time."""

from __future__ import annotations

import warnings
from random import Random

from tests.fuzz.expressions import Scope
from tests.fuzz.statements import GLOBALS, Statements, indent

PRELUDE = """
import sys, math
from math import inf, nan
class E0(Exception):
    pass
class E1(E0):
    def __init__(self, *args):
        super().__init__(*args)
        self.extra = len(args)
class Num(int):
    def __add__(self, other):
        return Num(int(self) + 1) if isinstance(other, Num) else NotImplemented
    def __repr__(self):
        return f'Num({int(self)})'
class Items:
    def __init__(self, count):
        self.count = count
    def __iter__(self):
        return self
    def __next__(self):
        if self.count <= 0:
            raise StopIteration
        self.count -= 1
        return self.count
class Seq:
    def __len__(self):
        return 3
    def __getitem__(self, index):
        if index > 2:
            raise IndexError(index)
        return index * 2
def inner_generator(n):
    try:
        got = yield n
        yield got
    finally:
        log('inner ends')
    return n
async def inner_coroutine(n):
    got = await pause(n)
    return n, got
async def async_numbers(n):
    for i in range(n):
        await pause(i)
        yield i
"""

CLASS_FORMS = {
    "plain": ["    count = 0", "    def __init__(self, a=1, b=2.5):", "        self.a = a", "        self.b = b"],
    "slots": ["    __slots__ = ('a', 'b', 'c')", "    count = 0", "    def __init__(self, a=1, b='s'):",
              "        self.a = a", "        self.b = b"],
    "early": ["    count = 0", "    a = 5", "    b = 2.5", "    def __init__(self, *args):", "        self.c = args"],
}  # fmt: skip

OPTIONAL = [
    ["@property", "def p(self):", "    return self.a", "@p.setter", "def p(self, value):", "    self.b = value"],
    ["def __getattr__(self, name):", "    if name == 'q':", "        return 11", "    raise AttributeError(name)"],
    ["def __setattr__(self, name, value):", "    object.__setattr__(self, name, value)"],
    ["def __eq__(self, other):", "    return getattr(other, 'a', None) == self.a", "__hash__ = None"],
    ["def __add__(self, other):", "    return (self.a, other)", "def __radd__(self, other):",
    "    return (other, 'r')"],
    ["def __iadd__(self, other):", "    self.b = other", "    return self"],
    ["def __bool__(self):", "    return bool(self.a)"],
    ["def __len__(self):", "    return 2"],
    ["def __getitem__(self, key):", "    return key, self.b", "def __setitem__(self, key, value):",
    "    self.b = value"],
    ["def __iter__(self):", "    yield self.a", "    yield 'second'"],
    ["def __contains__(self, item):", "    return item == self.a"],
    ["def __call__(self, *args):", "    return len(args), self.a"],
    ["def __lt__(self, other):", "    return self.a < other", "def __mul__(self, other):", "    return 'mul'"],
    ["@classmethod", "def m2(cls, x=1):", "    return cls.__name__, x"],
    ["@staticmethod", "def m2(x=2):", "    return x, 'static'"],
    ["def __getattribute__(self, name):", "    return object.__getattribute__(self, name)"],
    ["def __delattr__(self, name):", "    log('delattr', name)", "    object.__delattr__(self, name)"],
    ["def __index__(self):", "    return 1", "def __neg__(self):", "    return 'neg'"],
    ["q = Descriptor()"], ["c = Descriptor(3)"], ["__match_args__ = ('a', 'b')"], ["def __format__(self, spec):",
    "    return spec"],
]  # fmt: skip

DESCRIPTOR = """
class Descriptor:
    def __init__(self, value=1):
        self.value = value
    def __get__(self, obj, cls=None):
        return (self.value, obj is None)
"""
DATA_DESCRIPTOR = """    def __set__(self, obj, value):
        self.value = value
"""


class Program(Statements):
    """A program in the making."""

    def __init__(self, seed: str) -> None:
        super().__init__(Random(seed))
        self.numeric = self.chance(0.4)
        self.wild = self.rng.choice([0.02, 0.05, 0.1, 0.1, 0.3])
        self.lines = PRELUDE.strip().split("\n")
        self.drives: list[str] = []

    def text(self) -> str:
        """The whole program."""
        self.lines += (DESCRIPTOR + (DATA_DESCRIPTOR if self.chance(0.4) else "")).strip().split("\n")
        self.classes()
        self.make_globals()
        for level in range(1, 5):
            for _ in range(self.rng.randint(1, 2)):
                self.function_definition(level)
        while len(self.functions) < 2:
            self.function_definition(1)
        if self.chance(0.7):
            self.generator_definition("generator")
        if self.chance(0.4):
            self.generator_definition("coroutine")
        if self.chance(0.3):
            self.generator_definition("async generator")
        if self.chance(0.25):
            self.recursion()
        if self.chance(0.3):
            module = Scope(["g0", "g1", "gt"], 3, "module")
            module.loops = 1
            self.drives += [
                "try:",
                *indent(self.block(module, 2)),
                "except Exception as error:",
                "    log(error)",
            ]
        self.drive()
        return "\n".join(self.lines) + "\n"

    def classes(self) -> None:
        """C0 to C3, the later ones derived or not."""
        names = ["C0", "C1", "C2", "C3"]
        for i, name in enumerate(names):
            base = self.pick([*names[:i], "object"]) if i else "object"
            form = self.pick(["plain", "plain", "slots", "early"])
            self.lines += [
                f"class {name}({base}):" if base != "object" else f"class {name}:",
                *CLASS_FORMS[form],
            ]
            for part in self.rng.sample(OPTIONAL, self.rng.choice([0, 1, 2, 4])):
                self.lines += indent(part)
            for method in ["m0", "m1"]:
                if base == "object" or self.chance(0.4):
                    self.method(method, base)
            self.lines += ["    def __repr__(self):", f"        return '{name}!'"]

    def method(self, name: str, base: str) -> None:
        scope = Scope(["self.a", "x", "self.b", "x"], 1, "function")
        scope.methods = ["m0"] if name == "m1" and base == "object" and self.chance(0.5) else []
        scope.loops = 1
        if base != "object" and self.chance(0.5):
            body = [f"return super().{name}(x), {self.leaf(scope)}"]
        else:
            body = [*self.block(scope, 1, 0, 2), f"return {self.expression(scope, 2)}"]
        self.lines += [f"    def {name}(self, x=0):", *indent(indent(body))]

    def make_globals(self) -> None:
        for name in GLOBALS:
            self.lines.append(f"{name} = {self.literal()}")
        self.lines += ["gl = [1, 2.5, 'x', None]", "gd = {'a': 1, 'b': 2}", f"gt = (1, 2, {self.literal()})"]
        for i in range(3):
            self.lines.append(f"o{i} = {self.pick(['C0', 'C1', 'C2', 'C3'])}({self.pick(['', '1', '1, 2'])})")

    def parameters(self) -> tuple[str, list[str], list[str]]:
        """Text, kinds and names of a random signature."""
        kinds: list[str] = []
        if self.chance(0.15):
            kinds += ["positional"]
        kinds += ["plain"] * self.rng.randint(0, 3) + ["default"] * self.rng.choice([0, 0, 1, 2])
        star = self.chance(0.2)
        if star:
            kinds.append("star")
        keywords = self.rng.choice([0, 0, 0, 1, 2])
        kinds += [self.pick(["keyword", "keyword default"]) for _ in range(keywords)]
        if self.chance(0.15):
            kinds.append("star star")
        parts, names = [], []
        scope = Scope(["g0", "g1"], 0)
        for i, kind in enumerate(kinds):
            name = {"star": f"r{i}", "star star": f"kw{i}"}.get(
                kind, f"k{i}" if "keyword" in kind else f"p{i}"
            )
            names.append(name)
            if "keyword" in kind and not star and "*" not in parts:
                parts.append("*")
            prefix = {"star": "*", "star star": "**"}.get(kind, "")
            default = f"={self.leaf(scope)}" if "default" in kind else ""
            parts.append(prefix + name + default)
            if kind == "positional":
                parts.append("/")
        return ", ".join(parts), kinds, names

    def function_definition(self, level: int) -> None:
        number = len(self.functions)
        text, kinds, names = self.parameters()
        for name in [f"f{number}", *([f"f{number}_other"] if self.chance(0.3) else [])]:
            scope = Scope([*names, *names, "g0", "g1"], level, "function")
            body = [self.pick(["global g2", "pass"])] if self.chance(0.2) else []
            if self.chance(0.85):
                body += self.initial(scope)
            body += self.block(scope, 3, 2, 5)
            if self.chance(0.85):
                body.append(f"return {self.expression(scope, 3)}")
            self.lines += [f"def {name}({text}):", *indent(body)]
        self.functions.append((f"f{number}", level, kinds))

    def initial(self, scope: Scope) -> list[str]:
        """Local variables get values."""
        names = [f"v{i}" for i in range(6)]
        scope.names += names[:3]
        return [
            f"{name} = {self.leaf(Scope(['p0', 'g0'], 0)) if 'p0' in scope.names else self.literal()}"
            for name in names
        ]

    def generator_definition(self, kind: str) -> None:
        name = {"generator": "gen", "coroutine": "coro", "async generator": "agen"}[kind]
        scope = Scope(["p0", "p1", "g0"], 2, kind)
        body = self.initial(scope) + self.block(scope, 3, 3, 5)
        keyword = "def" if kind == "generator" else "async def"
        ending = {
            "generator": ["yield 'last'", f"return {self.leaf(scope)}"],
            "coroutine": [f"return {self.leaf(scope)}"],
        }
        body += ending.get(kind, ["yield 'last'"])
        self.lines += [f"{keyword} {name}(p0, p1=2):", *indent(body)]
        given = f"{self.literal()}, {self.literal()}"
        times = self.rng.choice([1, 3, 5, 25])
        if kind == "generator":
            sent = self.pick(
                ["", "1, 2", "ValueError(3), 4", "1, 'close', 2", "None, None, None, E0('thrown')"]
            )
            forms = [
                f"steps({name}({given}), {sent})",
                f"call(list, {name}({given}))",
                f"call(sum, {name}({given}))",
            ]
            forms += [f"call(lambda: [x for x in {name}({given})])", f"call(lambda: [*{name}({given})])"]
        elif kind == "coroutine":
            sent = self.pick(["1, 2, 3", "ValueError(3), 4", "1, 'close'", "None, E0('thrown')"])
            forms = [f"call(drive, {name}({given}))", f"steps({name}({given}), {sent})"]
        else:
            self.lines += [
                "async def consume(a):",
                "    found = []",
                "    async for x in a:",
                "        found.append(x)",
            ]
            self.lines += ["        if len(found) > 20:", "            break", "    return found"]
            forms = [f"call(drive, consume({name}({given})))", f"call(drive, {name}({given}).asend(None))"]
        for _ in range(self.rng.randint(1, 2)):
            self.drives += [f"for _ in range({times}):", f"    {self.pick(forms)}"]

    def recursion(self) -> None:
        """Deep, but ended by its argument, or by the limit."""
        scope = Scope(["n", "p"], 1, "function")
        scope.loops = 1
        body = ["if n <= 0:", f"    return {self.leaf(scope)}", *self.block(scope, 1, 1, 2)]
        forms = ["return deep(n - 1, p)", "return (deep(n - 1, p), 1)[0]", "p = deep(n - 1, p)\n    return p"]
        forms += [
            "return [deep(n - 1, p) for _ in (1,)][0]",
            "return deep(n=n - 1, p=p)",
            "return deep(*(n - 1, p))",
        ]
        self.lines += [
            "def deep(n, p):",
            *indent(body),
            *indent(self.pick(forms).replace("\n    ", "\n").split("\n")),
        ]
        depth = self.rng.choice([5, 50, 200, 200])
        self.drives += [
            f"for _ in range({self.rng.choice([2, 5])}):",
            f"    call(deep, {depth}, {self.literal()})",
        ]

    def drive(self) -> None:
        """Calls the functions, again and again, and changes what they rely on."""
        rounds = self.rng.randint(4, 9)
        calls = self.drives
        self.drives = []
        for _ in range(rounds):
            if calls and self.chance(0.4):
                self.lines += calls
            name, level, kinds = self.rng.choice(self.functions)
            scope = Scope(["g0", "o0", "o1"] if self.chance(self.wild) else [], 0)
            times = self.rng.choice([1, 2, 4, 6, 24 if level < 3 else 4])
            given = self.arguments(scope, kinds, 2)
            self.lines += [f"for _ in range({times}):", f"    call(lambda: {name}({given}))"]
            if self.chance(0.3):
                self.lines += [
                    f"for arg in [1, 2**40, 1.5, 'a', None, True, Num(2)][:{self.rng.randint(2, 7)}]:"
                ]
                self.lines += [
                    f"    call({name}, {', '.join('arg' for kind in kinds if kind in ('plain', 'positional'))})"
                ]
            if self.chance(0.5):
                self.lines += self.change(name)
            if self.chance(0.25):
                self.lines += self.watched(name, given)
        self.lines += calls
        self.lines += [
            "log([sys.getrefcount(x) for x in (gl, gd, o0, o1, o2, gt, None, True, C0, E0)])",
            "log(g2, gl, gd, o0, o1, o2)",
        ]

    def change(self, name: str) -> list[str]:
        """A change of something that compiled code may rely on."""
        one, other = self.rng.sample(["C0", "C1", "C2", "C3"], 2)
        forms = [
            f"{one}.a = {self.literal()}", f"{one}.m0 = lambda self, x=0: ('changed', x)", f"{one}.m1 = {other}.m1",
            f"{one}.__getattr__ = lambda self, name: name", f"{one}.p = property(lambda self: 'new')",
            f"{one}.m0 = staticmethod(lambda x=1: x)", f"o0 = {one}()", f"o1 = {self.literal()}",
            f"g0 = {self.literal()}", f"g1 = {self.literal()}", "del g0", "g0 = 1",
            "import builtins\nbuiltins.len = lambda x: 99",
            "import builtins\ndel builtins.len", "len = lambda x: 'mine'", "del len", "abs = min",
            "range = lambda n: [n, n]",
            f"{name}.__defaults__ = (1, 2, 3)", f"{name}.__defaults__ = None", f"{name}.__kwdefaults__ = None",
            f"{name}.__code__ = {name}_other.__code__", f"{name} = {name}_other", f"{one}.__bases__ = ({other},)",
            f"o0.__class__ = {one}", f"{one}.__add__ = lambda self, other: 'added'", f"del {one}.m0",
            "o0.m0 = lambda x=0: 'own'",
            "o1.__dict__ = {'a': 1}", "o0.__dict__['p'] = 3", f"{one}.count = Descriptor()", f"{one}.__slots__ = ()",
            f"{one}.__init__ = lambda self, *a: None", f"{name}.__code__ = {name}.__code__.replace(co_name='renamed')",
            "Num.__add__ = int.__add__", "Num.__lt__ = lambda self, other: 'lt'", f"gl = {self.literal()}",
            "Items.__next__ = lambda self: next(iter(()))",
            "setattr(Seq, '__iter__', lambda self: iter('seq'))", "isinstance = lambda *a: False",
            "Descriptor.__get__ = lambda *a: 4",
            "Descriptor.__set__ = lambda *a: None", f"{one}.__eq__ = lambda *a: 'eq'",
            f"{one}.__bool__ = lambda *a: False",
            "sys.setswitchinterval(1e-5)", "collect()", "sys.setrecursionlimit(400)", f"o2 = object.__new__({one})",
        ]  # fmt: skip
        return ["try:", *indent(self.pick(forms).split("\n")), "except Exception as error:", "    log(error)"]

    def watched(self, name: str, given: str) -> list[str]:
        """A call with a tool switched on before it, and off after it."""
        names = "PY_START PY_RESUME PY_RETURN PY_YIELD CALL LINE JUMP BRANCH RAISE EXCEPTION_HANDLED PY_UNWIND C_RETURN"
        events = self.rng.sample(names.split(), 3)
        if "C_RETURN" in events:
            events += ["CALL"] if "CALL" not in events else []
            events.remove("C_RETURN")
        listed = ", ".join(map(repr, events))
        on, off = self.rng.choice(
            [("trace()", "untrace()"), ("profile()", "unprofile()"), (f"monitor({listed})", "unmonitor()"),
             (f"monitor('LINE', code=getattr({name}, '__code__', log.__code__))", "unmonitor()")]
        )  # fmt: skip
        return [on, f"call(lambda: {name}({given}))", off]


def generate(seed: int) -> str:
    """The program of a seed."""
    for attempt in range(100):
        text = Program(f"{seed}/{attempt}").text()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compile(text, "<fuzz>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError):
            continue
        return text
    raise AssertionError(f"no program for seed {seed}")
