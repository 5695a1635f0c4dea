"""BINARY_OP and UNARY_*: every operator, specialised forms, overflow, odd floats, subclasses, dunders."""

import itertools

import pytest
from support import check

OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "<<", ">>", "&", "|", "^", "@"]

INTS = [
    "0",
    "1",
    "-1",
    "7",
    "-3",
    "True",
    "2**30 - 1",
    "2**30",
    "-2**30",
    "2**62",
    "-2**63",
    "2**63",
    "10**30",
]
FLOATS = ["0.0", "-0.0", "1.5", "-2.25", "1e308", "5e-324", "float('inf')", "-float('inf')", "float('nan')"]


def pairs(left, right, stride):
    """Every *stride*-th pair, so that each operand meets many others without all the products."""
    return list(itertools.islice(itertools.product(left, right), 0, None, stride))


@pytest.mark.parametrize("operator", OPERATORS)
def test_ints(operator):
    right = ["0", "1", "-1", "3", "63", "True"] if operator in ("**", "<<", ">>") else INTS
    calls = [f"f({a}, {b})" for a, b in pairs(INTS, right, 2)]
    calls += ["f(2, 0.5)", "f(1, 'x')", "f([], 1)", "f(None, 1)"]
    check(f"def f(a, b): return a {operator} b", *calls, warm=[0, 1, 7, len(calls) - 4])


@pytest.mark.parametrize("operator", OPERATORS)
def test_floats(operator):
    calls = [f"f({a}, {b})" for a, b in pairs(FLOATS, FLOATS, 2)]
    calls += [
        "f(1.5, 2)",
        "f(2, 1.5)",
        "f(True, 0.5)",
        "f(1e10, 10**400)",
        "f(-8.0, 1/3)",
        "f(0.0, -1.0)",
        "f(1.0, 'x')",
    ]
    check(f"def f(a, b): return a {operator} b", *calls, warm=[0, 5, len(calls) - 7, len(calls) - 1])


@pytest.mark.parametrize("operator", OPERATORS)
def test_in_place(operator):
    check(
        f"""
        def local(a, b):
            c = a
            a {operator}= b
            return a, c, a is c
        def attribute(a, b):
            box = Box()
            box.value = a
            box.value {operator}= b
            return box.value
        def item(a, b):
            values = [a, a]
            values[1] {operator}= b
            return values
        def cell(a, b):
            def inner():
                nonlocal a
                a {operator}= b
                return a
            return inner(), a
        class Box: pass
        class InPlace:
            def __init__(self, n): self.n = n
        for name in 'add sub mul truediv floordiv mod pow lshift rshift and or xor matmul'.split():
            def method(self, other, name=name):
                log.append((name, other))
                self.n += 1
                return self
            setattr(InPlace, f'__i{{name}}__', method)
        class Falls:
            def __iadd__(self, other): return NotImplemented
            def __add__(self, other): return 'added'
            def __rmul__(self, other): return 'multiplied'
        """,
        *[
            f"{shape}({a}, {b})"
            for shape in ("local", "attribute", "item", "cell")
            for a, b in [
                ("5", "3"),
                ("2.5", "2"),
                ("'ab'", "3"),
                ("[1]", "[2]"),
                ("InPlace(1)", "4"),
                ("Falls()", "1"),
            ]
        ],
        "local({1, 2}, {2, 3})",
        "local({1: 2}, {2: 3})",
        "local((1,), (2,))",
        "local(3, Falls())",
        warm=[0, 1, 4, 7, 13, 19],
    )


def test_loops_of_numbers():
    check(
        """
        def ints(n, k):
            total = 0
            for i in range(n):
                total = total * 3 + (i ^ k) - (i >> 1)
            return total
        def floats(n, x):
            y = x
            for i in range(n):
                y = y * 1.0001 + i / 3 - x
            return y
        def mixed(n, x):
            a = 0
            while n:
                a += n * x
                n -= 1
            return a
        """,
        "ints(50, 5)",
        "ints(200, 2**40)",
        "ints(5, True)",
        "floats(50, 1.0)",
        "floats(50, 1)",
        "floats(30, 10**20)",
        "mixed(10, 2)",
        "mixed(10, 0.5)",
        "mixed(10, 'a')",
        "mixed(3, [1])",
    )


