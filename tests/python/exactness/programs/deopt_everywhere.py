"""Something that forces machine code to stop happens at each place where it can, one place per run.

Each body uses operands whose every special method reports to `tick`. The n-th tick does the mischief: switches
tracing, profiling or monitoring on, raises, writes the caller's variables, collects garbage, or changes a class.
What the body returns, and every event from then on, must be as in the interpreter, for each n.
"""

import gc
import signal
import sys
import zlib

import whipsnake


class Chaos:
    """Counts ticks; at the chosen one, does what was ordered."""

    action = None
    at = 0
    count = 0


def tick(name):
    Chaos.count += 1
    if Chaos.count == Chaos.at:
        Chaos.action(sys._getframe(2))
    return name


class Odd:
    """Every operation ticks; values stay small numbers."""

    def __init__(self, n):
        tick("init")
        self.n = n % 1000

    def __add__(self, other):
        tick("add")
        return Odd(self.n + number(other))

    __radd__ = __add__

    def __sub__(self, other):
        tick("sub")
        return Odd(self.n - number(other))

    def __mul__(self, other):
        tick("mul")
        return Odd(self.n * number(other))

    def __iadd__(self, other):
        tick("iadd")
        self.n += number(other)
        return self

    def __neg__(self):
        tick("neg")
        return Odd(-self.n)

    def __lt__(self, other):
        tick("lt")
        return self.n < number(other)

    def __eq__(self, other):
        tick("eq")
        return self.n == number(other)

    def __hash__(self):
        tick("hash")
        return self.n

    def __bool__(self):
        tick("bool")
        return self.n % 2 == 1

    def __len__(self):
        tick("len")
        return self.n % 5

    def __getitem__(self, key):
        tick("getitem")
        return Odd(self.n + (number(key) if not isinstance(key, slice) else 7))

    def __setitem__(self, key, value):
        tick("setitem")
        self.n = number(value)

    def __delitem__(self, key):
        tick("delitem")

    def __contains__(self, item):
        tick("contains")
        return number(item) % 2 == 0

    def __iter__(self):
        tick("iter")
        for i in range(3):
            tick("next")
            yield Odd(self.n + i)

    def __call__(self, *args, **kwargs):
        tick("call")
        return Odd(self.n + len(args) + 10 * len(kwargs))

    def __getattr__(self, name):
        tick("getattr")
        if name.startswith("__"):
            raise AttributeError(name)
        return Odd(self.n + len(name))

    def __enter__(self):
        tick("enter")
        return self

    def __exit__(self, *exc):
        tick("exit")
        return exc[0] is KeyError

    def __format__(self, spec):
        tick("format")
        return f"<{self.n}>"

    def __index__(self):
        tick("index")
        return self.n % 3

    @property
    def prop(self):
        tick("property")
        return Odd(self.n + 1)

    def method(self, a, b=2, *rest, key=3):
        tick("method")
        return Odd(self.n + number(a) + number(b) + len(rest) + number(key))

    def __repr__(self):
        return f"Odd({self.n})"


def number(x):
    return x.n if type(x) is Odd else x


# ---- the bodies


def arithmetic(a, b):
    c = (a + b) * (a - b) + -(a * 2) - (b + (a + (b + 1)))
    c += a
    d = [a + 1, (b - 2, a * 3), {1: a + b}]
    return c, d, a + b + c


def branches(a, b):
    out = []
    for x in [a, b, 3, a + b]:
        if x < b:
            out.append("less")
        elif x == a:
            out.append("equal")
        else:
            out.append((x and "true") or "false")
        if not x or a in b:
            continue
        out.append(1 if b else 2)
    return out


def attributes(a, b):
    first = a.attr + b.prop
    second = a.method(b, a.other).prop.method(1, 2, 3, key=b)
    b.stored = first
    b.stored += 1
    return [first, second, b.stored, (a.x, b.y)]


def subscripts(a, b):
    values = [1, 2, 3]
    c = a[b] + a[1:b] + values[a] + values[b]
    a[b] = c
    del a[0]
    values[b] = a[values[a]]
    values[a:b] = [9]
    return c, a[2], values


def loops(a, b):
    out = []
    for x in a:
        for y in b:
            if y < x:
                break
            out.append(x + y)
        else:
            out.append("else")
    n = 0
    while n < 4:
        n += 1
        if a:
            continue
        out.append(n)
    out.append([x + y for x in a for y in [1, b]])
    out.append({x: y for x, y in zip(a, b)})
    return out


