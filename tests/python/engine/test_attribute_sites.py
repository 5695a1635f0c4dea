# ruff: noqa: E501 (programs in strings)
"""One attribute site that sees everything in turn: whatever serves it next must be right for what comes."""

from __future__ import annotations

import random

import pytest
from support import ENGINE

from whipsnake import _core

from .twins import Twins

pytestmark = pytest.mark.usefixtures("compiling")

SITES = """
    def load(o): return 0, o.x, o
    def twice(o): return o.x, o.x
    def call(o): return 0, o.x(1), 2
    def stored(o):
        m = o.x
        return m(2), m
    def temporary(make): return 0, make().x, 1
    def temporary_call(make): return 0, make().x(3), 1
    def store(o, v):
        o.x = v
        return seen(o)
    def store_new(make, v):
        make().x = [v]
        return v
    def add(o, v):
        o.x += v
        return seen(o)
    def delete(o):
        del o.x
        return seen(o)
    def many(objects):
        values = []
        for o in objects:
            try:
                values.append(o.x)
            except AttributeError as e:
                values.append((str(e), e.name, e.obj is o))
        return values
    def absent(o): return getattr(o, "x", "absent")
    def seen(o):
        return [absent(o), list(o.__dict__) if type(type(o)) is type and hasattr(o, "__dict__") else None]
"""
SITE_NAMES = "load twice call stored temporary temporary_call store store_new add delete many".split()

OWNERS = (
    SITES
    + """
    def function(*args): return "function", args[-1]
    class Inline:
        def __init__(self, x=function): self.a = 1; self.x = x
    class Late:
        def __init__(self): self.a = 1
    class Slots:
        __slots__ = ("y", "x")
        def __init__(self, x=function): self.x = x
    class Empty(Slots):
        __slots__ = ()
        def __init__(self): pass
    class SlotAndDict(Slots): pass
    class DictInSlots:
        __slots__ = ("__dict__",)
        def __init__(self): self.x = function
    class Method:
        def x(self, *args): return "method", args
    class Static:
        @staticmethod
        def x(*args): return "static", args
    class Class:
        @classmethod
        def x(cls, *args): return cls.__name__, args
    class Property:
        @property
        def x(self): return function
        @x.setter
        def x(self, v): log.append(("set", v))
        @x.deleter
        def x(self): log.append("deleted")
    class Reader:
        x = property(lambda self: function)
    class Raising:
        @property
        def x(self):
            raise KeyError("no",
                           "x")
        @x.setter
        def x(self, v): return 1 // 0
    class Missing:
        x = property(lambda self: self.nothing)
    class Descriptor:
        def __get__(self, o, owner=None): return lambda *a: ("got", o is None, owner.__name__, a)
    class Data(Descriptor):
        def __set__(self, o, v): log.append(("descriptor", v))
        def __delete__(self, o): raise TypeError("stays")
    class ReadOnly(Descriptor):
        def __set__(self, o, v): raise AttributeError("read-only", v)
    class WithDescriptor: x = Descriptor()
    class WithData: x = Data()
    class WithReadOnly: x = ReadOnly()
    class Getattr:
        def __getattr__(self, name):
            if name == "x": return function
            raise AttributeError("not " + name)
    class GetattrFails:
        def __getattr__(self, name): raise AttributeError("never " + name, name=name, obj=5)
    class Getattribute:
        def __getattribute__(self, name): return function if name == "x" else object.__getattribute__(self, name)
    class Setattr:
        def __setattr__(self, name, v): object.__setattr__(self, name, (name, v))
    class Refuses:
        def __setattr__(self, name, v): raise TypeError(name)
    class Value: x = str
    class Builtin: x = len
    class Upper(str): x = str.upper
    class Nothing: pass
    class Meta(type):
        x = 5
        def __getattr__(cls, name): raise AttributeError("class has no " + name)
    class MetaProperty(type):
        x = property(lambda cls: lambda *a: (cls.__name__, a), lambda cls, v: log.append((cls.__name__, v)))
    class MetaMethod(type):
        def x(cls, *args): return cls.__name__, args
    class OfMeta(metaclass=Meta): pass
    class OfMetaProperty(metaclass=MetaProperty): pass
    class OfMetaMethod(metaclass=MetaMethod): pass
    class OwnAndMeta(metaclass=Meta):
        def x(*args): return "own", args[-1]
    class OwnAndProperty(metaclass=MetaProperty): x = function
    class Number(int): pass
    class Error(Exception): pass
    def materialised(o): o.__dict__; return o
    def replaced(o, **names): o.__dict__ = names; return o
    def more(o):
        for i in range(40): setattr(o, f"a{i}", i)
        return o
    def odd(o): o.__dict__[1] = 1; return o
    def deleted(o): del o.x; return o
    def with_x(o): o.x = function; return o
    def module(**names):
        m = types.ModuleType("m")
        vars(m).update(names)
        return m
    MAKERS = [Inline, Late, Slots, Empty, SlotAndDict, DictInSlots, Method, Static, Class, Property, Reader, Raising,
              Missing, WithDescriptor, WithData, WithReadOnly, Getattr, GetattrFails, Getattribute, Setattr, Refuses,
              Value, Builtin, Upper, Nothing, OfMeta, Number, Error, object,
              lambda: with_x(Late()), lambda: with_x(Method()), lambda: with_x(Number(5)), lambda: with_x(Error(1)),
              lambda: with_x(Class()), lambda: with_x(WithDescriptor()), lambda: deleted(Inline()),
              lambda: deleted(Slots()), lambda: with_x(deleted(Inline())), lambda: deleted(materialised(Inline())),
              lambda: materialised(Inline()), lambda: materialised(Method()), lambda: materialised(Late()),
              lambda: replaced(Inline(), x=function), lambda: replaced(Method(), y=1), lambda: replaced(Inline(), y=1),
              lambda: more(Inline()), lambda: with_x(more(Late())), lambda: more(Method()), lambda: more(Nothing()),
              lambda: odd(Inline()), lambda: odd(Method()), lambda: with_x(odd(Late())), lambda: more(DictInSlots()),
              lambda: module(x=function), module, lambda: module(y=1, x=function),
              lambda: module(__getattr__=lambda name: function), lambda: None, lambda: 5, lambda: [], lambda: function,
              lambda: types.SimpleNamespace(x=function), lambda: types.MappingProxyType({}), lambda: function.__get__(1)]
    CLASSES = [Method, Static, Class, Property, Value, Builtin, Inline, Nothing, WithDescriptor, WithData, Slots, int,
               OfMeta, OfMetaProperty, OfMetaMethod, OwnAndMeta, OwnAndProperty, Meta, type, object]
    def everything(): return [make() for make in MAKERS]
    def fresh(n):
        kind = CLASSES[n]
        return type(kind)(kind.__name__, kind.__bases__, {k: v for k, v in vars(kind).items() if k == "x"})
"""
)
WARM = [
    "Inline()",
    "Slots()",
    "Method()",
    "with_x(more(Late()))",
    "module(x=function)",
    "Class",
    "OfMeta",
    "Property()",
    "Nothing()",
    "Getattr()",
]


