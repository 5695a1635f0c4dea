"""Loops that are running when they get compiled: every way in, through and out."""

import asyncio
import itertools
import sys
import threading
import traceback

N = 300


def show(*what):
    print(*what)


def lines():
    frame = sys._getframe(1)
    return frame.f_lineno, frame.f_back.f_lineno


# ---- module level
total = 0
for i in range(N):
    total += i
show("module", total, i)

k = 0
while k < N:
    k += 1
    if k == N - 3:
        break
else:
    show("not here")
show("while", k)


class Body:
    squares: list = []  # noqa: RUF012
    for n in range(N):
        squares.append(n * n)
        twice = n * 2
    at = sys._getframe().f_lineno


show("class", sum(Body.squares), Body.twice, Body.at, Body.n)


# ---- ways out
def returns(n):
    for i in range(n):
        if i == N - 7:
            return i, lines()
    return None


def raises(n):
    s = 0
    for i in range(n):
        s += 10 // (N - 5 - i)
    return s


def handled_inside(n):
    s = 0
    for i in range(n):
        try:
            s += 10 // (i % 7)
        except ZeroDivisionError as e:
            s -= e.__traceback__.tb_lineno
        finally:
            s += 1
    return s, sys.exc_info()


def handled_outside(n):
    s = 0
    try:
        for i in range(n):
            s += 10 // (N - 9 - i)
    except ZeroDivisionError as e:
        return s, i, e.__traceback__.tb_lineno, lines()
    finally:
        s = None


def handler_at_loop_head(n):
    i = 0
    while True:
        try:
            i += 1
            if i > n:
                raise KeyError(i)
        except IndexError:
            return "wrong"


def nested(n):
    out = []
    for a in range(n):
        for b in range(n):
            if b == a:
                continue
            if b > a + 3:
                break
            out.append(a * b)
    return sum(out), len(out)


def with_context(n):
    class Manager:
        count = 0

        def __enter__(self):
            Manager.count += 1
            return self

        def __exit__(self, *exc):
            Manager.count += exc[0] is ValueError
            return exc[0] is ValueError

    for i in range(n):
        with Manager():
            if i % 3 == 0:
                raise ValueError(i)
    return Manager.count


def stack_below(n):
    return [n, *(x for x in range(n)), sum(y for y in range(n)), [z for z in range(n) if z % 5]][-1][-3:]


def changing_types(n):
    s = 0
    for i in range(n):
        if i == 100:
            s = float(s)
        if i == 200:
            s = str(s)
        if i > 200:  # noqa: SIM108
            s = s + "x"
        else:
            s = s + i
    return len(s)


def unbound(n):
    for i in range(n):
        if i == N - 2:
            del s  # noqa: F821
        if i < N - 2:
            s = i
    return s


def recursion_inside(n, depth=3):
    s = 0
    for i in range(n):
        s += i
        if i == n // 2 and depth:
            s += recursion_inside(n, depth - 1)
    return s


def call(f, *args):
    try:
        show(f.__name__, f(*args))
    except Exception:
        show(f.__name__, traceback.format_exc())


for _ in range(2):
    for f in (returns, raises, handled_inside, handled_outside, handler_at_loop_head, with_context):
        call(f, N)
    for f in (stack_below, changing_types, unbound, recursion_inside):
        call(f, N)
    call(nested, 40)


# ---- generators and coroutines
def counter(n):
    i = 0
    while i < n:
        got = yield i
        if got is not None:
            i = got
        i += 1
    return "end"


def delegating(n):
    result = yield from counter(n)
    for i in range(n):
        yield i, result


show("for", sum(x for x in counter(N)), [x for x in counter(N)][-1])  # noqa: C416
g = counter(N)
show("next", [next(g) for _ in range(250)][-1], g.send(280), list(g)[-3:])
show("delegating", list(delegating(N))[-1])
g = counter(10**9)
for x in g:
    if x == N:
        break
try:
    g.throw(KeyError("in"))
except KeyError:
    show("throw", traceback.format_exc())
g = counter(10**9)
for x in g:
    if x == N:
        g.close()
show("closed", x, g.gi_frame)


async def items(n):
    for i in range(n):
        if i % 50 == 0:
            await asyncio.sleep(0)
        yield i


async def consume(n):
    s = 0
    async for i in items(n):
        s += i
    return s, [i async for i in items(n)][-1]


async def main():
    return await asyncio.gather(*(consume(N) for _ in range(3)))


show("async", asyncio.run(main()))

# ---- several frames of one loop
results = []


def worker(n, barrier):
    s = 0
    for i in range(n):
        if i == 5:
            barrier.wait()
        s += i
    results.append(s)


barrier = threading.Barrier(4)
threads = [threading.Thread(target=worker, args=(20000, barrier)) for _ in range(4)]
for t in threads:
    t.start()
for t in threads:
    t.join()
show("threads", results)


# ---- someone looks while the loop runs
def traced(n, at, seen):
    s = 0
    for i in range(n):
        s += i
        if i == at:
            sys.settrace(seen)
            sys._getframe().f_trace = seen
        if i == at + 2:
            sys.settrace(None)
    return s


events = []


def trace(frame, event, arg):
    events.append((event, frame.f_lineno - traced.__code__.co_firstlineno))
    return trace


for at in (10, N - 10, 10):
    show("traced", traced(N, at, trace), events)
    events.clear()


def profiled(n, at):
    s = 0
    for i in range(n):
        s += abs(i)
        if i == at:
            sys.setprofile(lambda f, e, a: events.append((e, getattr(a, "__name__", None))))
        if i == at + 2:
            sys.setprofile(None)
    return s


for at in (10, N - 10):
    show("profiled", profiled(N, at), events)
    events.clear()

MON = sys.monitoring
MON.use_tool_id(3, "other")
MON.register_callback(3, MON.events.LINE, lambda code, line: events.append(line - code.co_firstlineno))
MON.register_callback(3, MON.events.JUMP, lambda code, a, b: events.append((a, b)))


def monitored(n, at):
    s = 0
    for i in range(n):
        s += i
        if i == at:
            MON.set_local_events(3, monitored.__code__, MON.events.LINE | MON.events.JUMP)
        if i == at + 2:
            MON.set_local_events(3, monitored.__code__, 0)
    return s


for at in (10, N - 10, 10):
    show("monitored", monitored(N, at), events)
    events.clear()
MON.free_tool_id(3)


# ---- locals seen and written from outside (PEP 667)
def set_from_outside(n):
    s = step = 1
    for i in range(n):
        s += step
        if i == N - 20:
            poke()
    return s


def poke():
    sys._getframe(1).f_locals["step"] = 1000


show("locals", set_from_outside(N), set_from_outside(N))
show("islice", list(itertools.islice((x * x for x in itertools.count()), N, N + 3)))