def unpacking(a, b):
    x, y, z = a
    p, *q = b
    u, (v, *w) = a, b
    return [*a, *b], (x, y, z, p, q, u, v, w), {"k": a + b}


def calls(a, b):
    def inner(x, y=b, *rest, k=a, **more):
        return [x + y, rest, k, sorted(more)]

    first = inner(a + 1, b(1, 2))
    second = inner(*a, **{"k": a + b, "z": 1})
    third = inner(b, *[a, b(k=1)], k=a(), m=2)
    return first, second, third, max(a, b), len(b), isinstance(a, Odd), [a.method(1)][0]


def handlers(a, b):
    out = []
    for x in (a, b):
        try:
            out.append(x + 1)
            if x < 5:
                raise KeyError(x + 2)
            out.append(x.attr)
        except KeyError as error:
            out.append(error.args)
            try:
                x[0] / 0
            except TypeError:
                out.append("type")
        else:
            out.append(x and 1)
        finally:
            out.append(x - 1)
    return out


def managers(a, b):
    out = []
    with a as x, b as y:
        out.append(x + y)
        with a + b:
            raise KeyError("swallowed")
        out.append("after")
    with a:
        for z in b:
            if z == b:
                continue
            out.append(z)
    return out


def formats(a, b):
    return f"{a}-{b:{a.n}}-{a + b!r}", "%s" % (a,), str(a) + str(b)


def generators(a, b):
    def gen(x):
        got = yield x + 1
        try:
            got = yield x + (got or 0)
        finally:
            got = x - 1
        yield from x
        return got

    g = gen(a)
    out = [next(g), g.send(b), next(g)]
    out += list(gen(b))
    out.append(sum((x for x in a), Odd(1)))
    g.close()
    return out


def closures(a, b):
    total = a

    def add(x):
        nonlocal total
        total = total + x
        return total

    out = [add(b), add(1), add(a[0])]
    return out, total, (lambda: total + b)()


def matches(a, b):
    out = []
    for subject in ([a, b], {"k": a}, a, (1, (a, 2))):
        match subject:
            case [x, Odd(n=n)] if x < b:
                out.append(("pair", n))
            case [x, Odd(n=n)]:
                out.append(("other pair", x, n))
            case {"k": Odd() as v, **rest}:
                out.append((v + 1, rest))
            case [1, [y, z]]:
                out.append(y + z)
            case _:
                out.append("rest")
    return out


def mixed(a, b):
    table = {i: [i] * 3 for i in range(3)}
    t = 0.5
    n = 0
    for i in range(4):
        t = t * 1.5 + i
        n = n * 3 + i
        table[i % 3][i % 2] = (a + i, f"{i}{b}", t, n)
        if i == 2 and a < b:
            t = t + len(b)
    return table, t, n


def deletions(a, b):
    values = [a, b, a + b]
    c = b
    del values[a], c, a[b]
    a.gone = values
    del a.gone
    values = values and [values.pop()]
    x = a if b else b
    del x
    try:
        return x
    except UnboundLocalError as error:
        return str(error), values, b - 1


def classes(a, b):
    class Base:
        def __init__(self, v):
            self.v = v + a

        def m(self, w):
            return self.v + w

    class Derived(Base):
        made = a + b
        names = [n for n in (a, b)]

        def __init__(self, v):
            super().__init__(v)
            self.w = v + 1

        def m(self, w):
            return [super().m(w), self.made, self.w]

    d = Derived(b)
    return d.m(a), Derived.names, Base(a).m(d.w), [Derived(x).v for x in a]


def groups(a, b):
    out = []
    try:
        raise ExceptionGroup("g", [ValueError(a + 1), KeyError(b + 2)])
    except* ValueError as group:
        out.append(group.exceptions[0].args[0] + b)
    except* KeyError as group:
        out.append([a + b, len(group.exceptions)])
    finally:
        out.append(a - b)
    try:
        try:
            out.append(a.x + undefined)
        except NameError as error:
            raise a(1) and ValueError(b + 1) from error
        finally:
            out.append(b.y)
    except ValueError as error:
        out.append((error.args, type(error.__cause__).__name__))
    return out


