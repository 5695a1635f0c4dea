"""Objects of every kind that machine code makes and ends itself: who dies when, in which order, and what is left."""

import gc
import sys
import weakref

log = []


class Noted:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        log.append(self.name)


class Plain:
    def __init__(self, first, second=None):
        self.first = first
        self.second = second


class Slotted:
    __slots__ = ("first", "second")

    def __init__(self, first, second):
        self.first = first
        self.second = second


class MoreSlots(Slotted):
    __slots__ = ("third", "__weakref__")

    def __init__(self, first, second, third):
        super().__init__(first, second)
        self.third = third


class Mixed(Slotted):
    def __init__(self, first, second):
        super().__init__(first, second)
        self.last = first


class Revived:
    def __init__(self, value):
        self.value = value

    def __del__(self):
        log.append(("revived", self.value))
        kept.append(self)


class Failure(Exception):
    pass


class Labelled(Failure):
    __slots__ = ("label",)


class Own(Exception):
    def __init__(self, text, code=7):
        super().__init__(text)
        self.code = code


class Changed(Exception):
    def __new__(cls, *args):
        log.append(("new", args))
        return super().__new__(cls, *args)


kept = []


def instances(i):
    Plain(Noted(i), Noted(i + 1))
    Plain(Noted(i))
    Slotted(Noted(i), Noted(i + 1))
    MoreSlots(Noted(i), Noted(i + 1), Noted(i + 2))
    Mixed(Noted(i), Noted(i + 1))
    with_dict = Plain(Noted(i))
    with_dict.__dict__["more"] = Noted("dict")
    del with_dict
    many = Plain(1)
    for name in ("a", "b", "c", "d", "e", "f"):
        setattr(many, name, Noted(name))
    del many.c
    many = None
    watched = Plain(Noted("watched"))
    reference = weakref.ref(watched, lambda _: log.append("callback"))
    watched = None
    log.append(reference() is None)
    slotted = MoreSlots(1, 2, Noted("weak"))
    reference = weakref.ref(slotted, lambda _: log.append("callback"))
    del slotted
    Revived(i)
    kept.pop().value = Noted("second life")


def containers(i):
    triple = (Noted(i), Noted(i + 1), (Noted(i + 2),))
    triple = None
    items = [Noted(i), [Noted(i + 1)], Noted(i + 2)]
    items = None
    long = [Noted(0), *range(30), Noted(1)]
    wide = (Noted(0), *range(30), Noted(1))
    del long, wide
    bound = Noted(i).__repr__
    bound = Plain(Noted(i)).__init__
    bound = None
    text = f"text {i}"
    del text

    def closure():
        return held

    held = Noted("held")
    closure()
    del closure
    held = None


def raising(error):
    local = Noted("local")
    raise error


def failures(i):
    for make in (
        lambda: Failure(Noted(i), i),
        lambda: Failure(),
        lambda: ValueError("text", i),
        lambda: KeyError(i),
        lambda: Own("own"),
        lambda: Changed(i),
        lambda: StopIteration(i),
        lambda: OSError(2, "none", "file"),
        lambda: UnicodeDecodeError("utf8", b"a", 0, 1, "why"),
    ):
        try:
            raising(make())
        except Exception as error:
            log.append(
                (
                    type(error).__name__,
                    len(error.args),
                    error.__traceback__.tb_next.tb_lineno,
                )
            )
            log.append(error.__context__ is None)
    labelled = Labelled(1)
    labelled.label = Noted("label")
    labelled.more = Noted("more")
    labelled.add_note("note")
    del labelled
    try:
        try:
            raising(Failure(1))
        except Failure as first:
            raise KeyError(2) from first
    except KeyError as second:
        log.append(
            (
                second.__cause__.args,
                second.__context__.args,
                second.__cause__ is second.__context__,
            )
        )
    try:
        try:
            raise Failure
        except Failure:
            raise ValueError
    except ValueError as error:
        log.append((error.args, type(error.__context__)))
    try:
        Failure(text=1)
    except TypeError as error:
        log.append(str(error))
    chain = None
    try:
        for n in range(5):
            chain, chain.__context__ = Failure(n, Noted(n)), chain
    except AttributeError:
        log.append("no context")
    chain = None


def deep(n):
    nested = ()
    items = []
    chain = None
    error = None
    for i in range(n):
        nested = (nested,)
        items = [items]
        chain = Plain(chain, (i,))
        error, before = Failure(i), error
        error.__context__ = before
    before = None
    nested = None
    items = None
    chain = None
    error = None


def collections(n):
    phases = []
    gc.callbacks.append(
        lambda phase, info: phases.append(info["generation"])
        if phase == "start"
        else None
    )
    old = gc.get_threshold()
    gc.set_threshold(200, 10, 10)
    held = []
    for i in range(n):
        held.append((Plain(i), [i], Slotted(i, i)))
    gc.set_threshold(*old)
    gc.callbacks.pop()
    return len(phases), len(held)


def made(n):
    held = [Plain(i) for i in range(n)]
    before = gc.get_count()[0]
    held.append(Plain(1))
    held.append(Slotted(1, 2))
    held.append(MoreSlots(1, 2, 3))
    held.append([1])
    return [gc.is_tracked(o) for o in held[-4:]], before >= 0


gc.disable()  # when it comes depends on what else is made
for round_ in range(30):
    instances(round_)
    containers(round_)
    failures(round_)
    print(log)
    log.clear()
for n in (10, 1000, 50_000):
    deep(n)
blocks = []
for round_ in range(12):
    for i in range(50):
        instances(i)
        containers(i)
        failures(i)
    gc.collect()
    log.clear()
    blocks.append(sys.getallocatedblocks())
print("grown" if blocks[-1] > blocks[-6] + 60 else "level")
gc.enable()
for _ in range(3):
    count, length = collections(4000)
    print(66 <= count <= 80, length)
for _ in range(5):
    print(made(20))