def test_small_int_border_and_identity():
    """Results between -5 and 256 are the interpreter's own objects: `is` must say so."""
    check(
        """
        def same(a, b):
            x = a + b
            y = a + b
            return x is y, x
        def minus(a, b): return (a - b) is (a - b)
        def times(a, b): return (a * b) is (a * b)
        def alias(a):
            b = +a
            return a is b, a * 1 is a, a
        def float_identity(a):
            b = a
            c = a + 0.0
            return b is a, c is a, c
        """,
        "same(250, 6)",
        "same(250, 7)",
        "same(-5, 0)",
        "same(-5, -1)",
        "minus(256, 0)",
        "minus(1, 6)",
        "minus(1, 7)",
        "times(16, 16)",
        "times(257, 1)",
        "times(-1, 5)",
        "alias(1)",
        "alias(1000)",
        "alias(True)",
        "alias(1.5)",
        "float_identity(1.5)",
        "float_identity(2)",
        warm=[0, 1, 4, 7, 10, 14],
    )


def test_strings_and_containers():
    check(
        """
        def add(a, b): return a + b
        def times(a, b): return a * b
        def mod(a, b): return a % b
        def grow(n):
            s = ''
            for i in range(n):
                s += str(i)
                t = s
            s += '!'
            return s, t
        def grow_local_only(n):
            s = 'x'
            for i in range(n): s = s + 'yz'
            return s
        def merge(a, b): return a | b
        """,
        "add('a', 'b')",
        "add('', 'b')",
        "add('é', '\\U0001F600')",
        "add(b'a', b'b')",
        "add([1], [2])",
        "add((1,), (2,))",
        "add('a', 1)",
        "add('a', b'b')",
        "times('ab', 3)",
        "times(3, 'ab')",
        "times([1], -1)",
        "times('ab', 1.5)",
        "mod('%s-%d', ('x', 3))",
        "mod('%s', 'x')",
        "mod(b'%d', 5)",
        "mod('%d', 'x')",
        "grow(20)",
        "grow_local_only(30)",
        "merge({1}, {2})",
        "merge({1: 2}, {1: 3})",
        "merge(int, str)",
        warm=[0, 3, 4, 5, 8, 12, 16, 18],
    )


@pytest.mark.parametrize("operator", ["-", "+", "~", "not "])
def test_unary(operator):
    check(
        f"""
        class Odd:
            def __neg__(self): return 'neg'
            def __pos__(self): log.append('pos'); raise ValueError('no pos')
            def __invert__(self): return ~5
            def __bool__(self): log.append('bool'); raise RuntimeError('undecided')
        class Sized:
            def __init__(self, n): self.n = n
            def __len__(self): return self.n
        class Int(int): pass
        class Float(float):
            def __neg__(self): return 'negative'
        def f(a): return {operator}a
        """,
        *[f"f({a})" for a in [*INTS, *FLOATS]],
        *[
            "f('')",
            "f('x')",
            "f([])",
            "f([0])",
            "f(None)",
            "f(Odd())",
            "f(Sized(0))",
            "f(Sized(2))",
            "f(Sized(-1))",
        ],
        *["f(Int(5))", "f(Float(1.5))", "f(object())", "f(1j)", "f(False)", "f(b'')", "f({})", "f(())"],
        warm=[0, 1, 7, 13, 16, 22, 24, 27, 29],
    )


