"""LOAD/STORE/DELETE of FAST, CONST, GLOBAL, NAME and DEREF; COPY, SWAP, POP_TOP; annotations and `global`."""

import pytest
from support import check, plain_and_jit


def test_locals_and_their_superinstructions():
    check(
        """
        def swap(a, b):
            a, b = b, a
            return a, b
        def rotate(a, b, c):
            a, b, c = c, a, b
            x = y = a
            x, y = y, x = b, c
            return a, b, c, x, y
        def store_and_load(a):
            b = a
            c = b; d = c
            return b, c, d
        def many(a):
            v0 = v1 = v2 = v3 = v4 = v5 = v6 = v7 = v8 = v9 = a
            w0 = v0; w1 = v1; w2 = v2
            return [v0, v1, v2, v3, v4, v5, v6, v7, v8, v9, w0, w1, w2]
        """,
        "swap(1, 'a')",
        "swap([], {})",
        "rotate(1, 2.5, [3])",
        "store_and_load(object)",
        "store_and_load([1])",
        "many({1: 2})",
    )


def test_more_locals_than_one_byte_counts():
    names = [f"v{i}" for i in range(300)]
    lines = "\n".join(f"    {name} = a + {i}" for i, name in enumerate(names))
    total = " + ".join(names)
    check(
        f"def f(a):\n{lines}\n    del v280\n    v280 = v299\n    return {total}, v0, v255, v256, v299\n",
        "f(1)",
        "f(0.5)",
        "f('x')",
    )


def test_unbound_locals():
    check(
        """
        def maybe(flag):
            if flag:
                value = flag
            return value
        def deleted(flag):
            value = [flag]
            if flag:
                del value
            return value
        def twice(flag):
            value = 1
            del value
            try:
                del value
            except UnboundLocalError as error:
                log.append(str(error))
            if flag: del value
            value = 2
            return value
        def in_loop(n):
            for i in range(n):
                if i == 3:
                    del last
                last = i
                if i == 5:
                    del last
            return last
        def checked_once(flag):
            if flag: x = flag
            return x, x, x
        """,
        "maybe(1)",
        "maybe(0)",
        "deleted(0)",
        "deleted(1)",
        "twice(0)",
        "twice(1)",
        "in_loop(3)",
        "in_loop(6)",
        "in_loop(8)",
        "in_loop(0)",
        "checked_once([])",
        "checked_once([1])",
    )


def test_exception_variable_is_deleted():
    check(
        """
        def f(x):
            error = 'before'
            try:
                1 / x
            except ZeroDivisionError as error:
                log.append(type(error))
            return error
        def hidden(x):
            try:
                1 / x
            except ZeroDivisionError as error:
                pass
            return error
        """,
        "f(1)",
        "f(0)",
        "hidden(0)",
        "hidden(2)",
    )


def test_constants_of_all_kinds():
    check(
        """
        def all_kinds():
            return (None, True, False, ..., 0, 1, -1, 255, 256, 257, 2**30, 2**31, 2**62, 2**63, -2**63,
                    2**64, 10**40, 0.0, -0.0, 1.5, 1e308 * 10, 1j, -0j, 'text', '', 'x' * 100, b'bytes',
                    (1, (2, ('a',))),
                    5 in {1, 5})
        def identity(x):
            return x is None, x is ..., x is True, x is not False, x == frozenset({1, 2})
        def big_tuple():
            a = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
            b = [1, 2, 3]
            c = {1, 2, 3}
            d = {'a': 1, 'b': [2], 'c': {}}
            b.append(a); c.add(9); d['d'] = b
            return a, b, c, d
        """,
        "all_kinds()",
        "identity(None)",
        "identity(...)",
        "identity(True)",
        "identity({2, 1})",
        "big_tuple()",
    )


def test_more_constants_than_one_byte_counts():
    items = ", ".join(f"a + {1000 + i}" for i in range(300))
    check(f"def f(a):\n    return [{items}]\n", "f(1)", "f(0.5)", "f('')")