def awaits(a, b):
    class Pause:
        def __await__(self):
            got = yield a + 1
            return got + b

    class Manager:
        async def __aenter__(self):
            return await Pause() + a

        async def __aexit__(self, *rest):
            await Pause()
            return a and False

    async def numbers(n):
        for i in range(2):
            yield await Pause() + i + n

    async def main():
        out = []
        async with Manager() as m:
            out.append(m + b)
            async for x in numbers(a):
                out.append(x + 1)
            out.append([y + b async for y in numbers(b) if a])
        out.append(await Pause())
        return out

    c = main()
    out = []
    try:
        out.append(c.send(None))
        while True:
            out.append(c.send(b))
    except StopIteration as stop:
        return out, stop.value


def returns(a, b):
    def early(x):
        try:
            for y in x:
                try:
                    if y < b:
                        return y + a
                finally:
                    out.append(y and 1)
            return None
        finally:
            out.append(x + 1)

    def late(x):
        while x:
            try:
                x = x + 1
                if x == 9:
                    break
                continue
            finally:
                out.append(x - 1)
        return x

    out = []
    out.append([early(a), late(b), early(b), late(a)])
    return out


def globals_and_consts(a, b):
    global SHARED
    SHARED = a + b
    first = SHARED + len("abc") + b
    SHARED = [first, SHARED]
    second = SHARED[0] + (1, 2.5, "x")[0]
    del SHARED
    return first, second, f"{a}{len((a, b))}{b!s}", (a, *[b, 1], {"k": a, **{"j": b + 1}})


def last_steps(a, b):
    def numbers(n):
        yield n
        tick("behind the last")

    class Numbers:
        def __init__(self, n):
            self.left = [n]

        def __iter__(self):
            return self

        def __next__(self):
            tick("next")
            if self.left:
                return self.left.pop()
            raise StopIteration

    def delegate(n):
        got = yield from numbers(n)
        got = [got, (yield from Numbers(n))]
        return got

    out = []
    for x in numbers(a):
        out.append(x)
    out.append(b)
    for x in Numbers(a):
        out.append(x)
    out.append([y for y in Numbers(b)])
    for x in delegate(a):
        out.append(x)
    else:
        out.append(1)
    first, = numbers(a)
    out.append(list(numbers(b)) + [first, *Numbers(a)])
    out.append(dict(zip(numbers(a), Numbers(b))))
    return out


BODIES = [
    last_steps,
    deletions,
    classes,
    groups,
    awaits,
    returns,
    globals_and_consts,
    arithmetic,
    branches,
    attributes,
    subscripts,
    loops,
    unpacking,
    calls,
    handlers,
    managers,
    formats,
    generators,
    closures,
    matches,
    mixed,
]


# ---- the mischief


def nothing(frame):
    pass


def trace(frame):
    sys.settrace(tracer)
    while frame is not None and frame.f_code in CODES:
        frame.f_trace = tracer
        frame = frame.f_back


def trace_opcodes(frame):
    frame.f_trace_opcodes = True
    trace(frame)


def profile(frame):
    sys.setprofile(profiler)


def monitor(frame):
    mon = sys.monitoring
    mon.use_tool_id(2, "chaos")
    for event in EVENTS:
        mon.register_callback(2, getattr(mon.events, event), hears(event))
    mon.set_events(2, sum(getattr(mon.events, event) for event in EVENTS))


def monitor_locally(frame):
    mon = sys.monitoring
    mon.use_tool_id(3, "local chaos")
    for event in LOCAL_EVENTS:
        mon.register_callback(3, getattr(mon.events, event), hears(event))
    mon.set_local_events(3, frame.f_code, sum(getattr(mon.events, event) for event in LOCAL_EVENTS))
    HEARD.append(frame.f_code)


def fail(frame):
    raise RuntimeError("chaos")


def write_variables(frame):
    for name, value in list(frame.f_locals.items()):
        if type(value) is Odd:
            frame.f_locals[name] = Odd(value.n + 100)


def replace_variables(frame):
    for name, value in list(frame.f_locals.items()):
        if type(value) is Odd and frame.f_code in CODES:
            frame.f_locals[name] = 4
            break


def collect(frame):
    gc.collect()


def look_at_frames(frame):
    while frame is not None:
        if frame.f_code in CODES:
            EVENTS_SEEN.append((frame.f_code.co_name, frame.f_lineno, frame.f_lasti, sorted(frame.f_locals)))
        frame = frame.f_back


def lower_the_limit(frame):
    depth = 0
    while frame is not None:
        depth, frame = depth + 1, frame.f_back
    sys.setrecursionlimit(depth + 12)


def switch_compiling_off(frame):
    if whipsnake.is_enabled():
        whipsnake.disable()
        SWITCHED.append(True)