def test_subclasses_and_dunders():
    check(
        """
        class Int(int):
            def __add__(self, other): log.append('Int.__add__'); return Int(int(self) + int(other))
            def __radd__(self, other): log.append('Int.__radd__'); return 'r'
        class PlainInt(int): pass
        class Float(float):
            def __mul__(self, other): return ('mul', other)
            __rmul__ = __mul__
        class PlainFloat(float): pass
        class Str(str):
            def __radd__(self, other): return 'Str.__radd__'
        class PlainStr(str): pass
        class Left:
            def __add__(self, other): return NotImplemented
            def __sub__(self, other): raise KeyError('sub')
        class Right:
            def __radd__(self, other): log.append(type(other).__name__); return NotImplemented
            def __rsub__(self, other): return 'rsub'
        class Matrix:
            def __matmul__(self, other): return ('matmul', type(other).__name__)
            def __pow__(self, other, mod=None): return ('pow', other, mod)
            def __rpow__(self, other): return ('rpow', other)
        def add(a, b): return a + b
        def sub(a, b): return a - b
        def mul(a, b): return a * b
        def power(a, b): return a ** b
        def matmul(a, b): return a @ b
        """,
        *[
            "add(1, 2)",
            "add(Int(1), 2)",
            "add(1, Int(2))",
            "add(PlainInt(1), 2)",
            "add(2, PlainInt(1))",
            "add(True, True)",
        ],
        *["add(Str('a'), 'b')", "add('a', Str('b'))", "add('a', PlainStr('b'))", "add(PlainStr('a'), 'b')"],
        *[
            "add(Left(), Right())",
            "add(Left(), 1)",
            "add(1, Right())",
            "add(1.5, PlainFloat(2))",
            "add(PlainFloat(1), 2.5)",
        ],
        *[
            "sub(Left(), Right())",
            "sub(1, Right())",
            "sub(Right(), 1)",
            "sub(PlainInt(5), PlainInt(3))",
            "sub(1.5, True)",
        ],
        *[
            "mul(Float(2), 3)",
            "mul(3.0, Float(2))",
            "mul(2.0, PlainFloat(3))",
            "mul(True, 2.5)",
            "mul(False, 'abc')",
        ],
        *[
            "power(Matrix(), 2)",
            "power(2, Matrix())",
            "power(2, 100)",
            "power(2, -1)",
            "power(0, -1)",
            "power(-8, 0.5)",
        ],
        *["matmul(Matrix(), 1)", "matmul(1, Matrix())"],
        warm=[0, 1, 3, 5, 6, 9, 13, 14, 18, 20, 22, 25, 31],
    )


def test_shapes_of_operands():
    """Operands that are locals, constants, temporaries, attributes, globals, and one object twice."""
    check(
        """
        g = 7
        class Box:
            def __init__(self, v): self.v = v
        def const_right(a): return a + 1, a - 1, a * 2, a / 2, a // 2, a % 2, a ** 2, a & 1, a << 1
        def const_left(a): return 1 + a, 1 - a, 2 * a, 2 / a, 2 // a, 2 % a, 2 ** (a % 99)
        def twice(a): return a + a, a * a, a - a
        def nested(a, b): return (a + b) * (a - b) + (a * b - (b - a) * (a + 1))
        def temporaries(a, b): return [a][0] + (b,)[0] - abs(a)
        def attribute(a): return Box(a).v + Box(a).v * g
        def chain(a): return a + 1 + 2.5 + a + 1.5 * a
        def reuse(a, b):
            c = a + b
            d = c + a
            c = d - b
            d = c
            c = c + 1
            return c, d
        """,
        *[
            f"{f}({a})"
            for f in ("const_right", "const_left", "twice", "chain", "attribute")
            for a in ("3", "1.5", "2**40", "0", "'s'")
        ],
        *[
            f"{f}({a})"
            for f in ("nested", "temporaries", "reuse")
            for a in ("3, 4", "1.5, 2.5", "3, 0.5", "2**62, 2**62", "'a', 1")
        ],
        warm=[0, 1, 5, 6, 10, 15, 25, 26, 30, 35, 36],
    )


