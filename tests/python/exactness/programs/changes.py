"""Code, defaults, classes, attributes, globals, builtins and cells change under running and under hot code."""

import builtins
import sys
import types

LOG = []


def twice(function):
    for _ in range(3):
        function()
        LOG.append("--")


# ---- __code__, __defaults__, __kwdefaults__ of a function while it runs, and while others call it


def target(a, b=1, *, k=2):
    return ("first", a, b, k)


def second(a, b=10, *, k=20):
    return ("second", a, b, k)


def different(*args, **kwargs):
    return ("different", args, kwargs)


ORIGINAL = target.__code__, target.__defaults__, target.__kwdefaults__


def callers(n):
    out = []
    for i in range(n):
        out.append(target(i))
        if i == 3:
            target.__code__ = second.__code__
        if i == 5:
            target.__defaults__ = (i,)
        if i == 7:
            target.__kwdefaults__ = {"k": "new"}
        if i == 9:
            target.__code__ = different.__code__
        if i == 11:
            target.__defaults__ = None
            target.__code__ = second.__code__
            try:
                target(i)
            except TypeError as error:
                out.append(str(error))
            target.__defaults__ = (5,)
        if i == 13:
            target.__kwdefaults__["k"] = "changed in place"
        if i == 15:
            target.__kwdefaults__ = None
            try:
                target(i)
            except TypeError as error:
                out.append(str(error))
            target.__code__, target.__defaults__, target.__kwdefaults__ = ORIGINAL
    LOG.append(out)


def itself(n):
    out = []
    for i in range(n):
        if i == 4:
            itself.__code__ = replacement.__code__
        out.append(i)
    LOG.append(out)


def replacement(n):
    LOG.append(("replacement", n))


SELF = itself.__code__


def self_replacing():
    itself(8)
    itself(8)
    itself.__code__ = SELF
    itself(6)


# ---- classes and instances


class A:
    x = "class A"

    def __init__(self):
        self.y = 1

    def m(self):
        return "A.m"

    def keep(self):
        return [self.m(), self.x, self.y, type(self).__name__]


class B(A):
    x = "class B"

    def m(self):
        return "B.m"


class Slotted:
    __slots__ = ("x", "y")


def classes(n):
    a = A()
    out = []
    for i in range(n):
        out.append((a.m(), a.x, a.y, a.keep()))
        if i == 2:
            a.__class__ = B
        if i == 4:
            a.x = "instance"
        if i == 5:
            B.m = lambda self: "new B.m"
        if i == 6:
            del a.x
        if i == 7:
            B.x = property(lambda self: "property")
        if i == 8:
            a.__dict__ = {"y": "replaced", "m": lambda: "instance m"}
        if i == 9:
            del a.m
        if i == 10:
            a.__class__ = A
        if i == 11:
            A.__getattribute__ = lambda self, name: object.__getattribute__(self, name)
        if i == 12:
            del A.__getattribute__
            A.__getattr__ = lambda self, name: f"missing {name}"
        if i == 13:
            a.__dict__.clear()
        if i == 14:
            a.y = "again"
            A.m = staticmethod(lambda: "static")
        if i == 15:
            A.m = classmethod(lambda cls: cls.__name__)
        if i == 16:
            B.__bases__ = (Other, A)
            a.__class__ = B
        if i == 17:
            A.late = "late"
            out.append(a.late)
    A.m = ORIGINAL_M
    B.m = ORIGINAL_BM
    B.x = "class B"
    B.__bases__ = (A,)
    del A.__getattr__, A.late
    LOG.append(out)


class Other:
    x = "class Other"


ORIGINAL_M, ORIGINAL_BM = A.m, B.m


def methods_running():
    class C:
        def go(self, n):
            out = []
            for i in range(n):
                out.append(self.step(i))
                if i == 2:
                    C.step = lambda self, i: ("new step", i)
                if i == 4:
                    C.go = None
                if i == 5:
                    self.__class__ = D
                if i == 6:
                    self.step = lambda i: ("instance", i)
            return out

        def step(self, i):
            return ("step", i)

    class D:
        def step(self, i):
            return ("D", i)

    LOG.append(C().go(9))


def dunders():
    class N:
        def __add__(self, other):
            return "add"

        def __getitem__(self, i):
            return "item"

        def __len__(self):
            return 1

        def __iter__(self):
            return iter([1])

        def __call__(self):
            return "call"

        def __eq__(self, other):
            return True

        __hash__ = None

    n = N()
    out = []
    for i in range(10):
        out.append((n + 1, n[0], len(n), list(n), n(), n == 1, bool(n)))
        if i == 2:
            N.__add__ = lambda self, other: "new add"
        if i == 3:
            N.__getitem__ = lambda self, i: "new item"
        if i == 4:
            N.__len__ = lambda self: 0
        if i == 5:
            N.__iter__ = lambda self: iter("ab")
        if i == 6:
            N.__call__ = lambda self: "new call"
        if i == 7:
            N.__eq__ = lambda self, other: "equal"
        if i == 8:
            N.__bool__ = lambda self: False
    LOG.append(out)