def each(n: int, name: str) -> list[str]:
    """Uses of the sites for one owner, that of the maker with this number, or class."""
    owner = f"{name}[{n}]" + ("()" if name == "MAKERS" else "")
    make = f"{name}[{n}]" if name == "MAKERS" else f"lambda: {name}[{n}]"
    calls = [f"load({owner})", f"twice({owner})", f"call({owner})", f"stored({owner})"]
    calls += [f"temporary({make})", f"temporary_call({make})"]
    target = owner if name == "MAKERS" else f"fresh({n})"
    new = f"MAKERS[{n}]" if name == "MAKERS" else f"lambda: fresh({n})"
    calls += [f"store({target}, [1])", f"store_new({new}, 2)", f"add({target}, 1)", f"delete({target})"]
    return calls


@pytest.mark.parametrize("warm", WARM)
def test_everything_in_turn(warm: str) -> None:
    twins = Twins(OWNERS)
    calls = [f"{site}({warm})" for site in ("load", "twice", "call", "stored", "delete")]
    calls += [f"{site}(lambda: {warm})" for site in ("temporary", "temporary_call")]
    calls += [f"store({warm}, 1)", f"store_new(lambda: {warm}, 1)", f"add({warm}, 1)", f"many([{warm}] * 5)"]
    if not warm.endswith(")"):
        calls = [
            call
            for call in calls
            if call.startswith(("load", "twice", "call", "stored", "temporary", "many"))
        ]
    twins.warm(*calls, times=20)
    twins.compile(*SITE_NAMES)
    uses = [each(n, "MAKERS") for n in range(len(twins.plain["MAKERS"]))]
    uses += [each(n, "CLASSES") for n in range(len(twins.plain["CLASSES"]))]
    order = random.Random(warm)
    for _ in range(3):
        for site in zip(*uses, strict=True):
            twins.check(*site)
        order.shuffle(uses)
    twins.check("many(everything())", "many(everything() + CLASSES)", "many(everything()[::-1] * 5)")
    assert twins.tiers(*SITE_NAMES) == {ENGINE}


