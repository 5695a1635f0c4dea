"""Something that forces machine code to stop happens at each place where it can, one place per run.

Each body uses operands whose every special method reports to `tick`. The n-th tick does the mischief: switches
tracing, profiling or monitoring on, raises, writes the caller's variables, collects garbage, or changes a class.
What the body returns, and every event from then on, must be as in the interpreter, for each n.
"""

import gc
import sys
import zlib


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


BODIES = [
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


EVENTS = ["PY_START", "PY_RETURN", "PY_YIELD", "PY_RESUME", "LINE", "CALL", "C_RETURN", "JUMP", "BRANCH"]
EVENTS += ["RAISE", "EXCEPTION_HANDLED", "PY_UNWIND", "STOP_ITERATION", "PY_THROW"]
LOCAL_EVENTS = ["PY_START", "PY_RETURN", "LINE", "INSTRUCTION", "JUMP", "BRANCH", "CALL"]
EVENTS_SEEN = []
HEARD = []
ACTIONS = [nothing, trace, trace_opcodes, profile, monitor, monitor_locally, fail, write_variables]
ACTIONS += [replace_variables, collect, look_at_frames]
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