def test_globals_change():
    check(
        """
        value = 1
        def get(): return value
        def put(x):
            global value
            value = x
            return value
        def drop():
            global value
            del value
        def shadow(x):
            globals()['len'] = x
            return len([1, 2])
        def unshadow():
            del globals()['len']
            return len([1, 2])
        def measure(): return len([1, 2, 3])
        def both(): return value, measure()
        """,
        "get()",
        "put(5)",
        "get()",
        "put([1])",
        "both()",
        "drop()",
        "get()",
        "drop()",
        "put(2.5)",
        "get()",
        "measure()",
        "shadow(lambda x: 'mine')",
        "measure()",
        "both()",
        "unshadow()",
        "measure()",
        "unshadow()",
    )


def test_builtins_change():
    check(
        """
        import builtins
        vars(builtins).pop('extra_builtin_of_this_test', None)
        def get(): return extra_builtin_of_this_test
        def put(x): builtins.extra_builtin_of_this_test = x
        def drop(): del builtins.extra_builtin_of_this_test
        def swap_len(x):
            old = builtins.len
            builtins.len = x
            try:
                return len('abc')
            finally:
                builtins.len = old
        def measure(): return len('abc')
        """,
        "put(1)",
        "get()",
        "put('two')",
        "get()",
        "drop()",
        "get()",
        "measure()",
        "swap_len(lambda s: 99)",
        "measure()",
        "drop()",
        "put(3)",
        "get()",
        "drop()",
    )


def test_globals_that_grow_under_a_hot_function():
    check(
        """
        a0 = 0
        def grow(n):
            for i in range(n):
                globals()[f'g{i}'] = i
            return a0
        def shrink(n):
            for i in range(n):
                globals().pop(f'g{i}', None)
            return a0
        def get(): return a0, g1
        """,
        "grow(3)",
        "get()",
        "grow(200)",
        "get()",
        "shrink(200)",
        "get()",
        "grow(2)",
        "get()",
        leaks=False,
    )


def test_function_with_other_globals():
    check(
        """
        import types
        def f(): return name, len('ab')
        name = 'first'
        other = types.FunctionType(f.__code__,
                                   {'name': 'second', 'len': lambda x: 'odd', '__builtins__': __builtins__})
        class Strange(dict):
            def __missing__(self, key): return 'made up ' + key
        bare = types.FunctionType(f.__code__, {'name': 'third', '__builtins__': {'len': lambda x: 'bare'}})
        empty = types.FunctionType(f.__code__, {'name': 'fourth', '__builtins__': {}})
        """,
        "f()",
        "other()",
        "bare()",
        "empty()",
        "f()",
        leaks=False,
        all_compiled=False,  # machine code belongs to one pair of globals and builtins
    )


def test_odd_builtins_mapping():
    check(
        """
        import types
        def f(): return missing_name
        class Odd(dict):
            def __missing__(self, key):
                log.append(key)
                return key.upper()
            def __getitem__(self, key):
                log.append(key)
                if key == 'missing_name': return 'found'
                raise KeyError(key)
        odd = types.FunctionType(f.__code__, {'__builtins__': Odd()})
        """,
        "f()",
        "odd()",
        leaks=False,
        all_compiled=False,
    )