def test_operand_released_by_the_operation():
    """The interpreter's order of releasing operands shows in destructors."""
    check(
        """
        class Noisy:
            def __init__(self, name): self.name = name
            def __add__(self, other):
                log.append(f'{self.name}+{other.name}')
                return Noisy(self.name + other.name)
            def __neg__(self): return Noisy('-' + self.name)
            def __sub__(self, other): raise ValueError('sub')
            def __del__(self): log.append('del ' + self.name)
        def temporaries(): return (Noisy('a') + Noisy('b')).name
        def chain(): return (Noisy('a') + Noisy('b') + -Noisy('c') + (Noisy('d') + Noisy('e'))).name
        def raising():
            try:
                return Noisy('x') - Noisy('y')
            except ValueError:
                log.append('caught')
        def overwrite():
            v = Noisy('1')
            v = v + v
            v = -v
            v = None
            return len(log)
        """,
        "temporaries()",
        "chain()",
        "raising()",
        "overwrite()",
    )


def test_operators_that_change_classes_while_they_run():
    check(
        """
        class A:
            def __add__(self, other):
                A.__add__ = lambda self, other: 'second'
                return 'first'
        def add(a, b): return a + b
        def reset():
            def first(self, other):
                A.__add__ = lambda self, other: 'second'
                return 'first'
            A.__add__ = first
        def go():
            reset()
            return [add(A(), 1) for _ in range(4)], [a + 1 for a in (A(), A(), 1, 1.5)]
        """,
        "go()",
        "add(1, 2)",
        "go()",
    )


@pytest.mark.parametrize("operator", ["//", "%", "<<", ">>", "&", "|", "^"])
def test_int_constants(operator):
    """Machine code expects ints there; whatever else comes is as right."""
    calls = [
        f"{name}({a})"
        for name in ("right", "left", "both")
        for a in [*INTS, "'%s'", "1.5", "{1}", "None", "C()"]
    ]
    check(
        f"""
        class C(int):
            def __rfloordiv__(self, other): return ("//", other)
            def __and__(self, other): return ("&", other)
        def right(a): return a {operator} 7
        def left(a): return 12 {operator} a
        def both(a):
            a {operator}= 3
            b = -5
            return a, b {operator} 2, 2**30 {operator} 2, "%s" % 5
        """,
        *calls,
        warm=[0, 3, 20, 40],
    )


def test_floats_that_meet_other_numbers():
    """Sites that expect floats take one int of one digit without the slow path; everything else is as right."""
    others = [
        "3",
        "-7",
        "0",
        "2**30",
        "-(2**31)",
        "2**70",
        "True",
        "1.5",
        "I(4)",
        "F(2.5)",
        "None",
        "'x'",
        "10**400",
    ]
    check(
        """
        class I(int):
            def __add__(self, other): return 'I', other
            def __rsub__(self, other): return 'rI', other
        class F(float):
            def __rmul__(self, other): return 'rF', other
        def operations(a, b): return a + b, a - b, a * b
        def in_place(a, b):
            a += b
            b -= a
            a *= b
            return a, b
        def temporaries(a, b): return (a + 0.5) * (b - 0), (a * 1) - (b + 0.25), [a][0] + [b][0]
        def loop(a, b):
            total = 0.0
            for i in range(5): total += i; total -= a * i + b
            return total
        def quarter(a): return (a - 0.5) / 4.0, a / 2.0
        def attempt(f, *args):
            try: return f(*args)
            except (TypeError, OverflowError) as error: return str(error)
        """,
        *[
            f"attempt({f}, {pair}) "
            for f in ("operations", "in_place", "temporaries", "loop")
            for other in others
            for pair in (f"2.5, {other}", f"{other}, 2.5")
        ],
        *[f"attempt(quarter, {other})" for other in others],
        warm=[14, 40, 66, 92, 111],
    )