def test_one_object_through_its_states() -> None:
    """Inline values, a dictionary of its own, somebody else's dictionary: at sites that have missed enough to share."""
    twins = Twins(OWNERS)
    twins.warm("many(everything())", "load(Inline())", "store(Inline(), 1)", "call(Method())", times=40)
    twins.compile(*SITE_NAMES)
    steps = [
        "globals().__setitem__('o', KIND())",
        "o.__dict__.__setitem__('x', function)",
        "o.__dict__.pop('x', None)",
        "o.__dict__.clear()",
        "more(o) and None",
        "odd(o) and None",
        "setattr(o, '__dict__', {'x': function})",
        "setattr(o, '__dict__', {'b': 1, 'x': function})",
        "setattr(o, 'zz', 1)",
        "delattr(o, 'zz')",
        "setattr(o, 'x', function)",
        "delattr(o, 'x')",
        "o.__dict__.update(y=1)",
        "globals().__setitem__('twin', o.__dict__)",
        "store(o, [7])",
        "delete(o)",
        "add(o, 1)",
    ]
    uses = ["load(o)", "twice(o)", "call(o)", "stored(o)", "many([o, KIND(), o])", "temporary(lambda: o)"]
    order = random.Random(7)
    for kind in ("Inline", "Late", "Method", "Property", "WithDescriptor", "SlotAndDict", "DictInSlots"):
        twins.check(f"globals().__setitem__('KIND', {kind})", steps[0], *uses)
        for _ in range(60):
            twins.check(order.choice(steps), *uses)
    assert twins.tiers(*SITE_NAMES) == {ENGINE}


def test_type_changes_while_hot() -> None:
    twins = Twins(OWNERS)
    twins.check(*(f"globals().__setitem__('{name}', type('{name}', (), {{}}))" for name in ("A", "B")))
    twins.check(
        "globals().__setitem__('M', type('M', (type,), {}))", "globals().__setitem__('C', M('C', (B,), {}))"
    )
    twins.check(
        "globals().__setitem__('objects', [A(), B(), C(), with_x(A()), more(B()), materialised(C())])"
    )
    twins.warm("many(objects)", "many([C, B, C])", "many(everything())", times=20)
    twins.compile(*SITE_NAMES)
    values = (
        "function Property.x Reader.x Data() Descriptor() ReadOnly() len 5 Class.__dict__['x'] Slots".split()
    )
    changes = [f"setattr({kind}, 'x', {value})" for kind in ("A", "B", "C", "M") for value in values]
    changes += [f"delattr({kind}, 'x')" for kind in ("A", "B", "C", "M")] * 3
    changes += [
        f"setattr(A, '{name}', lambda self, *a: ('{name}', a))" for name in ("__getattr__", "__setattr__")
    ]
    changes += ["delattr(A, '__getattr__')", "delattr(A, '__setattr__')", "setattr(C, '__bases__', (A,))"]
    changes += ["setattr(C, '__bases__', (B,))", "setattr(objects[0], '__class__', B)"]
    changes += ["setattr(objects[0], '__class__', A)", "setattr(Descriptor, '__set__', Data.__set__)"]
    changes += ["delattr(Descriptor, '__set__')"]
    uses = [
        "many(objects)",
        "many([A, B, C])",
        "call(objects[0])",
        "load(objects[1])",
        "twice(C)",
        "stored(objects[2])",
    ]
    uses += [
        "store(objects[0], 1)",
        "store(objects[4], [2])",
        "store(B(), 3)",
        "store(objects[5], 4)",
        "add(A(), 1)",
    ]
    uses += ["delete(objects[0])", "temporary(C)", "temporary_call(A)", "store_new(C, 1)"]
    order = random.Random(11)
    for _ in range(250):
        twins.check(order.choice(changes), *order.sample(uses, 6), "many(objects)")
    assert twins.tiers(*SITE_NAMES) == {ENGINE}


def test_errors_name_what_is_missing() -> None:
    twins = Twins(OWNERS)
    twins.warm("load(Inline())", "store(Slots(), 1)", "call(Method())", times=20)
    twins.compile(*SITE_NAMES)
    seen = []
    for _ in range(40):  # a site that has missed often asks what all sites share
        for owner in (
            "Nothing()",
            "Late()",
            "Empty()",
            "None",
            "module()",
            "int",
            "OfMetaProperty",
            "Missing()",
        ):
            seen += twins.check(f"load({owner})", f"call({owner})", f"delete({owner})")
        seen += twins.check(
            "store(5, 1)", "store(object(), 1)", "store(None, 1)", "store(Reader(), 1)", "store(int, 1)"
        )
        seen += twins.check("load(Inline())", "store(Slots(), 1)", "call(Method())")
    assert any("name='x'" in text and "obj=<Nothing>" in text for text in seen)
    assert any("'Late' object has no attribute 'x'" in text for text in seen)


