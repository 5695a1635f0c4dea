"""A frame's variables read and written by others while its function runs (PEP 667)."""

import sys


def caller():
    return sys._getframe(2)


def poke(**values):
    frame = caller()
    for name, value in values.items():
        frame.f_locals[name] = value


def peek():
    return sorted(caller().f_locals.items(), key=lambda item: item[0])


def simple(a, b):
    c = a + b
    poke(a=10)
    d = a + b
    poke(c="changed", d=d * 2)
    return a, b, c, d


def loop(n):
    total = 0
    for i in range(n):
        total += i
        if i == n // 2:
            poke(total=1000, n=5)
        if i == n - 2:
            poke(i=-1)
        total += i
    return total, i, n


def while_loop(n):
    x = 0
    while n:
        n -= 1
        x += 1
        if x == 3:
            poke(n=2)
    return x


def unbound():
    try:
        poke(late="bound from outside")
        return late
        late = 1
    finally:
        pass


def types_change(x):
    y = x * 2
    poke(x="text", y=[1])
    return x + x, y * 2


def cells(a):
    def inner():
        nonlocal a
        a += 1
        poke_two(a=50)
        return a

    first = inner()
    poke(a=7)
    return first, a, inner()


def poke_two(**values):
    frame = sys._getframe(1)
    for name, value in values.items():
        frame.f_locals[name] = value


def extra(a):
    frame = sys._getframe()
    frame.f_locals["extra"] = 1
    return peek_self(frame), "extra" in locals()


def peek_self(frame):
    return {k: v for k, v in frame.f_locals.items() if k != "frame"}


def proxies(a, b):
    frame = sys._getframe()
    proxy = frame.f_locals
    out = [len(proxy), list(proxy)[:2], "a" in proxy, proxy.get("zz", 0), proxy == frame.f_locals]
    proxy["a"] = 99
    out.append(a)
    proxy |= {"b": 98}
    out.append(b)
    proxy.update(a=1)
    out.append(a)
    try:
        del proxy["a"]
    except ValueError as error:
        out.append(str(error))
    try:
        proxy.pop("a")
    except ValueError as error:
        out.append(str(error))
    a = "assigned"
    out.append(proxy["a"])
    out.append(proxy.setdefault("a", 3))
    return out


def kept_after_return(a):
    b = a * 2
    return sys._getframe()


def generator(n):
    total = 0
    for i in range(n):
        total += i
        yield total


def arguments(*args, **kwargs):
    poke(args=("new",), kwargs={"k": 1})
    return args, kwargs


def nested_expression(a):
    return [a, (a, poke(a=2), a), a + a]


def in_comprehension(a):
    return [(a, poke_two(a=a + 1), x) for x in range(3)], a


def deep(n):
    if n == 0:
        frame = sys._getframe(3)
        frame.f_locals["n"] = -1
        return 0
    result = deep(n - 1)
    return result * 10 + n


def exception_variables():
    try:
        raise ValueError("v")
    except ValueError as error:
        poke(error="replaced")
        out = error
    return out, "error" in sys._getframe().f_locals


def locals_function(a):
    before = locals()
    b = 2
    poke(b=3)
    return before, locals(), b


def by_exec(a):
    exec("a = 5; b = 6", globals(), sys._getframe().f_locals)
    return a, "b" in sys._getframe().f_locals


class Descriptor:
    def __get__(self, instance, owner):
        poke_two(instance=5)
        frame = sys._getframe(1)
        frame.f_locals["a"] = "from descriptor"
        return 1

    def __set__(self, instance, value):
        sys._getframe(1).f_locals["a"] = "from setter"


class Box:
    attr = Descriptor()

    def __add__(self, other):
        sys._getframe(1).f_locals["a"] = "from add"
        return 1

    def __lt__(self, other):
        sys._getframe(1).f_locals["a"] = "from lt"
        return True

    def __bool__(self):
        sys._getframe(1).f_locals["a"] = "from bool"
        return True

    def __iter__(self):
        sys._getframe(1).f_locals["a"] = "from iter"
        return iter([1])

    def __getitem__(self, key):
        sys._getframe(1).f_locals["a"] = "from getitem"

    def __setitem__(self, key, value):
        sys._getframe(1).f_locals["a"] = "from setitem"

    def __del__(self):
        frame = sys._getframe(1)
        if "a" in frame.f_locals:
            frame.f_locals["a"] = "from del"


def every_operation(a):
    out = []
    box = Box()
    box.attr
    out.append(a)
    box.attr = 1
    out.append(a)
    box + 1
    out.append(a)
    if box < 1:
        out.append(a)
    if box:
        out.append(a)
    for _ in box:
        out.append(a)
    box[0]
    out.append(a)
    box[0] = 1
    out.append(a)
    box = None
    out.append(a)
    return out


for round_ in range(6):
    print(simple(1, 2), simple(1.5, 2))
    print(loop(10), loop(4), while_loop(10))
    print(unbound(), types_change(3), types_change(1.5))
    print(cells(1), extra(1), proxies(1, 2))
    frame = kept_after_return(4)
    print(dict(frame.f_locals), frame.f_lineno)
    frame.f_locals["b"] = 1
    print(dict(frame.f_locals))
    g = generator(5)
    print(next(g), next(g), dict(g.gi_frame.f_locals))
    g.gi_frame.f_locals["total"] = 100
    print(list(g))
    print(arguments(1, 2, x=3), nested_expression(1), in_comprehension(1))
    print(deep(5), exception_variables(), locals_function(1), by_exec(1))
    print(every_operation(0))
    print([peek() for _ in range(1)][0][:3])