# ---- globals, builtins, modules, cells

number = 1


def global_loop(n):
    global number
    number = 1
    out = []
    for i in range(n):
        out.append(number)
        change_global(i)
        out.append(number)
    LOG.append(out)


def change_global(i):
    global number
    if i == 2:
        number = "text"
    if i == 4:
        globals()["number"] = 2.5
    if i == 6:
        del globals()["number"]
        globals()["number"] = [i]


def deleted_global(n):
    globals()["temporary"] = 1
    out = []
    for i in range(n):
        try:
            out.append(temporary)
        except NameError as error:
            out.append(str(error))
        if i == 2:
            del globals()["temporary"]
        if i == 4:
            builtins.temporary = "builtin"
        if i == 6:
            globals()["temporary"] = "global again"
        if i == 8:
            del globals()["temporary"]
    del builtins.temporary
    LOG.append(out)


def builtins_loop(n):
    out = []
    original = len
    for i in range(n):
        out.append(len("abc"))
        if i == 2:
            builtins.len = lambda s: "builtin replaced"
        if i == 4:
            globals()["len"] = lambda s: "global shadows"
        if i == 6:
            del globals()["len"]
        if i == 8:
            builtins.len = original
    LOG.append(out)


def types_of_builtins(n):
    out = []
    original = builtins.range, builtins.isinstance
    for i in range(n):
        out.append((list(range(2)), isinstance(i, int)))
        if i == 1:
            builtins.range = lambda k: "range"
        if i == 2:
            builtins.isinstance = lambda a, b: "isinstance"
        if i == 3:
            builtins.range, builtins.isinstance = original
    LOG.append(out)


def modules(n):
    m = types.ModuleType("m")
    m.f = lambda: "f"
    m.x = 1
    out = []
    for i in range(n):
        out.append((m.f(), m.x))
        if i == 1:
            m.f = lambda: "new f"
        if i == 2:
            m.x = 2
        if i == 3:
            m.__dict__.update({f"n{k}": k for k in range(50)})
        if i == 4:
            del m.x
            m.__getattr__ = lambda name: "module getattr"
        if i == 5:
            m.__class__ = type("M", (types.ModuleType,), {"x": property(lambda self: "property")})
    LOG.append(out)


def cells(n):
    value = 0

    def get():
        return value

    def add(k):
        return value + k

    out = []
    cell = get.__closure__[0]
    for i in range(n):
        out.append((get(), add(i)))
        if i == 2:
            cell.cell_contents = 1.5
        if i == 3:
            value = 10
        if i == 4:
            del cell.cell_contents
            try:
                get()
            except NameError as error:
                out.append(str(error))
            value = 3
        value += 1
    LOG.append(out)


def namespaces():
    scope = {"x": 1, "__builtins__": {"len": lambda s: "scoped len"}}
    exec("def f(): return x, len('abc')", scope)
    out = []
    for i in range(6):
        out.append(scope["f"]())
        if i == 1:
            scope["x"] = 2
        if i == 2:
            scope["__builtins__"]["len"] = lambda s: "second"
        if i == 3:
            scope["len"] = lambda s: "global"
        if i == 4:
            del scope["len"]
    LOG.append(out)


class Meta(type):
    def __call__(cls, *args):
        LOG.append("meta call")
        return super().__call__(*args)


def construction(n):
    class C:
        def __init__(self, v):
            self.v = v

    out = []
    for i in range(n):
        c = C(i)
        out.append((type(c).__name__, getattr(c, "v", None), getattr(c, "w", None)))
        if i == 2:
            C.__init__ = lambda self, v: setattr(self, "w", v)
        if i == 4:
            C.__new__ = lambda cls, v: object.__new__(cls)
        if i == 6:
            C.__new__ = lambda cls, v: types.SimpleNamespace(v="namespace")
        if i == 8:
            C.__new__ = lambda cls, v: object.__new__(cls)
            C.__init__ = lambda self, v: None
    LOG.append(out)


def iterators_change():
    class I:
        def __init__(self):
            self.n = 0

        def __iter__(self):
            return self

        def __next__(self):
            self.n += 1
            if self.n == 3:
                I.__next__ = lambda self: "replaced" if self.n < 6 and self.bump() else stop()
            return self.n

        def bump(self):
            self.n += 1
            return True

    def stop():
        raise StopIteration

    LOG.append(list(I()) + [x for x in I()][:1])


for function in (
    lambda: callers(20),
    self_replacing,
    lambda: classes(19),
    methods_running,
    dunders,
    lambda: global_loop(9),
    lambda: deleted_global(11),
    lambda: builtins_loop(11),
    lambda: types_of_builtins(5),
    lambda: modules(7),
    lambda: cells(8),
    namespaces,
    lambda: construction(10),
    iterators_change,
):
    twice(function)
    for line in LOG:
        print(line)
    LOG.clear()
print(sys.getrecursionlimit())