GONE = """
    class Where:
        def here(self, what, depth=2):
            frame = sys._getframe(depth)
            log.append((what, getattr(self, "n", None), frame.f_code.co_name, frame.f_lineno))
    class Inline(Where):
        def __init__(self, n): self.n = n
        def __del__(self): self.here("del")
    class Method(Inline):
        def x(self, a=1): self.here("method"); return a
    class Static(Inline):
        x = staticmethod(lambda a=1: a)
    class Value(Inline):
        x = 5
    class Property(Inline):
        @property
        def x(self): self.here("get"); return self.n
        @x.setter
        def x(self, v): self.here("set")
    class Slots:
        __slots__ = ("n", "x")
        here = Where.here
        def __init__(self, n, x=1): self.n = n; self.x = x
        def __del__(self): self.here("del")
    class Getattr(Inline):
        def __getattr__(self, name): self.here(name); return 7
    class Missing(Inline): pass
    def more(o):
        for i in range(40): setattr(o, f"a{i}", i)
        o.x = o.n
        return o
    def own(n, kind=Inline): o = kind(n); o.x = n; return o
"""


def test_temporary_owners_die_where_they_are_used() -> None:
    twins = Twins(
        GONE
        + """
    def f(n):
        return [
            n,
            Inline(1).n,
            own(2).x,
            own(3,
                Slots).x,
            more(Inline(4)).x,
            Value(5).x,
            Static(6)
                .x(),
            Method(7).x(
                Inline(8)),
            Method(9).x(Slots(10)).n,
            Property(11).x,
            Getattr(12)
                .x,
            own(13, Getattr).x,
            Slots(14, Slots(15)).x.x,
            own(16, Static).x,
            n]
    def g(n):
        try:
            return Missing(n).x
        except AttributeError as e:
            e.obj
            return str(e), e.__traceback__.tb_lineno
    def h(n):
        own(1).x = Inline(2)
        Slots(3).x = \\
            n
        Slots(4, Inline(5)).x = Inline(6)
        Property(7).x = Inline(8)
        o = own(9)
        o.x = Inline(10)
        o.x = Slots(
            11)
        o.x = n
        more(Inline(12)).x = Inline(13)
        o.__dict__
        o.x = Inline(14)
        o.x = 1
        p = Slots(15, Slots(16))
        p.x = Inline(17)
        p.x = None
        o = p = None
        return n
    """
    )
    twins.warm("f(1)", "g(1)", "h(1)", times=20)
    twins.compile("f", "g", "h", "own", "Method.x", "Inline.__init__", "Inline.__del__", "Where.here")
    for _ in range(40):
        seen = twins.check("f(1)", "g(1)", "h(1)")
    assert seen[0].count("'del'") == 16 and seen[2].count("'del'") >= 14
    assert twins.tiers("f", "g", "h") == {ENGINE}


def test_destructors_change_locals_that_were_read_already() -> None:
    """What is on the value stack stays what it was, though the variable that it came from is rebound meanwhile."""
    twins = Twins("""
        class Rebinds:
            __slots__ = ("x", "n")
            def __init__(self): self.x = 1; self.n = 2
            def __del__(self):
                names = sys._getframe(1).f_locals
                if "a" in names: names["a"] = ["new"]
                if "i" in names: names["i"] = -1
            def m(self): return 3
        class Inline:
            y = 5
            def __init__(self): self.x = 1
            def m(self): return 3
            __del__ = Rebinds.__del__
        def load(kind, a):
            a = [a]
            return [a, kind().x, a]
        def method(kind, a):
            a = [a]
            return [a, kind().m(), a]
        def of_type(kind, a):
            a = [a]
            return [a, kind().m, a][::2]
        def value(a):
            a = [a]
            return a, Inline().y, a
        def store(kind, a):
            o = kind()
            o.x = kind()
            a = [a]
            b = a, [o := setattr(o, "x", 5), a][1]
            return a, b
        def old(kind, a):
            o = kind()
            o.x = kind()
            a = [a]
            for j in a:
                o.x = j
            return a, j
        def loop(kind, a):
            seen = []
            for i in range(3):
                seen.append((i, kind().x, i))
            return seen, a
        def pops(kind, a):
            a = [a]
            b = a, kind() and 1, a
            return a, b
        def compared(kind, a):
            a = [a]
            return a, kind() is None, a, not kind(), a
    """)
    calls = [
        f"{f}({k}, 1)"
        for f in "load method of_type store old loop pops compared".split()
        for k in ("Rebinds", "Inline")
    ]
    twins.warm(*calls, "value(1)", times=20)
    twins.compile("load", "method", "of_type", "value", "store", "old", "loop", "pops", "compared")
    for _ in range(40):
        twins.check(*calls, "value(1)")