def test_class_bodies_read_names():
    check(
        """
        x = 'global'
        def make(y):
            x = 'enclosing'
            class C:
                before = x if y else None
                x = 'class'
                after = x
                z = y
                names = sorted(k for k in locals() if not k.startswith('__'))
                def method(self): return x, y, __class__.__name__
                del before
            return C.x, C.after, C.z, C.names, C().method(), hasattr(C, 'before')
        def unbound():
            class C:
                del nothing
        def missing():
            class C:
                a = nothing_of_this_name
        def annotated():
            class C:
                a: int = 1
                b: 'str'
                (c): float = 2.0
            return C.__annotations__, C.a
        def free(y):
            class C:
                y = y
                copy = y
            return C.copy
        def global_in_class():
            class C:
                global made_global
                made_global = 'yes'
            return made_global
        class Meta(type):
            @classmethod
            def __prepare__(mcs, name, bases, **kw):
                class Namespace(dict):
                    def __missing__(self, key):
                        if key.startswith('auto'): return key
                        raise KeyError(key)
                return Namespace(kw)
            def __new__(mcs, name, bases, ns, **kw): return super().__new__(mcs, name, bases, dict(ns))
        def prepared():
            class C(metaclass=Meta, given=5):
                a = auto_a, given
            return C.a
        """,
        "make(1)",
        "make([])",
        "unbound()",
        "missing()",
        "annotated()",
        "free(3)",
        "global_in_class()",
        "prepared()",
    )


def test_closures_and_cells():
    check(
        """
        def counter(start):
            n = start
            def step(by=1):
                nonlocal n
                n += by
                return n
            def peek(): return n
            def drop():
                nonlocal n
                del n
            return step, peek, drop
        def use(start):
            step, peek, drop = counter(start)
            values = [step(), step(2), peek(), step(-5), peek()]
            drop()
            try:
                peek()
            except NameError as error:
                values.append((type(error), str(error)))
            try:
                step()
            except NameError as error:
                values.append((type(error), str(error)))
            try:
                drop()
            except NameError as error:
                values.append((type(error), str(error)))
            return values
        def deep(a):
            def one(b):
                def two(c):
                    def three(d):
                        nonlocal a, b
                        a = a + d
                        b = b + c
                        return a, b, c, d
                    return three
                return two(b)
            three = one(a)
            return three(1), three(2), a
        def argument_cell(a, *b, c=3, **d):
            def inner(): return a, b, c, d
            a2 = inner()
            a = 'changed'; b = 'changed'; c = 0; d = None
            return a2, inner()
        def loop_variable():
            fs = []
            for i in range(3): fs.append(lambda: i)
            return [f() for f in fs]
        def later(flag):
            def inner(): return value
            if flag: value = flag
            return inner()
        def recursive(n):
            def fact(k): return 1 if k < 2 else k * fact(k - 1)
            return fact(n)
        def cell_unbound():
            def inner(): return x
            x = 1
            del x
            return x
        """,
        "use(0)",
        "use(0.5)",
        "deep(1)",
        "deep('s')",
        "argument_cell(1)",
        "argument_cell(1, 2, c=4, e=5)",
        "loop_variable()",
        "later(1)",
        "later(0)",
        "recursive(5)",
        "recursive(30)",
        "cell_unbound()",
    )


def test_cell_contents_written_from_outside():
    check(
        """
        def make(value):
            def get(): return value
            def add(x): return value + x
            return get, add
        def go(value, other):
            get, add = make(value)
            first = get(), add(value)
            get.__closure__[0].cell_contents = other
            second = get(), add(other)
            del get.__closure__[0].cell_contents
            try:
                get()
            except NameError as error:
                return first, second, str(error)
        """,
        "go(1, 2)",
        "go(1, 'a')",
        "go('a', 2.5)",
    )


def test_walrus_and_scopes():
    check(
        """
        def f(values):
            if (n := len(values)) > 2: return n
            found = [last := v for v in values]
            squares = [y := v * 2 for v in values if (w := v) is not None]
            return n, found, squares, last, y, w
        def g(x):
            while (x := x - 1) > 0:
                if (half := x / 2) < 1: break
            else:
                return 'done', x
            return x, half
        """,
        "f([1, 2, 3])",
        "f([1, 2])",
        "f([])",
        "f(['a'])",
        "g(5)",
        "g(0)",
        "g(2.5)",
    )


