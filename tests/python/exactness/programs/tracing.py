"""sys.settrace and sys.setprofile switched on and off at odd moments; the events from then on, in order.

Moments: before, in a callee, in the middle of a running loop, by a destructor, by a property, by a signal handler,
by another thread (threading.settrace_all_threads), by the tracer itself; in functions, generators, comprehensions
and recursion.  Also tracers that raise, that jump, and that ask for opcodes.
"""

import os
import signal
import sys
import threading
import time

LOG = []


def tracer(frame, event, arg):
    if frame.f_code.co_filename == __file__ and frame.f_code.co_name not in QUIET:
        LOG.append((frame.f_code.co_name, event, frame.f_lineno - frame.f_code.co_firstlineno, show(arg)))
        return tracer
    return None


def profiler(frame, event, arg):
    if frame.f_code.co_filename == __file__ and frame.f_code.co_name not in QUIET:
        LOG.append((frame.f_code.co_name, event, show(arg)))


def show(arg):
    if isinstance(arg, tuple):
        return arg[0].__name__
    return arg if isinstance(arg, (int, str, type(None))) else getattr(arg, "__name__", type(arg).__name__)


QUIET = {
    "on",
    "off",
    "profile_on",
    "profile_off",
    "report",
    "lines_of_everyone",
    "handler",
    "tracer",
    "raising",
    "jumper",
}
QUIET |= {"opcodes", "one_shot", "deeper"}


def lines_of_everyone(frame, function):
    while frame is not None:
        if frame.f_code.co_filename == __file__:
            frame.f_trace = function
        frame = frame.f_back


def on(function=tracer):
    sys.settrace(function)
    lines_of_everyone(sys._getframe(1), function)


def off():
    sys.settrace(None)


def profile_on():
    sys.setprofile(profiler)


def profile_off():
    sys.setprofile(None)


def helper(x):
    y = x + 1
    return y


def loop(n, start, stop, switch_on, switch_off):
    total = 0
    for i in range(n):
        if i == start:
            switch_on()
        total += helper(i)
        if i == stop:
            switch_off()
        total -= 1
    return total


def while_loop(n, start, stop, switch_on, switch_off):
    i = 0
    while i < n:
        i += 1
        if i == start:
            switch_on()
        elif i == stop:
            switch_off()
        if i % 2:
            continue
        helper(i)
    return i


def generator(n, start, switch_on):
    for i in range(n):
        if i == start:
            switch_on()
        yield helper(i)
    return "end"


def over_generator(n, start, stop, switch_on, switch_off):
    out = []
    for x in generator(n, start, switch_on):
        out.append(x)
        if len(out) == stop:
            switch_off()
    out += [helper(x) for x in generator(2, -1, None)]
    return out


def recursion(n, start, switch_on):
    if n == start:
        switch_on()
    if n:
        value = recursion(n - 1, start, switch_on)
        return value + 1
    return 0


def exceptions(n, start, stop, switch_on, switch_off):
    for i in range(n):
        try:
            if i == start:
                switch_on()
            if i % 2:
                raise ValueError(i)
            helper("x" if i % 3 == 0 else i)
        except ValueError:
            helper(0)
        except TypeError:
            helper(1)
        finally:
            if i == stop:
                switch_off()
    return n


class Sneaky:
    def __init__(self, action):
        self.action = action

    def __del__(self):
        self.action()

    @property
    def prop(self):
        self.action()
        return 1

    def __add__(self, other):
        self.action()
        return other

    def __enter__(self):
        self.action()

    def __exit__(self, *rest):
        pass

    def __iter__(self):
        self.action()
        return iter([1, 2])

    def __lt__(self, other):
        self.action()
        return True

    def __getitem__(self, i):
        self.action()
        return i


def by_operations(which, action):
    s = Sneaky(action)
    out = []
    if which == 0:
        out.append(s + 1)
    if which == 1:
        out.append(s.prop)
    if which == 2:
        with s:
            out.append(2)
    if which == 3:
        for x in s:
            out.append(x)
    if which == 4 and s < 3:
        out.append(4)
    if which == 5:
        out.append(s[5])
    if which == 6:
        out.append(Sneaky(action).__del__())
    if which == 7:
        out.extend(sorted([3, 1], key=lambda v: v if v == 1 else action() or v))
    out.append(helper(1))
    return out


