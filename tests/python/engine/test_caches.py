"""Inline caches while the world changes under them.

A :class:`Site` is one attribute access that the interpreter has specialised for an object, then compiled.
From then on, each ``check`` uses it twice (a miss, then whatever the miss left in the cache) and compares
with the same code run by the interpreter for the first time, when it has specialised nothing.
"""

from __future__ import annotations

import collections
import enum
import functools
import gc
import itertools
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest
from support import hot

pytestmark = [pytest.mark.usefixtures("compiling"), pytest.mark.filterwarnings("ignore::FutureWarning")]


def outcome(function: Callable[..., Any], *args: Any) -> Any:
    try:
        return "value", function(*args)
    except Exception as e:
        return type(e), str(e), getattr(e, "name", None), getattr(e, "obj", None)


def define(source: str) -> Callable[..., Any]:
    """A function with code of its own."""
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    return namespace["f"]


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that is warm already, or whose calls raise."""
    return hot(function, calls=0)


LOAD = define("def f(o): return o.x")
CALL = define("def f(o): return o.x()")


def fresh(function: Callable[..., Any]) -> Callable[..., Any]:
    return types.FunctionType(function.__code__.replace(), function.__globals__)


class Site:
    def __init__(self, warm: Any, *, calls: bool = True) -> None:
        self.load = fresh(LOAD)
        self.call = fresh(CALL)
        for _ in range(20):
            outcome(self.load, warm)
            outcome(self.call, warm)
        compiled(self.load)
        compiled(self.call)
        self.calls = calls
        self.check(warm)

    def check(self, *objects: Any) -> None:
        for _ in range(2):
            for o in objects:
                assert outcome(self.load, o) == outcome(fresh(LOAD), o)
                if self.calls:
                    assert outcome(self.call, o) == outcome(fresh(CALL), o)


class Getter:
    """A non-data descriptor of a class that can change."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return ("got", instance is None, owner.__name__)


def a(self: Any) -> Any:
    return "a", type(self).__name__


def b(self: Any) -> Any:
    return "b", type(self).__name__


def c(*args: Any) -> Any:
    return "c", len(args)


