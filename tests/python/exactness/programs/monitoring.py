"""sys.monitoring: global and local events switched on and off while the code they are about is running.

Every event of a program is compared with the interpreter's, from the moment of the switch on, with several tool ids,
with callbacks that return DISABLE, raise, or change the events.
"""

import sys
import threading

mon = sys.monitoring
E = mon.events
ALL = ["PY_START", "PY_RESUME", "PY_RETURN", "PY_YIELD", "CALL", "LINE", "INSTRUCTION", "JUMP", "BRANCH"]
ALL += [
    "STOP_ITERATION",
    "RAISE",
    "EXCEPTION_HANDLED",
    "PY_UNWIND",
    "PY_THROW",
    "RERAISE",
    "C_RETURN",
    "C_RAISE",
]
LOCAL = ["PY_START", "PY_RESUME", "PY_RETURN", "PY_YIELD", "CALL", "LINE", "INSTRUCTION", "JUMP", "BRANCH"]
LOCAL += ["STOP_ITERATION"]
LOG = []
QUIET = {
    "take",
    "give_back",
    "callback",
    "global_on",
    "local_on",
    "off",
    "report",
    "main",
    "<lambda>",
    "disabling",
}


def plain(arg):
    if isinstance(arg, BaseException):
        return type(arg).__name__
    if isinstance(arg, (int, str, type(None), float, bool)):
        return arg
    if arg is mon.MISSING:
        return "MISSING"
    return getattr(arg, "__name__", type(arg).__name__)


def callback(name):
    def hear(code, *args):
        if code.co_filename == __file__ and code.co_name not in QUIET:
            LOG.append((name, code.co_name, *map(plain, args)))

    hear.__code__ = hear.__code__.replace(co_name="callback")
    return hear


def take(tool, names=ALL):
    mon.use_tool_id(tool, "test")
    for name in names:
        mon.register_callback(tool, getattr(E, name), callback(name))


def give_back(tool):
    mon.set_events(tool, 0)
    for name in ALL:
        mon.register_callback(tool, getattr(E, name), None)
    mon.free_tool_id(tool)


def global_on(tool, *names):
    mon.set_events(tool, sum(getattr(E, n) for n in names if n not in ("C_RETURN", "C_RAISE")))


def local_on(tool, *names, code=None):
    mon.set_local_events(tool, code or sys._getframe(1).f_code, sum(getattr(E, n) for n in names))


def off(tool):
    mon.set_events(tool, 0)


def report(title):
    print(title, len(LOG))
    for line in LOG:
        print("   ", *line)
    LOG.clear()


def helper(x):
    y = x + 1
    return y


def loop(n, start, stop, tool, names, local):
    total = 0
    for i in range(n):
        if i == start:
            if local:
                mon.set_local_events(tool, loop.__code__, sum(getattr(E, x) for x in names))
            else:
                global_on(tool, *names)
        total += helper(i)
        if total > 5:
            len("abc")
        if i == stop:
            mon.set_local_events(tool, loop.__code__, 0)
            mon.set_events(tool, 0)
        try:
            if i % 2:
                raise ValueError
        except ValueError:
            total += 1
    else:
        total += 1
    return total


def generator(n):
    try:
        for i in range(n):
            yield i
    finally:
        helper(0)


def generators(n, start, tool, names):
    g = generator(n)
    out = []
    for x in g:
        if x == start:
            global_on(tool, *names)
        out.append(x)
    h = generator(3)
    next(h)
    try:
        h.throw(KeyError)
    except KeyError:
        pass
    k = generator(3)
    next(k)
    k.close()
    out.append([helper(x) for x in generator(2)])
    mon.set_events(tool, 0)
    return out


class C:
    def __init__(self, x):
        self.x = x

    def method(self, *args, **kwargs):
        return self.x

    @property
    def prop(self):
        return helper(self.x)


def calls(tool, names):
    c = C(0)
    global_on(tool, *names)
    c = C(1)
    c.method(1, k=2)
    c.method(*[1], **{})
    c.prop
    helper(x=2)
    max(1, 2)
    [].append(1)
    int("5")
    try:
        int("x")
    except ValueError:
        pass
    try:
        helper("x")
    except TypeError:
        pass
    sorted([2, 1], key=helper)
    mon.set_events(tool, 0)