TRACED = """
    def trace(frame, event, arg):
        if frame.f_code.co_name in ("f", "g", "x", "y", "callee"):
            log.append((event, frame.f_code.co_name, frame.f_lineno))
        return trace
    def start():
        frame = sys._getframe(2)
        frame.f_trace = trace
        sys.settrace(trace)
    class Owner:
        on = False
        @property
        def x(self):
            if self.on: start()
            return self.on
        @x.setter
        def x(self, value):
            if self.on: start()
        def y(self):
            if self.on: start()
            return 1
        def __getattr__(self, name):
            if self.on: start()
            return name
    class Descriptor:
        def __get__(self, o, owner=None):
            if o is not None and o.on: start()
            return lambda: "called"
        def __set__(self, o, value):
            if o.on: start()
    class Described(Owner):
        z = Descriptor()
    class Failing(Owner):
        @property
        def x(self):
            if self.on: start()
            raise KeyError("x")
    def callee(a): return a
    def made(kind, on):
        o = kind()
        o.on = on
        return o
    def f(o, what):
        seen = []
        for i in range(2):
            if what == "get": seen.append(
                o.x)
            elif what == "set":
                o.x = i
            elif what == "call":
                seen.append(o.y())
            elif what == "getattr": seen.append(o.other)
            elif what == "get it":
                seen.append((i, o.z, i)[::2])
            elif what == "set it":
                o.z = i
            elif what == "call it":
                seen.append(
                    o.z())
            else:
                try:
                    o.x
                except KeyError as e:
                    seen.append(e.args)
            callee(i)
        return seen
    def run_f(o, what):
        try:
            return f(o, what)
        finally:
            sys.settrace(None)
"""


def test_tracing_begins_inside_a_getter() -> None:
    twins = Twins(TRACED)
    kinds = dict.fromkeys(("get", "set", "call", "getattr"), "Owner")
    kinds |= dict.fromkeys(("get it", "set it", "call it"), "Described")
    kinds["fail"] = "Failing"
    quiet = [f"run_f(made({kind}, False), {what!r})" for what, kind in kinds.items()]
    twins.warm(*quiet, times=20)
    twins.compile(
        "f", "callee", "Owner.x.fget", "Owner.x.fset", "Owner.y", "Owner.__getattr__", "Descriptor.__get__"
    )
    twins.check(*quiet)
    for what, kind in kinds.items():
        (seen,) = twins.check(f"run_f(made({kind}, True), {what!r})")
        assert "line" in seen and "return" in seen, seen
        twins.check(*quiet)
    assert twins.tiers("f") == {ENGINE}


def test_super_and_method_objects_at_one_site() -> None:
    twins = Twins("""
        class A:
            def x(self, a): return "A", a
        class B(A):
            def x(self, a): return "B", super().x(a)
        class C(A):
            x = classmethod(lambda cls, a: (cls.__name__, a))
        class D(B, C):
            def x(self, a):
                m = super().x
                return "D", m(a), m.__self__ is self
        objects = [A(), B(), C(), D(), A().x.__self__, super(D, D()), super(B, D())]
        def f(n, a):
            m = objects[n].x
            return objects[n].x(a), m(a), m.__func__ is getattr(type(objects[n]), "x", None)
    """)
    twins.hot("f(1, 1)", names=("f", "A.x", "B.x", "D.x"))
    for _ in range(20):
        twins.check(*(f"f({n}, [{n}])" for n in range(7)))
    twins.check("setattr(A, 'x', lambda self, a: ('new', a))", *(f"f({n}, 2)" for n in range(7)))
    twins.check("delattr(C, 'x')", *(f"f({n}, 2)" for n in range(7)))


DICTS = """
    class Late:
        def __get__(self, o, owner=None):
            if o is None: return self
            value = o.__dict__["late"] = [o.n]
            return value
    class Thing:
        late = Late()
        mark = Late.__new__(type("Mark", (), {}))
        def __init__(self, n): self.n = n; self.own = n
        def method(self, a=0): return self.n, a
        @staticmethod
        def static(a): return a
    class Child(Thing): pass
    def materialised(n): o = Thing(n); o.__dict__; return o
    def replaced(n): o = Thing(n); o.__dict__ = {"a": 1, "n": n, "own": n}; return o
    def copied(n): o = Thing(n); o.__dict__ = dict(o.__dict__); return o
    def updated(n): o = Thing(n); o.__dict__.update(b=1, c=2); return o
    def with_gaps(n):
        o = replaced(n)
        for i in range(20): setattr(o, f"a{i}", i)
        for i in range(0, 20, 3): delattr(o, f"a{i}")
        return o
    def detached(n): o = Child(n); d = o.__dict__; del o.n; o.n = n; o.late; return o
    def same_hash(n):
        o = replaced(n)
        o.__dict__ = {"x" * 3: 1, **o.__dict__}
        return o
    MAKERS = [Thing, Child, materialised, replaced, copied, updated, with_gaps, detached, same_hash]
    objects = [make(i) for i, make in enumerate(MAKERS * 2)]
    objects = [o for o in objects if o.late]
    def own(objects): return [o.own for o in objects]
    def late(objects): return [o.late for o in objects]
    def mark(objects): return [o.mark is Thing.mark for o in objects]
    def call(objects): return [o.method(1) for o in objects]
    def call_static(objects): return [o.static(o) is o for o in objects]
    def static(objects): return [o.static is Thing.static for o in objects]
    def of_class(times): return [Thing.mark is Child.mark for i in range(times)]
"""


