"""The functions whose machine code is compared: one hot shape each, warmed up as a program would do it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Point:
    def __init__(self) -> None:
        self.x = 1

    def get_x(self):
        return self.x

    def set_x(self, v):
        self.x = v

    def count_up(self):
        self.x += 1

    def value_or_zero(self):
        if self.x is None:
            return 0
        return 1


class Scale:
    def __init__(self, factor) -> None:
        self.factor = factor


def make_scale():
    return Scale(2)


def add_ints(a, b):
    return a + b


def add_floats(a, b):
    return a + b


def sum_items(a, n):
    s = 0
    for i in range(n):
        s += a[i]
    return s


def dot(a, b, n):
    s = 0.0
    for i in range(n):
        s += a[i] * b[i]
    return s


def float_expression(x, y, z):
    return x * x + y * y - 2.0 / z


def index_expression(table, x):
    return table[(x >> 8) & 255]


def is_odd(n):
    if n & 1:
        return 1
    return 0


def call_function(a, b):
    return add_ints(a, b)


def call_by_keyword(a, b):
    return call_function(b=b, a=a)


def call_method(p):
    return p.get_x()


def less(a, b):
    if a < b:
        return a
    return b


def return_const():
    return "done"


LIMIT = 10


def load_global():
    return LIMIT


def list_index(a, i):
    return a[i]


def count(n):
    i = 0
    while i < n:
        yield i
        i += 1


def delegate(n):
    yield from count(n)


def unpack(pair):
    a, b = pair  # noqa: RUF059
    return b


def shift(a):
    return a >> 3


def floor_divide(a, b):
    return a // b


def last_digit(a):
    return a % 10


def shift_left(a, b):
    return a << b


def negate(a):
    return -a


def closure(n):
    def inner():
        return n

    return inner


def guarded(d, key):
    try:
        return d[key]
    except KeyError:
        return None


def call_native(text, prefix):
    return text.startswith(prefix)


def call_and_forget(point) -> None:
    point.set_x(1)


def first_value(pair):
    first = pair[0]
    return first + 1


def call_len(values):
    return len(values)


def call_isinstance(value):
    return isinstance(value, int)


def call_append(values, value) -> None:
    values.append(value)


def slice_list(values, n):
    return values[n::-1]


def use(values) -> None:
    for _ in values:
        pass


CLOSURE = closure(5)

SHAPES: dict[str, tuple[Callable[..., Any], Callable[[], object]]] = {
    "add_ints": (add_ints, lambda: add_ints(1000, 2000)),
    "load_attribute": (Point.get_x, lambda: Point().get_x()),
    "store_attribute": (Point.set_x, lambda: Point().set_x(2)),
    "attribute_in_place": (Point.count_up, lambda: Point().count_up()),
    "store_first_attribute": (Scale.__init__, make_scale),
    "attribute_or_none": (Point.value_or_zero, lambda: Point().value_or_zero()),
    "first_value": (first_value, lambda: first_value((1, 2))),
    "call_and_forget": (call_and_forget, lambda: call_and_forget(Point())),
    "add_floats": (add_floats, lambda: add_floats(1.5, 2.5)),
    "unpack_pair": (unpack, lambda: unpack((1, 2))),
    "shift_int": (shift, lambda: shift(1000)),
    "floor_divide_ints": (floor_divide, lambda: floor_divide(1000, 7)),
    "remainder_by_constant": (last_digit, lambda: last_digit(1000)),
    "shift_left_ints": (shift_left, lambda: shift_left(1, 3)),
    "negate_int": (negate, lambda: negate(5)),
    "closure_variable": (CLOSURE, lambda: CLOSURE()),
    "make_instance": (make_scale, make_scale),
    "dot_product": (dot, lambda: dot([1.5, 2.5], [2.5, 3.5], 2)),
    "float_expression": (float_expression, lambda: float_expression(1.5, 2.5, 3.5)),
    "index_expression": (index_expression, lambda: index_expression([0] * 256, 1000)),
    "truth_of_expression": (is_odd, lambda: is_odd(1001)),
    "sum_items": (sum_items, lambda: sum_items([1, 2, 3], 3)),
    "call_by_keyword": (call_by_keyword, lambda: call_by_keyword(1, 2)),
    "call_method": (call_method, lambda: call_method(Point())),
    "call_function": (call_function, lambda: call_function(1, 2)),
    "call_native": (call_native, lambda: call_native("ab", "a")),
    "call_len": (call_len, lambda: call_len([1, 2])),
    "call_isinstance": (call_isinstance, lambda: call_isinstance(5)),
    "call_append": (call_append, lambda: call_append([1, 2, 3, 4, 5], 6)),
    "slice_list": (slice_list, lambda: slice_list([1, 2, 3], 1)),
    "compare_and_branch": (less, lambda: less(1, 2)),
    "return_const": (return_const, return_const),
    "load_global": (load_global, load_global),
    "list_index": (list_index, lambda: list_index([1, 2, 3], 1)),
    "generator": (count, lambda: use(count(3))),
    "delegate": (delegate, lambda: use(delegate(3))),
    "try_except": (guarded, lambda: guarded({1: 2}, 1)),
}
"""Name of the text file: the function, and a call that shows the interpreter what it is used for."""