def report(title):
    sys.settrace(None)
    sys.setprofile(None)
    print(title, len(LOG))
    for line in LOG:
        print("   ", line)
    LOG.clear()


SWITCHES = [(on, off, "trace"), (profile_on, profile_off, "profile")]

for function in (helper, loop, while_loop, over_generator, recursion, exceptions, by_operations):
    pass  # named here so that a glance shows what is under test

for warm in (0, 3, 30):
    for switch_on, switch_off, name in SWITCHES:
        for _ in range(warm):
            loop(9, -1, -1, None, None)
            while_loop(9, -1, -1, None, None)
            over_generator(5, -1, -1, None, None)
            recursion(5, -1, None)
            exceptions(6, -1, -1, None, None)
        switch_on()
        loop(2, -1, -1, None, None)
        switch_off()
        report(f"{name} before {warm}")
        loop(8, 3, 6, switch_on, switch_off)
        report(f"{name} loop {warm}")
        while_loop(8, 2, 6, switch_on, switch_off)
        report(f"{name} while {warm}")
        over_generator(5, 1, 3, switch_on, switch_off)
        report(f"{name} generator {warm}")
        recursion(5, 2, switch_on)
        report(f"{name} recursion {warm}")
        exceptions(8, 1, 6, switch_on, switch_off)
        report(f"{name} exceptions {warm}")
        for which in range(8):
            by_operations(which, switch_on)
            report(f"{name} by operation {which} {warm}")


# ---- a signal handler switches


def handler(*_):
    on()


def signalled(n):
    total = 0
    for i in range(n):
        total += i
        if i == 5:
            os.kill(os.getpid(), signal.SIGUSR1)
        total += 1
    return total


signal.signal(signal.SIGUSR1, handler)
for warm in (0, 40):
    for _ in range(warm):
        pass
    signalled(9)
    report(f"signal {warm}")


# ---- another thread switches


def spin(flag, seen):
    n = 0
    while not flag:
        n += 1
    seen.append(n > 0)
    helper(1)
    helper(2)
    return n


def in_thread(all_threads):
    flag, seen = [], []
    thread = threading.Thread(target=spin, args=(flag, seen))
    thread.start()
    time.sleep(0.05)
    if all_threads == "trace":
        threading.settrace_all_threads(tracer)
    else:
        threading.setprofile_all_threads(profiler)
    time.sleep(0.02)
    flag.append(1)
    thread.join()
    threading.settrace_all_threads(None)
    threading.setprofile_all_threads(None)
    kept = [entry for entry in LOG if entry[0] == "helper"]
    LOG[:] = kept
    report(f"thread {all_threads} {seen}")


in_thread("trace")
in_thread("profile")

# ---- tracers that do things


def raising(frame, event, arg):
    if frame.f_code.co_name == "helper" and event == "line":
        raise KeyError("from tracer")
    return raising


def jumper(frame, event, arg):
    if frame.f_code.co_name == "jumped":
        line = frame.f_lineno - frame.f_code.co_firstlineno
        LOG.append(line)
        if event == "line" and line == 4 and frame.f_locals["n"] < 3:
            frame.f_lineno = frame.f_code.co_firstlineno + 2
    return jumper


def jumped():
    n = 0
    n += 1
    x = n
    helper(x)
    return n, x


def opcodes(frame, event, arg):
    if frame.f_code.co_filename == __file__ and frame.f_code.co_name not in QUIET:
        frame.f_trace_opcodes = True
        LOG.append((frame.f_code.co_name, event, frame.f_lasti))
    return opcodes


def deeper(frame, event, arg):
    if frame.f_code.co_name == "helper":
        LOG.append(("deeper", event))
        if event == "line":
            sys.settrace(None)
    return deeper


def one_shot(frame, event, arg):
    LOG.append((frame.f_code.co_name, event))
    sys.settrace(None)


for warm in (0, 50):
    for _ in range(warm):
        loop(5, -1, -1, None, None)
        jumped()
    for function in (raising, jumper, opcodes, deeper, one_shot):
        try:
            sys.settrace(function)
            loop(3, -1, -1, None, None)
            LOG.append(jumped())
        except KeyError as error:
            LOG.append(str(error))
        sys.settrace(None)
        report(f"{function.__name__} {warm}")
        try:
            loop(6, 2, 4, lambda: on(function), off)
        except KeyError as error:
            LOG.append(str(error))
        sys.settrace(None)
        report(f"{function.__name__} in the middle {warm}")