def slow_operations(site: str, twins: Twins) -> int:
    """How many the site does. Functions of the tests' own may have machine code, too: they are not asked."""
    call = compile(site, "<site>", "eval")
    before: int = _core.stats()["slow_ops"]
    eval(call, twins.jit)
    return _core.stats()["slow_ops"] - before


@pytest.mark.parametrize(
    "site",
    [f"{name}(objects)" for name in "own late mark call call_static static".split()] + ["of_class(8)"],
)
def test_instances_with_dictionaries_need_no_slow_path(site: str) -> None:
    twins = Twins(DICTS)
    twins.warm(site)
    twins.compile(site.partition("(")[0], "Thing.method", "Thing.static")
    for _ in range(64):
        twins.check(site)
    assert slow_operations(site, twins) == 0


def test_static_methods_of_instances_with_dictionaries() -> None:
    twins = Twins(DICTS)
    sites = ("static(objects)", "[o.static(2) for o in objects]", "call_static(objects)")
    twins.warm(*sites)
    twins.compile("static", "call_static")
    twins.check(*sites)
    for change in (
        "vars(objects[3]).update(static=lambda a: 5)",
        "vars(Thing)['static'].__init__(lambda a: 6)",  # another one, of which no type hears
        "setattr(Child, 'static', staticmethod.__new__(staticmethod))",  # of none
        "setattr(Thing, 'static', staticmethod.__new__(staticmethod))",
        "setattr(Child, 'static', lambda self, a: a)",
        "delattr(Thing, 'static')",
    ):
        twins.check(change)
        twins.check(*sites)


def test_a_name_that_shared_keys_have_no_room_for() -> None:
    """Each instance makes itself a dictionary when it is stored; that this is so is found out once."""
    twins = Twins("""
        class Wide:
            def __init__(self):
                for i in range(30): setattr(self, f"a{i}", i)
        Wide()
        def store(o, v):
            o.late = v
            return o.late, len(vars(o))
        def many(n): return [store(Wide(), i) for i in range(n)]
        class Narrow: a = 1
        def narrow(n): return [store(Narrow(), i) for i in range(n)]
    """)
    twins.warm("many(8)")
    twins.compile("store", "many", "narrow")
    for _ in range(4):
        twins.check("many(40)", "narrow(40)")
    before = _core.stats()["cache_misses"]
    eval("many(40)", twins.jit)
    assert _core.stats()["cache_misses"] - before < 10


def test_a_name_of_an_instance_and_of_its_class() -> None:
    """Both are known by the same version and the same name, and found in different ways."""
    twins = Twins("""
        class Thing:
            limit = 3
            @property
            def size(self): return 4
        class Child(Thing): limit = 5
        class Slotted: __slots__ = ("limit", "size")
        slotted = Slotted()
        slotted.limit = slotted.size = 6
        owners = [Thing(), Child(), slotted, Thing, Child, Slotted] * 8
        def limits(owners): return [o.limit for o in owners], [o.size for o in owners]
    """)
    twins.warm("limits(owners)")
    twins.compile("limits", "Thing.size.fget")
    twins.check("[[str(x) for x in found] for found in limits(owners)]")
    twins.check("[[str(x) for x in found] for found in limits(owners)]")
    assert slow_operations("limits(owners)", twins) == 0


