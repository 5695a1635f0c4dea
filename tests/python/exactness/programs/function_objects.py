"""Functions and code objects look the same from outside when they are compiled: copies, pickles, signatures, dis."""

import copy
import dis
import functools
import gc
import inspect
import io
import marshal
import pickle
import re
import sys
import types
import weakref


def f(a, b=2, *args, c, d=4, **kwargs):
    """The docstring."""
    total = a
    for i in range(b):
        total += i
    return total, args, c, d, kwargs


def loop(n):
    t = 0
    for i in range(n):
        t += i
    return t


class C:
    def method(self, x: int = 5) -> int:
        return x

    @classmethod
    def cm(cls):
        return cls

    @staticmethod
    def sm():
        return 1


def gen(n):
    yield from range(n)


async def coro():
    return 1


def closure(x):
    def inner(y):
        return x + y

    return inner


def describe(function):
    code = function.__code__
    text = io.StringIO()
    dis.dis(function, file=text, show_caches=True)
    return [
        str(inspect.signature(function)),
        sorted(vars(function)),
        sorted(dir(function)),
        sys.getsizeof(function),
        function.__doc__,
        function.__defaults__,
        function.__kwdefaults__,
        function.__annotations__,
        code.co_code.hex(),
        code.co_flags,
        code.co_names,
        code.co_varnames,
        [const for const in code.co_consts if not hasattr(const, "co_code")],
        hash(code.co_code),
        list(code.co_lines())[:5],
        list(code.co_positions())[:5],
        code.co_exceptiontable.hex(),
        code.co_stacksize,
        code == code.replace(),
        hash(code) == hash(code.replace()),
        inspect.getsource(function),
        re.sub(r" at 0x\w+", "", text.getvalue()),
        [type(x).__name__ for x in gc.get_referents(function)],
    ]


def variants(function):
    plain = types.FunctionType(function.__code__, function.__globals__, "copy", function.__defaults__)
    plain.__kwdefaults__ = function.__kwdefaults__
    loaded = marshal.loads(marshal.dumps(function.__code__))
    other = types.FunctionType(loaded, globals(), "loaded", function.__defaults__)
    other.__kwdefaults__ = function.__kwdefaults__
    return [
        function,
        copy.copy(function),
        copy.deepcopy(function),
        pickle.loads(pickle.dumps(function)),
        plain,
        other,
        functools.wraps(function)(lambda *a, **k: function(*a, **k)),
        functools.partial(function),
    ]


for round_ in range(6):
    for function in (f, loop, C.method, C.cm.__func__, C.sm, gen, coro, closure, closure(1)):
        for line in describe(function):
            print(function.__name__, line)
    for variant in variants(f):
        print([variant(i, i % 3, c=1) for i in range(3)][-1], callable(variant), variant == f)
    for variant in variants(loop):
        print([variant(i) for i in range(5)])
    for _ in range(20):
        f(1, c=2), loop(5), C().method(), C.cm(), C.sm(), list(gen(2)), closure(1)(2)
    print(hasattr(f, "__wrapped__"), f.__code__.co_code == f.__code__.replace().co_code)

ref = weakref.ref(loop)
code_ref = weakref.ref(loop.__code__)
del loop, function, variant
gc.collect()
print(ref() is None, code_ref() is None)

for tool in (dis.Bytecode(f, adaptive=False), dis.get_instructions(f)):
    print([(i.opname, i.arg, i.offset) for i in tool])