def recursion(n, at, tool, names):
    if n == at:
        global_on(tool, *names)
    if n:
        return recursion(n - 1, at, tool, names) + 1
    return 0


def disabling(tool, name):
    seen = []

    def hear(code, *args):
        if code.co_filename == __file__ and code.co_name not in QUIET:
            seen.append((name, code.co_name, *map(plain, args)))
            return mon.DISABLE

    mon.register_callback(tool, getattr(E, name), hear)
    return seen


def hot(n):
    total = 0
    for i in range(n):
        total += i
        helper(i)
    return total


def main(warm):
    sets = [[name] for name in ALL if name not in ("C_RETURN", "C_RAISE")]
    sets += [["CALL", "C_RETURN", "C_RAISE"], ["LINE", "PY_START", "PY_RETURN"], ALL]
    for _ in range(warm):
        loop(6, -1, -1, 0, [], False)
        recursion(4, -1, 0, [])
        hot(5)
        calls_plain()
    for tool in (0, 2, 4) if warm != 3 else (1,):
        take(tool)
        for names in sets:
            loop(6, 2, 4, tool, names, False)
            report(f"{warm} tool {tool} global {names}")
            if all(name in LOCAL for name in names):
                loop(6, 2, 4, tool, names, True)
                report(f"{warm} tool {tool} local {names}")
            if tool != 0:
                generators(4, 2, tool, names)
                report(f"{warm} tool {tool} generators {names}")
                calls(tool, names)
                report(f"{warm} tool {tool} calls {names}")
                recursion(4, 2, tool, names)
                mon.set_events(tool, 0)
                report(f"{warm} tool {tool} recursion {names}")
        for name in ("C_RETURN", "C_RAISE"):  # with DISABLE they depend on how many tools there are, ours too
            mon.register_callback(tool, getattr(E, name), None)
        for name in ("LINE", "CALL", "JUMP", "PY_START"):
            seen = disabling(tool, name)
            global_on(tool, name)
            hot(5)
            hot(5)
            mon.restart_events()
            hot(2)
            off(tool)
            print("DISABLE", tool, name, seen)
        give_back(tool)
    two_tools(warm)
    raising_callback(warm)
    other_thread(warm)


def calls_plain():
    c = C(1)
    c.method(1, k=2)
    c.prop
    sorted([2, 1], key=helper)
    return list(generator(3))


def two_tools(warm):
    take(1, ["LINE"])
    take(3, ["PY_RETURN", "LINE"])
    mon.set_local_events(1, helper.__code__, E.LINE)
    mon.set_events(3, E.PY_RETURN)
    hot(2)
    mon.set_events(3, 0)
    hot(2)
    mon.set_local_events(1, helper.__code__, 0)
    hot(2)
    give_back(1)
    give_back(3)
    report(f"{warm} two tools")


def raising_callback(warm):
    def hear(code, *args):
        if code is helper.__code__:
            raise KeyError("from callback")

    mon.use_tool_id(2, "raises")
    for name in ("LINE", "PY_START", "PY_RETURN"):
        mon.register_callback(2, getattr(E, name), hear)
        mon.set_events(2, getattr(E, name))
        try:
            hot(3)
        except KeyError as error:
            tb = error.__traceback__
            lines = []
            while tb:
                lines.append((tb.tb_frame.f_code.co_name, tb.tb_lineno))
                tb = tb.tb_next
            print(warm, name, str(error), lines)
        mon.set_events(2, 0)
        mon.register_callback(2, getattr(E, name), None)
    mon.free_tool_id(2)


def other_thread(warm):
    take(4, ["PY_START"])
    ready = threading.Event()
    stop = []

    def spin():
        ready.set()
        n = 0
        while not stop:
            n += 1
        helper(n > 0)
        mon.set_events(4, 0)

    thread = threading.Thread(target=spin)
    thread.start()
    ready.wait()
    mon.set_events(4, E.PY_START)
    stop.append(1)
    thread.join()
    give_back(4)
    LOG[:] = [line for line in LOG if line[1] == "helper"]
    report(f"{warm} other thread")


for warm in (0, 3, 40):
    main(warm)