def test_a_value_becomes_a_descriptor() -> None:
    """What a class attribute does depends on its type, which may change while the class does not."""
    twins = Twins(
        DICTS
        + """
    class Plain: pass
    class Holder:
        value = Plain()
        def __init__(self, own): vars(self).update(own)
    def read(holders): return [getattr(h.value, "__name__", type(h.value).__name__) for h in holders]
    def of_class(_): return type(Holder.value).__name__
    holders = [Holder({"value": 1}), Holder({}), Holder({"other": 1})]
    """
    )
    twins.warm("read(holders)", "of_class(1)")
    twins.compile("read", "of_class")
    twins.check("read(holders)", "of_class(1)")
    for change in (
        "setattr(Plain, '__get__', lambda self, o, owner: len)",
        "setattr(Plain, '__set__', lambda self, o, v: None)",
        "delattr(Plain, '__get__')",
        "delattr(Plain, '__set__')",
        "setattr(Holder.__dict__['value'], '__class__', Late)",
    ):
        twins.check(change, *["read(holders)", "of_class(1)"] * 3)
    assert twins.tiers("read", "of_class") == {ENGINE}


MADE_BY_THE_TYPE = """
    log = []
    class Thing:
        def __init__(self, n): self.n = n
        @property
        def twice(self): return [self.n, self.n]
        @property
        def deep(self): return [self.n, Thing(self.n - 1).deep] if self.n > 0 else []
        @property
        def failing(self): return 1 // (self.n - 3)
        @classmethod
        def make(cls, n=0): return cls, n
        @staticmethod
        def free(n=0): return n
        def method(self, n=0): return self.n, n
    class Data:
        def __get__(self, o, owner=None):
            if o is None: return self
            if o.n == 7: raise AttributeError("seven")
            if o.n == 10: raise KeyError(o.n)
            return [o.n, owner is type(o)]
        def __set__(self, o, value): log.append(value)
    Thing.data = data = Data()
    class Slotted:
        __slots__ = ("n",)
        def __init__(self, n): self.n = n
        data = data
        twice = Thing.twice
        make = Thing.__dict__["make"]
        free = Thing.__dict__["free"]
        def method(self, n=0): return -self.n, n
    class Child(Thing): pass
    class Mortal(Thing):
        def __del__(self): log.append(("dead", self.n))
    kinds = [Thing, Slotted, Child]
    objects = [kind(n) for n, kind in enumerate(kinds * 4)]
    dictionaries = [getattr(o, "__dict__", None) for o in objects[5:]]
    def property_(objects): return [(1, [o.n], o.twice, 2) for o in objects]
    def property_called(objects): return [o.twice.count(o.n) for o in objects]
    def bound(objects): return [(o.make(1), o.free(2), o.method(3)) for o in objects]
    def kept(objects):
        out = []
        for o in objects:
            a, b, c = o.make, o.free, o.method
            out.append((a(1), b(2), c(3)))
        return out
    def identities(objects):
        out = []
        for o in objects:
            a, b, c, d = o.make, o.free, o.method, type(o).make
            out.append((a.__self__ is type(o), c.__self__ is o, a == o.make == d, c == o.method, c is o.method, b is o.free))
        return out
    def of_types(kinds):
        out = []
        for k in kinds:
            a, b = k.make, k.free
            out.append((k.make(1), k.free(2), a(3), b(4)))
        return out
    def temporary(n):
        value = 1, Mortal(n).twice, log[:], Mortal(n + 1).make(1), log[:], Mortal(n).method, log[:]
        value = value[:-2], value[-2](5), log[:]
        log.clear()
        return value
    def caught(objects, n):
        out = []
        for o in objects:
            try:
                out.append((n + 1, [n], o.failing))
            except ZeroDivisionError as e:
                t = e.__traceback__
                out.append((t.tb_frame.f_code.co_name, t.tb_next.tb_frame.f_code.co_name, t.tb_next.tb_frame.f_locals))
        return out
    def deep(n): return Thing(n).deep
    def too_deep(n):
        try:
            return deep(n)
        except RecursionError:
            return "too deep"
    def described(objects):
        out = []
        for o in objects:
            if o.n not in (7, 10): out.append(([o.n], o.data, o.data.append(1), type(o).__name__, type(o).__mro__.count(object)))
            if o.n % 3 != 1: out.append((1, o.__dict__, o.__dict__.get("n")))
        s = slice(1, None, objects[0])
        return out, s.start, s.stop, s.step, Thing(5).data, type(Mortal(1)).__name__, log[:], log.clear()
    def refused(objects):
        out = []
        for o in objects:
            try:
                out.append([(o.n + 1, [o], o.data)])
                out.append(o.data.count(o.n))
            except (AttributeError, KeyError) as e:
                out.append((type(e), e.args, getattr(e, "name", 0), getattr(e, "obj", 0) is o, e.__traceback__.tb_lineno))
            try:
                Mortal(o.n).data, log.append("kept")
            except (AttributeError, KeyError) as e:
                out.append((e.args, getattr(getattr(e, "obj", 0), "n", 0), log[:]))
        log.clear()
        return out
    def generated(objects): return list(o.twice for o in objects)
"""
MADE_SITES = (
    "property_(objects)",
    "property_called(objects)",
    "bound(objects)",
    "kept(objects)",
    "of_types(kinds)",
    "described(objects)",
    "generated(objects)",
    "identities(objects)",
    "refused(objects)",
)
MADE_FUNCTIONS = (
    "property_ property_called bound kept identities described refused of_types temporary caught deep".split()
)
MADE_METHODS = "Thing.twice.fget Thing.deep.fget Thing.failing.fget Thing.make Thing.free Thing.method Slotted.method".split()