def switch_compiling_twice(frame):
    if whipsnake.is_enabled():
        whipsnake.disable()
        whipsnake.enable()


def throw_signal(frame):
    signal.raise_signal(signal.SIGUSR1)


def change_classes(frame):
    for name in ("__add__", "__getitem__", "__bool__", "method"):
        original = getattr(Odd, name)
        setattr(Odd, name, lambda *args, original=original, **kwargs: original(*args, **kwargs))
        CHANGED.append((name, original))


def die_later(frame):
    frame.f_locals["planted"] = Planted()


class Planted:
    """Dies when the frame does, or as soon as nobody looks: collects, and writes the variables of whom it finds."""

    def __del__(self):
        gc.collect()


SWITCHED, CHANGED = [], []
signal.signal(signal.SIGUSR1, lambda number, frame: EVENTS_SEEN.append((frame.f_code.co_name, frame.f_lineno)))
EVENTS = ["PY_START", "PY_RETURN", "PY_YIELD", "PY_RESUME", "LINE", "CALL", "C_RETURN", "JUMP", "BRANCH"]
EVENTS += ["RAISE", "EXCEPTION_HANDLED", "PY_UNWIND", "STOP_ITERATION", "PY_THROW"]
LOCAL_EVENTS = ["PY_START", "PY_RETURN", "LINE", "INSTRUCTION", "JUMP", "BRANCH", "CALL"]
EVENTS_SEEN = []
HEARD = []
ACTIONS = [nothing, trace, trace_opcodes, profile, monitor, monitor_locally, fail, write_variables]
ACTIONS += [replace_variables, collect, look_at_frames, lower_the_limit, switch_compiling_off]
ACTIONS += [switch_compiling_twice, throw_signal, change_classes, die_later]
CODES = set()


def tracer(frame, event, arg):
    if frame.f_code.co_filename == __file__ and frame.f_code is not switch_off.__code__:
        EVENTS_SEEN.append((frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno, event))
        return tracer
    return None


def profiler(frame, event, arg):
    if frame.f_code.co_filename == __file__ and frame.f_code is not switch_off.__code__:
        EVENTS_SEEN.append((frame.f_code.co_name, event, getattr(arg, "__name__", None)))


def hears(event):
    def callback(code, *args):
        if code.co_filename == __file__ and code is not switch_off.__code__ and code is not run.__code__:
            EVENTS_SEEN.append((event, code.co_name, *(a for a in args if isinstance(a, int))))

    return callback


def switch_off():
    sys.settrace(None)
    sys.setrecursionlimit(1000)
    while CHANGED:
        setattr(Odd, *CHANGED.pop())
    if SWITCHED:
        SWITCHED.clear()
        whipsnake.enable()
    sys.setprofile(None)
    for code in HEARD:
        sys.monitoring.set_local_events(3, code, 0)
    HEARD.clear()
    for tool in (2, 3):
        if sys.monitoring.get_tool(tool):
            sys.monitoring.set_events(tool, 0)
            sys.monitoring.free_tool_id(tool)


def run(body, action, at):
    Chaos.action, Chaos.at, Chaos.count = action, 0, 0
    a, b = Odd(3), Odd(8)
    EVENTS_SEEN.clear()
    Chaos.count, Chaos.at = 0, at
    try:
        result = body(a, b)
    except Exception as error:
        switch_off()
        lines = []
        tb = error.__traceback__
        while tb is not None:
            lines.append((tb.tb_frame.f_code.co_name, tb.tb_lineno, tb.tb_lasti))
            tb = tb.tb_next
        result = (type(error).__name__, str(error), type(error.__context__).__name__, lines)
    switch_off()
    return repr((result, a, b))


def codes_of(code):
    CODES.add(code)
    for const in code.co_consts:
        if hasattr(const, "co_code"):
            codes_of(const)


def main():
    for body in BODIES:
        codes_of(body.__code__)
        run(body, nothing, 0)
        ticks = Chaos.count
        for action in ACTIONS:
            for at in range(ticks + 1):
                text = run(body, action, at)
                events = repr(EVENTS_SEEN)
                print(
                    body.__name__, action.__name__, at, zlib.crc32(text.encode()), zlib.crc32(events.encode())
                )
                if sys.argv[1:] == [body.__name__, action.__name__, str(at)]:
                    print(text, *EVENTS_SEEN, sep="\n")
        print(body.__name__, "leaves", Chaos.count, run(body, nothing, 0))


main()
