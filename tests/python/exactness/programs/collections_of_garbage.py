"""The collector at work under compiled code: everywhere, in callbacks, with cycles through frames and generators."""

import gc
import sys
import weakref

LOG = []


class Node:
    def __init__(self, name):
        self.name = name
        self.me = self

    def __del__(self):
        LOG.append(self.name)


class Failure(Exception):
    pass


def litter(n):
    for i in range(n):
        Node(i)
    return n


def operands(x):
    return [x, (gc.collect() >= 0, x), {x: gc.collect() >= 0}, f"{x}{gc.collect() >= 0}", x]


def local_cycle():
    frame = sys._getframe()
    values = [frame]
    values.append(values)
    node = Node("in frame")
    gc.collect()
    return len(values), node.name


def generator_cycle():
    def gen():
        me = yield
        node = Node("in generator")
        yield me

    g = gen()
    next(g)
    g.send(g)
    ref = weakref.ref(g)
    del g
    gc.collect()
    return ref() is None


def closure_cycle():
    node = Node("in closure")

    def inner(n):
        return (n and inner(n - 1)) or node.name

    ref = weakref.ref(inner)
    result = inner(3)
    del inner, node
    gc.collect()
    return result, ref() is None


def exception_cycle():
    node = Node("in exception")
    try:
        raise Failure(node)
    except Failure as error:
        kept = error
        kept.me = kept
    del node
    ref = weakref.ref(kept)
    del kept
    gc.collect()
    return ref() is None


def function_cycle():
    scope = {}
    exec("def f(n):\n    t = 0\n    for i in range(n): t += g(i)\n    return t\ndef g(i): return i", scope)
    f = scope["f"]
    for _ in range(10):
        f(10)
    scope["self"] = scope
    ref = weakref.ref(f)
    del f, scope
    gc.collect()
    return ref() is None


def callback(phase, info):
    if phase == "start":
        frame = sys._getframe(1)
        SEEN.add((frame.f_code.co_name, phase))
    litter_names.append([x for x in range(2)][0])


def allocates(n):
    kept = []
    for i in range(n):
        kept.append([i, {i: kept}])
    return len(kept)


def referrers(x):
    holder = [x]
    return sorted(type(r).__name__ for r in gc.get_referrers(x) if r is holder)


def tracked(n):
    return [gc.is_tracked(v) for v in ([], (), (1,), {}, {"a": 1}, {"a": []}, 1, "s", lambda: n, n)]


SEEN = set()
litter_names = []
for round_ in range(6):
    LOG.clear()
    gc.collect()
    print(litter(5), gc.collect() >= 0, sorted(LOG, key=str))
    LOG.clear()
    print(
        operands(round_),
        local_cycle(),
        generator_cycle(),
        closure_cycle(),
        exception_cycle(),
        function_cycle(),
    )
    gc.collect()
    print(sorted(LOG))
    print(referrers(object()), tracked(round_))

gc.callbacks.append(callback)
gc.set_threshold(10, 2, 2)
print([allocates(300) for _ in range(5)], ("allocates", "start") in SEEN, len(litter_names) > 0)
gc.callbacks.clear()
gc.set_threshold(1, 1, 1)
LOG.clear()
print(litter(200), allocates(200), gc.collect() >= 0, len(LOG))
gc.set_threshold(700, 10, 10)
gc.freeze()
print(litter(10), gc.collect() >= 0, gc.unfreeze())
gc.disable()
print(litter(10), gc.isenabled())