def _made_by_the_type() -> Twins:
    twins = Twins(MADE_BY_THE_TYPE)
    twins.warm(*MADE_SITES, "temporary(1)", "caught(objects[::3], 5)", "deep(5)")
    twins.compile(*MADE_FUNCTIONS, *MADE_METHODS)
    return twins


@pytest.mark.parametrize("site", MADE_SITES[:-3])
def test_what_the_type_makes_needs_no_slow_path(site: str) -> None:
    twins = _made_by_the_type()
    for _ in range(64):
        twins.check(site)
    assert slow_operations(site, twins) == 0


def test_what_the_type_makes_in_every_shape() -> None:
    twins = _made_by_the_type()
    for n in range(40):
        twins.check(*MADE_SITES, f"temporary({n})", "caught(objects[::3], 5)", f"deep({n})")
    twins.check("too_deep(100_000)", "too_deep(60)", *MADE_SITES)
    assert twins.tiers(*MADE_FUNCTIONS) == {ENGINE}


def test_what_the_type_makes_is_made_anew() -> None:
    """Properties and classmethods can be given another function without their class noticing."""
    twins = _made_by_the_type()
    twins.check(*MADE_SITES)
    for change in (
        "Thing.twice.__init__(lambda self: [self.n, 'new'])",
        "Thing.__dict__['make'].__init__(lambda cls, n=0: (cls.__name__, n, 'new'))",
        "Thing.__dict__['free'].__init__(lambda n=0: (n, 'new'))",
        "Thing.twice.__init__(lambda self, *more: [len(more), self.n])",
        "Thing.twice.__init__(str)",
        "Thing.__dict__['make'].__init__(lambda *all: all)",
        "Thing.__dict__['free'].__init__(abs)",
        "Thing.twice.__init__(lambda self: [])",
        "setattr(Slotted, 'twice', property(lambda self: [1]))",
        "setattr(Thing, 'free', classmethod(lambda cls, n=0: n))",
    ):
        twins.check(change, *[*MADE_SITES[:3], *MADE_SITES[6:8]] * 3)


def test_getattr_is_asked_for_what_is_missing() -> None:
    twins = Twins("""
        class Plain:
            def __init__(self, **own): vars(self).update(own)
            def __getattr__(self, name): return [name]
        class Slotted:
            __slots__ = ("x",)
            def __getattr__(self, name): return {name}
        class Strict(Plain):
            def __getattr__(self, name):
                if name == "x": raise AttributeError(name)
                return name
        class Picky(Plain):
            def __getattr__(self, name): raise KeyError(name)
        objects = [Plain(), Plain(x=1), Slotted(), Strict(), Strict(x=2), Picky(x=3), Picky(), Plain(y=1)]
        def get(objects):
            out = []
            for o in objects:
                try:
                    out.append((o.x, o.other))
                except Exception as e:
                    out.append((type(e).__name__, e.args, getattr(e, "name", 0), getattr(e, "obj", 0) is o))
            return out
        def call(objects):
            out = []
            for o in objects:
                try:
                    out.append(o.count(1))
                except Exception as e:
                    out.append((type(e).__name__, e.args, getattr(e, "name", 0), getattr(e, "obj", 0) is o))
            return out
    """)
    twins.warm("get(objects)", "call(objects)")
    twins.compile(
        "get", "call", "Plain.__getattr__", "Slotted.__getattr__", "Strict.__getattr__", "Picky.__getattr__"
    )
    for _ in range(40):
        twins.check("get(objects)", "call(objects)")
    for change in (
        "setattr(objects[0], 'x', 5)",
        "delattr(objects[0], 'x')",
        "setattr(Plain, 'x', 'of the class')",
        "delattr(Plain, 'x')",
        "setattr(Plain, '__getattr__', lambda self, name: name * 2)",
        "delattr(Slotted, '__getattr__')",
        "setattr(Plain, '__getattribute__', lambda self, name: name * 3)",
        "delattr(Plain, '__getattribute__')",
        "delattr(Plain, '__getattr__')",
    ):
        twins.check(change, *["get(objects)", "call(objects)"] * 3)
    assert twins.tiers("get", "call") == {ENGINE}
