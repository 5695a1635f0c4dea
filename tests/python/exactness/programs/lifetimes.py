# modes: everything tier-up
"""When objects die, and how many references there are while they live, as seen by destructors, callbacks and counts.

Each scene is played cold, warm and hot, so that calls are made by the interpreter, through what counts them, and by
machine code.  What differs is in test_known_differences.py.
"""

import gc
import sys
import weakref


class Noisy:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        LOG.append(f"del {self.name}")

    def method(self, *rest):
        LOG.append("method")
        return self

    def __call__(self, *rest):
        LOG.append("called")

    def __add__(self, other):
        return Noisy(self.name + "+")

    def __getitem__(self, key):
        return Noisy("item")

    def __enter__(self):
        return Noisy("entered")

    def __exit__(self, *rest):
        LOG.append("exit")

    def __iter__(self):
        yield Noisy("first")
        yield Noisy("second")


LOG = []
count = sys.getrefcount


def show(x):
    LOG.append(("count", count(x)))


def argument_deleted(x):
    del x
    LOG.append("deleted")


def argument_overwritten(x, y=None):
    x = 1
    LOG.append("overwritten")
    y = 2
    LOG.append("again")


def star_deleted(*args, **kwargs):
    del args
    LOG.append("no args")
    del kwargs
    LOG.append("no kwargs")


def default_only(a, b=None, *, k=None):
    a = b = k = None
    LOG.append("gone")


def counts_argument(x):
    show(x)
    return count(x)


def returns_argument(x):
    return x


def makes_cell(x):
    def inner():
        return x

    show(x)
    return inner


class Holder:
    def __init__(self, value):
        self.value = value
        LOG.append("init")
        value = None
        LOG.append("init forgets")

    def forget(self, value):
        value = None
        LOG.append("forgot")

    @property
    def prop(self):
        return self.value

    def __getattr__(self, name):
        return Noisy(name)


def scene_arguments():
    argument_deleted(Noisy("a"))
    LOG.append("back")
    argument_overwritten(Noisy("x"), Noisy("y"))
    argument_overwritten(y=Noisy("y"), x=Noisy("x"))
    star_deleted(Noisy("1"), Noisy("2"), k=Noisy("3"))
    default_only(Noisy("a"), Noisy("b"), k=Noisy("k"))
    default_only(Noisy("a"), k=Noisy("k"))
    default_only(Noisy("a"))


def scene_methods():
    Noisy("self").method()
    LOG.append("statement")
    Noisy("self").method(Noisy("arg")).method()
    h = Holder(Noisy("held"))
    h.forget(Noisy("forgotten"))
    Holder.forget(h, Noisy("unbound"))
    bound = h.forget
    bound(Noisy("bound"))
    h = None
    LOG.append("holder gone")
    bound = None
    LOG.append("bound gone")
    Holder(Noisy("at once"))
    Noisy("callable")(Noisy("argument"))


def scene_counts():
    x = Noisy("x")
    show(x)
    counts_argument(x)
    counts_argument(returns_argument(x))
    returns_argument(returns_argument(x))
    y = x
    show(y)
    pair = (x, [x], {"x": x})
    show(x)
    pair = None
    for z in (x, x):
        show(z)
    LOG.append(count(x) - count(y))
    f = makes_cell(x)
    show(f())
    del f, y, z
    show(x)
    LOG.append([count(v) for v in [x, x]])
    LOG.append(count(Noisy("temporary")))


def scene_expressions():
    (Noisy("a") + Noisy("b")).method(Noisy("c") + Noisy("d"))
    LOG.append("one")
    Noisy("container")[Noisy("key")].name
    LOG.append("two")
    [Noisy("list"), (Noisy("tuple"), {"k": Noisy("dict")})]
    LOG.append("three")
    x = Noisy("x") if Noisy("condition") else None
    x = x and Noisy("and")
    LOG.append("four")
    Holder(Noisy("attribute")).prop.name
    LOG.append(Holder(1).missing.name)
    LOG.append("five")
    f"{Noisy('formatted').name}{Noisy('second').name}"
    _ = Noisy("compared") is Noisy("other"), Noisy("in") in [Noisy("list")]
    LOG.append("six")
    Noisy("global")
    lambda: Noisy("never")


