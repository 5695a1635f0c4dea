"""The recursion limit: reached at the same depth, recoverable, and as deep as the interpreter when it is raised.

Two things are not compared, because the interpreter's answer depends on what it has specialised: calls that leave
out a default (3.13's CALL_PY_GENERAL does not look at the limit at all), and how deep __init__ gets
(CALL_ALLOC_AND_ENTER_INIT counts twice).
"""

import functools
import sys


def plain(n):
    return plain(n + 1)


def measure(n):
    DEPTH[0] = n
    return measure(n + 1)


DEPTH = [0]


def depth_of(function, *args):
    DEPTH[0] = 0
    try:
        function(*args)
    except RecursionError as error:
        return DEPTH[0], str(error)
    return "no error"


def mutual_a(n):
    DEPTH[0] = n
    return mutual_b(n + 1)


def mutual_b(n):
    DEPTH[0] = n
    return mutual_a(n + 1)


def keywords(*, n):
    DEPTH[0] = n
    return keywords(n=n + 1)


def star(*args, **kwargs):
    DEPTH[0] += 1
    return star(*args, **kwargs)


class C:
    def __init__(self, n=0):
        self.n = n

    def method(self, n):
        DEPTH[0] = n
        return self.method(n + 1)

    @classmethod
    def cls_method(cls, n):
        DEPTH[0] = n
        return cls.cls_method(n + 1)

    @staticmethod
    def static(n):
        DEPTH[0] = n
        return C.static(n + 1)

    @property
    def prop(self):
        DEPTH[0] += 1
        return self.prop

    def __getattr__(self, name):
        DEPTH[0] += 1
        return self.other

    def __add__(self, other):
        DEPTH[0] += 1
        return self + other

    def __call__(self, n):
        DEPTH[0] = n
        return self(n + 1)

    def __getitem__(self, n):
        DEPTH[0] = n
        return self[n + 1]

    def __len__(self):
        DEPTH[0] += 1
        return len(self)

    def __eq__(self, other):
        DEPTH[0] += 1
        return self == other

    def __repr__(self):
        DEPTH[0] += 1
        return repr(self)


class Nested:
    def __init__(self, n):
        DEPTH[0] = n
        self.inner = Nested(n + 1)


class Sub(C):
    def method(self, n):
        return super().method(n)


def generator(n):
    DEPTH[0] = n
    yield from generator(n + 1)


def generator_loop(n):
    DEPTH[0] = n
    for x in generator_loop(n + 1):
        yield x


def through_builtins(n):
    DEPTH[0] = n
    return list(map(through_builtins, [n + 1]))


def through_sorted(n):
    DEPTH[0] = n
    return sorted([n + 1], key=through_sorted)


def comprehension(n):
    DEPTH[0] = n
    return [comprehension(n + 1) for _ in (1,)]


def expression(n):
    DEPTH[0] = n
    return list(expression(n + 1) for _ in (1,))


def closure(n):
    def inner(m):
        DEPTH[0] = m
        return inner(m + 1)

    return inner(n)


async def coroutine(n):
    DEPTH[0] = n
    return await coroutine(n + 1)


def with_try(n):
    DEPTH[0] = n
    try:
        return with_try(n + 1)
    finally:
        DEPTH.append(n)


def wrapped(n):
    DEPTH[0] = n
    return decorated(n + 1)


decorated = functools.partial(wrapped)
lambda_ = lambda n: DEPTH.__setitem__(0, n) or lambda_(n + 1)

CASES = [
    ("plain", measure, 0),
    ("mutual", mutual_a, 0),
    ("star", star, 1),
    ("method", C().method, 0),
    ("class method", C.cls_method, 0),
    ("static", C.static, 0),
    ("property", lambda _: C().prop, 0),
    ("getattr", lambda _: C().other, 0),
    ("add", lambda _: C() + 1, 0),
    ("call", C(), 0),
    ("getitem", lambda _: C()[0], 0),
    ("len", len, C()),
    ("eq", lambda _: C() == 1, 0),
    ("repr", repr, C()),
    ("init", Nested, 0),
    ("super", Sub().method, 0),
    ("generator", lambda n: list(generator(n)), 0),
    ("generator loop", lambda n: list(generator_loop(n)), 0),
    ("map", through_builtins, 0),
    ("sorted", through_sorted, 0),
    ("comprehension", comprehension, 0),
    ("expression", expression, 0),
    ("closure", closure, 0),
    ("coroutine", lambda n: coroutine(n).send(None), 0),
    ("try", with_try, 0),
    ("partial", wrapped, 0),
    ("lambda", lambda_, 0),
]

for round_ in range(3):
    for limit in (60, 300, 1000):
        sys.setrecursionlimit(limit)
        for name, function, argument in CASES:
            depth, message = depth_of(function, argument)
            print(round_, limit, name, depth if name != "init" else depth > limit / 3, message)
            DEPTH[1:] = []
        print(depth_of(lambda _: keywords(n=0), 0))
sys.setrecursionlimit(1000)

# ---- the program goes on after the error, also from near the limit


def recovers(n):
    try:
        return recovers(n + 1)
    except RecursionError:
        return recovers_again(0)


def recovers_again(n):
    return n if n == 30 else recovers_again(n + 1)


def ladder(n):
    """Catches the error at each level, and tries again to go down from there."""
    try:
        return ladder(n + 1)
    except RecursionError:
        LEVELS.append(n)
        if len(LEVELS) < 20:
            raise
        return len(LEVELS)


for _ in range(4):
    LEVELS = []
    print(ladder(0), LEVELS[0] - LEVELS[-1])
    print(depth_of(measure, 0))

# ---- raised: as deep as the interpreter


def count(n):
    return 0 if n == 0 else 1 + count(n - 1)


def even(n):
    return True if n == 0 else odd(n - 1)


def odd(n):
    return False if n == 0 else even(n - 1)


class Node:
    def __init__(self, value, next_):
        self.value, self.next = value, next_

    def total(self):
        return self.value + (self.next.total() if self.next else 0)

    def walk(self, k=1):
        if self.next is not None:
            return self.next.walk(k=k + 1)
        return k


def accumulate(n, total=0, *rest, step=1):
    if n == 0:
        return total
    return accumulate(n - 1, total + step, *rest, step=step)


def fails_at_the_bottom(n):
    if n == 0:
        raise ValueError("bottom")
    return fails_at_the_bottom(n - 1)


def keeps(n):
    local = [n]
    if n == 0:
        return sys._getframe().f_lineno and 1
    try:
        return keeps(n - 1) + local[0] % 2
    finally:
        del local


sys.setrecursionlimit(1_000_000)
for _ in range(3):
    print(count(100_000), even(100_000), odd(99_999))
    node = None
    for i in range(50_000):
        node = Node(i, node)
    print(node.total(), node.walk(), accumulate(50_000), keeps(100_000))
    while node is not None:
        node = node.next
    try:
        fails_at_the_bottom(100_000)
    except ValueError as error:
        tb, n = error.__traceback__, 0
        while tb:
            n, tb = n + 1, tb.tb_next
        print(error, n)
sys.setrecursionlimit(1000)
print(depth_of(measure, 0))
plain(0)