VALUES: dict[str, Callable[[], Any]] = {
    "method": lambda: a,
    "other method": lambda: b,
    "value": lambda: 17,
    "property": lambda: property(lambda self: c),
    "property in C": lambda: property(id),
    "property without getter": lambda: property(),
    "raising property": lambda: property(lambda self: 1 // 0),
    "property raising AttributeError": lambda: property(lambda self: self.nothing),
    "staticmethod": lambda: staticmethod(c),
    "classmethod": lambda: classmethod(c),
    "builtin": lambda: len,
    "method descriptor": lambda: str.upper,
    "partial": lambda: functools.partial(c, 1),
    "cached": lambda: Getter(),
    "instance": lambda: types.SimpleNamespace(),
    "class": lambda: collections.OrderedDict,
    "module": lambda: types.ModuleType("m"),
}


class Plain:
    pass


class Slots:
    __slots__ = ("y",)


class SlotsAndDict:
    __slots__ = ("__dict__", "y")


class Number(int):
    pass


class Error(Exception):
    pass


class WithGetattr:
    def __getattr__(self, name: str) -> Any:
        if name != "x":
            raise AttributeError(name)
        return c


class Meta(type):
    pass


class WithMeta(metaclass=Meta):
    pass


BASES = [Plain, Slots, SlotsAndDict, Number, Error, WithGetattr, WithMeta, dict, str, enum.IntFlag]


def subclass(base: type, **members: Any) -> type:
    slots = {"__slots__": ()} if base is Slots else {}
    return types.new_class("T", (base,), {}, lambda namespace: namespace.update(slots | members))


@pytest.mark.parametrize("first", VALUES)
@pytest.mark.parametrize("base", BASES, ids=lambda base: base.__name__)
def test_class_attribute_changes(base: type, first: str) -> None:
    kind = subclass(base) if base is not enum.IntFlag else enum.IntFlag("F", "A B")
    set_on_type = functools.partial(type.__setattr__, kind)
    set_on_type("x", VALUES[first]())
    o = kind() if base is not enum.IntFlag else kind.A
    site, of_class = Site(o), Site(kind)
    for make in VALUES.values():
        set_on_type("x", make())
        site.check(o, kind() if base is not enum.IntFlag else kind.B)
        of_class.check(kind)
    type.__delattr__(kind, "x")
    site.check(o)
    of_class.check(kind)
    set_on_type("x", b)
    site.check(o)
    of_class.check(kind)


@pytest.mark.parametrize("first", VALUES)
@pytest.mark.parametrize(
    "base", [Plain, SlotsAndDict, Number, Error, WithGetattr, WithMeta], ids=lambda b: b.__name__
)
def test_instances_shadow(base: type, first: str) -> None:
    for materialised in (False, True):
        kind = subclass(base, x=VALUES[first]())
        o, other = kind(), kind()
        if materialised:
            o.__dict__.update(y=1)
        site = Site(o)
        o.z = 1
        site.check(o, other)
        other.__dict__["x"] = lambda: "own"
        site.check(other, o, kind())
        o.__dict__ = {"x": lambda: "replaced"}
        site.check(o, other)
        o.__dict__ = {}
        site.check(o, other)
        o.__dict__ = Dict(x=lambda: "subclass")
        site.check(o, other)
        del other.__dict__["x"]
        site.check(other)
        other.__dict__["".join(["x", ""])] = 3
        site.check(other)
        for i in range(40):  # no longer shared
            setattr(other, f"name{i}", i)
        site.check(other, o)
        other.__dict__[1] = 2  # keys that are no str
        site.check(other, o)
        kind.x = b
        site.check(other, o)


class Dict(dict[str, Any]):
    def __getitem__(self, key: str) -> Any:
        raise AssertionError("never asked")


def test_instance_values() -> None:
    class T:
        def __init__(self, *names: str) -> None:
            for name in names:
                setattr(self, name, name)

    o = T("x", "y")
    site = Site(o)
    site.check(T("y"), T("y", "x"), T())
    T.x = 5
    site.check(o, T(), T("y"))
    del o.x
    site.check(o)
    o.x = 6
    site.check(o)
    o.__dict__["x"] = 7
    site.check(o)
    del o.__dict__["x"]
    site.check(o)
    o.__dict__ = {"x": 8}
    site.check(o, T())
    T.x = property(lambda self: 9)
    site.check(o, T())
    del T.x
    site.check(o, T("x"))


def test_instance_dictionaries() -> None:
    class T:
        pass

    o = T()
    for i in range(40):
        setattr(o, f"a{i}", i)
    o.x = 1
    site = Site(o)
    del o.x
    site.check(o)
    o.x = 2
    site.check(o)
    for i in range(30):
        delattr(o, f"a{i}")
    o.__dict__["again"] = 1
    site.check(o)
    o.__dict__.clear()
    site.check(o)
    o.__dict__.update(q=1, x=3)
    site.check(o)
    o.__dict__ = {**{f"b{i}": i for i in range(300)}, "x": 4}
    site.check(o, T())
    o.__dict__ = {(1,): 2, "x": 5}
    site.check(o)
    T.x = property(lambda self: 6)
    site.check(o)


def test_class_is_assigned() -> None:
    class A:
        x = a

    class B:
        x = b

    class C:
        def __init__(self) -> None:
            self.x = 3

    o, p, q = A(), A(), C()
    site, own = Site(o), Site(q)
    o.__class__ = B
    site.check(o, p)
    own.check(q, o)
    q.__class__ = A
    site.check(o, p, q)
    own.check(o, p, q, C())
    q.__class__ = C
    own.check(q)
    site.check(q)


def test_bases_change() -> None:
    class A:
        x = a

    class B:
        x = b

    class T(A):
        pass

    site, of_class = Site(T()), Site(T)
    T.__bases__ = (B,)
    site.check(T())
    of_class.check(T)
    B.x = c
    site.check(T(), A())
    of_class.check(T, A)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("base", [Plain, Number, WithGetattr, SlotsAndDict], ids=lambda base: base.__name__)
def test_class_of_class_attribute_changes(base: type, own: bool) -> None:
    """A class attribute becomes a descriptor, a data descriptor, and neither again."""

    class Attribute:
        def __call__(self) -> str:
            return "called"

    kind = subclass(base, x=Attribute())
    o = kind()
    if own:
        o.x = 5
    site, of_class = Site(o), Site(kind)

    def check() -> None:
        site.check(o, kind())
        of_class.check(kind)

    Attribute.__get__ = lambda self, instance, owner: ("get", instance, owner)
    check()
    Attribute.__set__ = lambda self, instance, value: None
    check()
    Attribute.__get__ = lambda self, instance, owner: ("get again", instance, owner)
    check()
    del Attribute.__get__
    check()
    del Attribute.__set__
    check()
    vars(kind)["x"].__class__ = Getter
    check()


def test_module_as_class_attribute_gets_another_class() -> None:
    class Described(types.ModuleType):
        def __get__(self, instance: Any, owner: Any) -> str:
            return "described"

    class T:
        x = types.ModuleType("x")

    site, of_class = Site(T()), Site(T)
    T.x.__class__ = Described
    site.check(T())
    of_class.check(T)


def test_getter_of_property_changes() -> None:
    class T:
        x = property(lambda self: a)

    site = Site(T())
    vars(T)["x"].__init__(lambda self: c)
    gc.collect()
    site.check(T())
    vars(T)["x"].__init__(None)
    site.check(T())
    vars(T)["x"].__init__(lambda self, more=c: more)
    site.check(T())


def test_property_subclass() -> None:
    class P(property):
        def __get__(self, instance: Any, owner: Any = None) -> Any:
            return "mine"

    class T:
        x = P(lambda self: 1)

    site = Site(T())
    del P.__get__
    site.check(T())
    P.__get__ = lambda self, instance, owner: "another"
    site.check(T())


def test_metaclass_changes() -> None:
    class M(type):
        pass

    class N(type):
        x = property(lambda cls: "N")

    class T(metaclass=M):
        x = a

    site = Site(T)
    M.x = 1
    site.check(T)
    M.x = property(lambda cls: c)
    site.check(T)
    M.x = Getter()
    site.check(T)
    Getter.__set__ = lambda self, instance, value: None
    try:
        site.check(T)
    finally:
        del Getter.__set__
    site.check(T)
    del T.x
    site.check(T)
    del M.x
    site.check(T)
    M.__getattr__ = lambda cls, name: c
    site.check(T)
    T.x = b
    site.check(T)
    M.__getattribute__ = lambda cls, name: c
    site.check(T)
    del M.__getattribute__, M.__getattr__
    site.check(T)
    T.__class__ = N
    site.check(T)


def test_getattribute_and_getattr_come_and_go() -> None:
    class T:
        x = a

    class U:
        def __getattr__(self, name: str) -> Any:
            return c

    site, hooked = Site(T()), Site(U())
    o = T()
    T.__getattr__ = lambda self, name: c
    site.check(o)
    del T.x
    site.check(o)
    T.__getattribute__ = lambda self, name: c
    site.check(o)
    del T.__getattr__
    site.check(o)
    del T.__getattribute__
    site.check(o)
    u = U()
    U.x = property(lambda self: self.y)
    hooked.check(u)
    U.x = property(lambda self: object().y)
    hooked.check(u)
    U.x = Getter()
    hooked.check(u)
    U.x = a
    u.x = 1
    hooked.check(u, U())
    del U.__getattr__
    hooked.check(u, U())
    del U.x
    hooked.check(u, U())


def test_slot_descriptor_of_another_class() -> None:
    class A:
        __slots__ = ("x",)

    class B:
        __slots__ = ("y",)
        x = A.x

    class C(A):
        pass

    o = A()
    o.x = 1
    site = Site(o, calls=False)
    site.check(A(), B())
    p = C()
    p.x = 2
    site.check(p, C(), o, B())
    del o.x
    site.check(o)
    C.x = 7
    site.check(p, C())
    wrong = Site(B(), calls=False)
    wrong.check(o, B())
    store = define("def f(o, v): o.x = v")
    hot(store, A(), 1)
    for target in (B(), o, p, C()):
        twin = type(target)()
        assert outcome(store, target, 5)[:1] == outcome(setattr, twin, "x", 5)[:1]
        assert outcome(getattr, target, "x")[:2] == outcome(getattr, twin, "x")[:2] or type(target) is B


def test_dunder_class() -> None:
    load = define("def f(o): return o.__class__")
    plain = fresh(load)

    class T:
        pass

    class Liar:
        __class__ = property(lambda self: int)

    class Slotted:
        __slots__ = ()

    hot(load, T())
    for o in (T(), Liar(), 1, T, Slotted(), enum, len, Number(3), WithMeta) * 2:
        assert load(o) is plain(o)
    o = T()
    o.__class__ = Plain
    assert load(o) is Plain
    before = sys.getrefcount(Plain)
    for _ in range(100):
        load(o)
    assert sys.getrefcount(Plain) == before


def test_attributes_of_modules() -> None:
    m, n = types.ModuleType("m"), types.ModuleType("n")
    m.x = n.x = c
    site = Site(m)
    site.check(n, m)
    m.y = 1
    site.check(m)
    m.x = 2
    site.check(m, n)
    del m.x
    site.check(m)
    m.__getattr__ = lambda name: c
    site.check(m)
    m.x = 3
    site.check(m)
    for i in range(100):
        setattr(m, f"n{i}", i)
    site.check(m)
    vars(m).clear()
    m.x = 4
    site.check(m)
    vars(m)[1] = 1
    site.check(m)

    class M(types.ModuleType):
        x = property(lambda self: "property")

    m.__class__ = M
    site.check(m, n)


@pytest.mark.parametrize("first", range(0, 3 * len(VALUES), 4))
def test_many_classes_at_one_site(first: int) -> None:
    kinds = [subclass(base, x=make()) for base in (Plain, Number, Slots) for make in VALUES.values()] * 2
    site, of_class = Site(kinds[first]()), Site(kinds[first])
    objects = [kind() for kind in kinds]
    for _ in range(3):
        site.check(*objects)
        of_class.check(*kinds, *objects)
    for o in objects[::3]:
        outcome(setattr, o, "x", c)
    site.check(*objects, *kinds)
    for kind in kinds:
        kind.x = a
    site.check(*objects)
    of_class.check(*kinds)


def test_many_classes_with_own_attributes() -> None:
    """The same name at other places, and the same place with other names."""
    kinds = []
    for n in range(12):
        slots = (*(f"s{i}" for i in range(n)), "x")
        kinds.append(
            types.new_class("S", (), {}, lambda namespace, slots=slots: namespace.update(__slots__=slots))
        )
        kinds.append(subclass(Plain))
    load, store = define("def f(o): return o.x, o.y"), define("def f(o, v): o.x = v")

    def made(kind: type, n: int) -> Any:
        o = kind()
        for i in range(n % 7):
            outcome(setattr, o, f"s{i}", i)
        outcome(setattr, o, "y", ("y", n))
        return o

    for warm in kinds[:2]:
        load, store = fresh(load), fresh(store)
        for _ in range(10):
            o = made(warm, 1)
            store(o, 1)
            outcome(load, o)
        compiled(load)
        compiled(store)
        for n, kind in enumerate(kinds * 3):
            o = made(kind, n)
            store(o, n)
            store(o, [n])
            assert o.x == [n]
            assert outcome(load, o) == outcome(fresh(load), o)
            truth = made(kind, n)
            truth.x = [n]
            assert list(getattr(o, "__dict__", {}).items()) == list(getattr(truth, "__dict__", {}).items())


def test_types_that_change_all_the_time() -> None:
    class T:
        x = 0

    site = Site(T())
    load = hot(define("def f(o): return o.x"), T)
    for i in range(3000):
        T.x = i
        assert load(T) == i and site.load(T()) == i


def test_freed_types_and_names() -> None:
    """Descriptions that all sites share must not outlive what they are about."""
    for i in range(200):
        kind = subclass(Plain, x=i)
        load = (
            hot(define(f"def f(o): return o.x, o.unique{i}"), kind())
            if i < 0
            else define("def f(o): return o.x")
        )
        hot(load, kind())
        assert load(kind()) == i
        name = f"n{i}"
        other = define(f"def f(o): return o.{name}")
        setattr(kind, name, -i)
        hot(other, kind())
        assert other(kind()) == -i
        del kind, load, other
        gc.collect() if i % 50 == 0 else None


# ---- stores


def stores(target: Any, name: str = "x") -> list[Any]:
    return [outcome(getattr, target, name), list(getattr(target, "__dict__", {}).items())]


@pytest.mark.parametrize(
    "base", [Plain, Slots, SlotsAndDict, Number, Error, WithGetattr], ids=lambda b: b.__name__
)
def test_stores(base: type) -> None:
    def members() -> dict[str, Any]:
        return {"__slots__": ("x",)} if base is Slots else {}

    kind, truth = (types.new_class("T", (base,), {}, lambda n: n.update(members())) for _ in range(2))
    store = define("def f(o, v): o.x = v")
    warm = kind()
    hot(store, warm, 0)
    adding = define("def f(o, v): o.x = v")
    for _ in range(20):
        adding(kind(), 1)
    hot(adding, kind(), 1)

    def same(change: Callable[[Any], None] = lambda o: None) -> None:
        for site in (store, adding):
            o, t = kind(), truth()
            outcome(change, o)
            outcome(change, t)
            for value in (1, [2], None):
                assert outcome(site, o, value)[:2] == outcome(setattr, t, "x", value)[:2]
                assert stores(o) == stores(t)
            for p in (o, t):
                outcome(setattr, p, "later", 1)
            outcome(site, o, 9)
            outcome(setattr, t, "x", 9)
            assert stores(o) == stores(t)

    def clear(o: Any) -> None:
        o.x = 1
        del o.x

    def many(o: Any) -> None:
        for i in range(40):
            setattr(o, f"a{i}", i)

    same()
    same(lambda o: setattr(o, "y", 1))
    same(lambda o: o.__dict__.update(x=1))
    same(lambda o: o.__dict__.update(z=1))
    same(lambda o: setattr(o, "__dict__", {"q": 1}))
    same(lambda o: setattr(o, "__dict__", {1: 1}))
    same(lambda o: setattr(o, "__dict__", Dict(q=1)))
    same(clear)
    same(many)
    if base is not Slots:
        for k in (kind, truth):
            k.x = a
        same()
        for k in (kind, truth):
            k.x = property(
                lambda self: self.__dict__.get("_x"), lambda self, v: self.__dict__.update(_x=(v,))
            )
        same()
        for k in (kind, truth):
            k.x = property(lambda self: 1)
        same()
    for k in (kind, truth):
        k.__setattr__ = lambda self, name, value: object.__setattr__(self, name, [value])
    same()


def test_value_becomes_a_data_descriptor_under_a_store() -> None:
    class Attribute:
        pass

    class T:
        x = Attribute()

    log: list[Any] = []
    store = hot(define("def f(o, v): o.x = v"), T(), 1)
    o = T()
    store(o, 1)
    assert o.__dict__ == {"x": 1}
    Attribute.__set__ = lambda self, instance, value: log.append(value)
    store(o, 2)
    assert log == [2] and o.__dict__ == {"x": 1}
    del Attribute.__set__
    store(o, 3)
    assert log == [2] and o.__dict__ == {"x": 3}


def test_stores_release_in_order() -> None:
    log: list[str] = []

    class Loud:
        def __init__(self, name: str) -> None:
            self.name = name

        def __del__(self) -> None:
            log.append(self.name)

    class T(Loud):
        pass

    store = define("def f(o, v): o.x = v")
    hot(store, T("warm"), 1)
    log.clear()
    o = T("owner")
    store(o, Loud("first"))
    store(o, Loud("second"))
    assert log == ["first"]
    define("def f(store, T, L): store(T('gone'), L('value'))")(store, T, Loud)
    assert log == ["first", "gone", "value"]
    del o
    assert log == ["first", "gone", "value", "owner", "second"]


# ---- super() and __getitem__


def test_super_methods() -> None:
    class A:
        def x(self) -> Any:
            return "A"

    class B(A):
        def x(self) -> Any:
            return "B", super().x()

    class C(A):
        def x(self) -> Any:
            return "C", super().x()

    class D(B, C):
        pass

    hot(B.x, B())
    for o in (B(), D(), B(), D()):
        assert o.x() == (("B", ("C", "A")) if type(o) is D else ("B", "A"))
    A.x = lambda self: "changed"
    assert B().x() == ("B", "changed") and D().x() == ("B", ("C", "changed"))
    A.x = classmethod(lambda cls: cls.__name__)
    assert B().x() == ("B", "B") and D().x() == ("B", ("C", "D"))
    A.x = staticmethod(lambda: "static")
    assert B().x() == ("B", "static")
    A.x = 5
    assert outcome(B().x)[0] is TypeError
    del A.x
    assert outcome(B().x)[0] is AttributeError
    B.__bases__ = (C,)
    C.x = lambda self: "C now"
    assert B().x() == ("B", "C now")
    o = B()
    o.__dict__["x"] = 1  # super does not look at the instance
    assert B.x(o) == ("B", "C now")
    assert outcome(B.x, A())[0] is TypeError
    B.__getattribute__ = lambda self, name: "all"
    assert B.x(B()) == ("B", "C now")


def test_super_of_classes_and_other_classes() -> None:
    class A:
        @classmethod
        def x(cls) -> Any:
            return "A", cls.__name__

    class B(A):
        @classmethod
        def x(cls) -> Any:
            return "B", super().x()

    hot(B.x.__func__, B)
    assert B.x() == ("B", ("A", "B")) and B().x() == ("B", ("A", "B"))
    two = define("def f(c, o): return super(c, o).x()")
    hot(two, B, B())
    for kind, o in itertools.product((A, B), (A(), B(), A, B, 1)):
        assert outcome(two, kind, o)[:2] == outcome(fresh(two), kind, o)[:2]


def test_getitem() -> None:
    get = define("def f(o, k): return o[k]")

    class A:
        def __getitem__(self, key: Any) -> Any:
            return "A", key

    class B(dict[Any, Any]):
        def __getitem__(self, key: Any) -> Any:
            return "B", dict.get(self, key)

        def __missing__(self, key: Any) -> Any:
            return "missing"

    for _ in range(20):
        get(A(), 1)
    hot(get, A(), 1)
    objects = [A(), B({1: 2}), {1: 2}, [0, 1], (0, 1), "ab", b"ab", A, list, 5]
    for o in objects * 2:
        assert (
            outcome(get, o, 1)[:2] == outcome(lambda o: o.__class_getitem__(1) if o is list else o[1], o)[:2]
        )
    A.__getitem__ = lambda self, key, more=3: ("new", key, more)
    assert get(A(), 1) == ("new", 1, 3)
    A.__getitem__ = len
    assert outcome(get, A(), 1)[0] is TypeError
    A.__getitem__ = classmethod(lambda cls, key: (cls, key))
    assert get(A(), 1) == (A, 1)
    del A.__getitem__, B.__getitem__
    assert outcome(get, A(), 1)[0] is TypeError
    assert get(B({1: 2}), 1) == 2 and get(B(), 1) == "missing"


def test_comprehensions_append() -> None:
    squares = hot(define("def f(n): return [i * i for i in range(n)]"), 3)
    for n in (0, 1, 4, 5, 17, 1000):
        assert squares(n) == [i * i for i in range(n)]
    nested = hot(define("def f(n): return [[str(j) for j in range(i)] for i in range(n) if i % 2]"), 3)
    assert nested(8) == [list(map(str, range(i))) for i in (1, 3, 5, 7)]
    shared = hot(define("def f(o, n): return [o for i in range(n)]"), object(), 3)
    o = object()
    before = sys.getrefcount(o)
    made = shared(o, 100)
    assert sys.getrefcount(o) == before + 100 and made == [o] * 100
    del made
    assert sys.getrefcount(o) == before