def scene_loops():
    for item in Noisy("iterable"):
        LOG.append(item.name)
    LOG.append("loop over")
    for item in [Noisy("1"), Noisy("2")]:
        if item.name == "1":
            continue
        break
    LOG.append("broken")
    del item
    total = [x.name for x in (Noisy("c1"), Noisy("c2"))]
    LOG.append(total)
    first, second = Noisy("unpacked")
    first, second = second, first
    LOG.append("swapped")
    first = second = None
    while Noisy("while"):
        break
    LOG.append("end of loops")


def fails(x):
    local = Noisy("local of fails")
    raise ValueError(x.name)


def scene_exceptions():
    try:
        fails(Noisy("argument"))
    except ValueError:
        LOG.append("caught")
    LOG.append("after")
    try:
        [Noisy("below"), fails(Noisy("argument")), Noisy("never")]
    except ValueError as error:
        LOG.append(str(error))
        kept = error
    LOG.append("kept")
    kept = None
    try:
        with Noisy("manager") as entered:
            for x in Noisy("iterated"):
                fails(x)
    except ValueError:
        LOG.append("out of with")
    entered = x = None
    try:
        try:
            fails(Noisy("inner"))
        finally:
            LOG.append("finally")
    except ValueError:
        LOG.append("outer")


def scene_locals_at_exit():
    b = Noisy("b")
    a = Noisy("a")
    c = [Noisy("c1"), Noisy("c2")]

    def inner():
        return cell

    cell = Noisy("cell")
    return len(c)


def generator():
    local = Noisy("generator's")
    yield Noisy("yielded")
    del local
    yield 2
    last = Noisy("last")


def scene_generators():
    for x in generator():
        LOG.append("body")
    del x
    LOG.append("exhausted")
    g = generator()
    next(g)
    LOG.append("suspended")
    del g
    LOG.append("dropped")
    g = generator()
    g.close()
    sum(1 for y in (Noisy("in genexpr"),))
    LOG.append("end")


def scene_weak_references():
    x = Noisy("weakly")
    ref = weakref.ref(x, lambda r: LOG.append("callback"))
    weakref.finalize(x, LOG.append, "finalizer")
    x = None
    LOG.append(ref() is None)
    cycle = Noisy("cycle")
    cycle.me = cycle
    weakref.finalize(cycle, LOG.append, "cycle finalizer")
    cycle = None
    gc.collect()
    LOG.append("collected")


def scene_stores():
    h = Holder(Noisy("first"))
    h.value = Noisy("second")
    LOG.append("replaced")
    del h.value
    LOG.append("deleted")
    d = {"k": Noisy("dict")}
    d["k"] = Noisy("new")
    LOG.append("item")
    v = [Noisy("0"), Noisy("1")]
    v[0] = v[1]
    LOG.append("moved")
    v[:] = [Noisy("slice")]
    global GLOBAL
    GLOBAL = Noisy("global 1")
    GLOBAL = Noisy("global 2")
    LOG.append("global")
    del GLOBAL
    d.clear()
    LOG.append("end")


def scene_destructor_looks_back():
    class Looker:
        def __del__(self):
            frame = sys._getframe(1)
            LOG.append((frame.f_code.co_name, frame.f_lineno, sorted(frame.f_locals)))

    x = Looker()
    x = 1
    y = [Looker()]
    y.clear()
    Looker()
    del y
    z = Looker()


def scene_destructor_changes_things():
    class Changer:
        def __del__(self):
            sys._getframe(1).f_locals["total"] = 100

    total = 1
    x = Changer()
    x = None
    total += 1
    LOG.append(total)
    values = [Changer()]
    values[0] = total
    LOG.append((total, values))


def scene_raising_destructor():
    class Raises:
        def __del__(self):
            raise RuntimeError("from __del__")

    def hook(unraisable):
        LOG.append(("unraisable", str(unraisable.exc_value)))

    sys.unraisablehook = hook
    x = Raises()
    x = 1
    Raises()
    try:
        raise ValueError(Raises())
    except ValueError:
        LOG.append("handler")
    sys.unraisablehook = sys.__unraisablehook__


SCENES = [value for name, value in list(globals().items()) if name.startswith("scene_")]

gc.disable()
for scene in SCENES:
    for i in range(8):
        LOG.clear()
        scene()
        gc.collect()
        print(scene.__name__, i, LOG)