@pytest.mark.parametrize("how", ["file", "-c"])
def test_module_level_names(tmp_path, how):
    """STORE_NAME, LOAD_NAME, DELETE_NAME and annotations of a module, in the main script and by ``exec``."""
    source = """
        import sys
        total = 0
        x: int = 3
        y: 'later'
        for i in range(50):
            total += i
            name = f'v{i}'
            if i % 7 == 0:
                del name
        print(total, x, __annotations__, i, 'name' in globals())
        try:
            del missing
        except NameError as error:
            print(error)
        try:
            missing
        except NameError as error:
            print(error)
        print(sorted(k for k in globals() if not k.startswith('__')))
        scope = {}
        exec('a = 1\\nfor i in range(30): a += i\\nb = a', scope)
        print(scope['a'], scope['b'])
        class Log(dict):
            def __getitem__(self, key): print('get', key); return super().__getitem__(key)
            def __setitem__(self, key, value): print('set', key); super().__setitem__(key, value)
            def __delitem__(self, key): print('del', key); super().__delitem__(key)
        exec('a = 1\\nb = a\\nfor i in range(3): a += i\\ndel b\\nprint(a)', {}, Log())
        print(eval('[a for a in range(3)] + [b]', {'b': 7}, Log()))
        del total
        total
        """
    if how == "file":
        plain_and_jit(source, tmp_path=tmp_path, compiled=0)
    else:
        import textwrap

        from support import MODES, python

        plain = python("-c", textwrap.dedent(source))
        for options in MODES.values():
            assert python("-c", textwrap.dedent(source), options=options) == plain


def test_what_a_debugger_put_where_the_first_value_goes_is_released():
    """Stores to variables that cannot have a value yet look all the same, and so do first stores on every way."""
    check(
        """
        import sys
        log = []
        class Loud:
            def __init__(self, name): self.name = name
            def __del__(self): log.append('del ' + self.name)
        def give(name):
            sys._getframe(1).f_locals[name] = Loud(name)
        def run(function, *arguments):
            del log[:]
            result = function(*arguments)
            return result, log[:]
        def plain(flag):
            if flag: give('later')
            later = len(log)
            log.append('stored')
            return later
        def float_expression(x, flag):
            if flag: give('later')
            later = x * 2.0 + 1.0
            log.append('stored')
            return later
        def pair(items, flag):
            if flag: give('second')
            first, second = items
            log.append('stored')
            return first, second
        def branches(flag):
            if flag: value = Loud('one')
            else: value = Loud('two')
            log.append('stored')
            value = None
            log.append('again')
            return value
        def loop(n):
            for i in range(n):
                value = Loud(str(i))
                log.append('stored')
            return n
        def handled(flag):
            try:
                value = Loud('try')
                if flag: raise KeyError(flag)
                other = 1
            except KeyError as error:
                value = Loud('except')
                other = error.args
            log.append('stored')
            return other
        def cleared(items, flag):
            if flag: give('x')
            result = [x for x in items]
            x = len(result)
            log.append('stored')
            return x
        """,
        "[run(plain, flag) for flag in (0, 0, 1, 1)]",
        "[run(float_expression, 1.5, flag) for flag in (0, 0, 1, 1)]",
        "[run(pair, (1, 2), flag) for flag in (0, 0, 1, 1)]",
        "[run(branches, flag) for flag in (0, 1, 0, 1)]",
        "[run(loop, n) for n in (0, 1, 3)]",
        "[run(handled, flag) for flag in (0, 0, 1, 1)]",
        "[run(cleared, [1, 2], flag) for flag in (0, 0, 1, 1)]",
    )


def test_results_that_nobody_wants():
    check(
        """
        log = []
        class Loud:
            def __del__(self): log.append('dead')
        def nothing(x): log.append(x)
        def something(x, name=None): return x
        def f(x):
            nothing(x)
            something(x)
            something(x, name=x)
            something(Loud())
            log.append('after')
            something(x=Loud())
            log.append('after')
            [x].pop()
            return log[:]
        """,
        "f(1)",
        "f(None)",
        "f([2])",
        "f(Loud)",
    )
