"""The comparisons that other tests rely on do notice a difference."""

import pytest
from support import (
    check,
    compile_tree,
    describe,
    enabled,
    functions_of,
    growth,
    hot,
    plain_and_jit,
    positions,
)

import whipsnake

TELLS = """
    import sys, whipsnake
    KEPT = []
    class Value: pass
    value = Value()
    def compiled(): return whipsnake.tier(compiled) != 'interpreter'
"""


@pytest.mark.parametrize(
    "function",
    [
        "def f(): return compiled()",
        "def f(): return -0.0 if compiled() else 0.0",
        "def f(): return float('nan') if compiled() else -float('nan')",
        "def f(): return True if compiled() else 1",
        "def f(): log.append(compiled())",
        "def f(): KEPT.append(value) if compiled() else None",
        "def f(): raise ValueError(compiled())",
        "def f():\n    if compiled(): raise ValueError\n    raise ValueError",
        "def f():\n    (1 / 0 if compiled() else  1 / 0)",
        "def f():\n    x = compiled()\n    raise ValueError",
        "def f():\n    try: compiled() and 1 / 0\n    except ZeroDivisionError: raise KeyError\n    raise KeyError",
        "def f():\n    e = KeyError()\n    if compiled(): e.add_note('note')\n    raise e",
    ],
)
def test_check_notices(function):
    lines = "\n".join("    " + line for line in function.splitlines())
    with pytest.raises(AssertionError, match="differs, compiled cold"):
        check(TELLS + lines, "f()")


def test_all_functions_of_a_source_are_found():
    """Methods, closures, generators and comprehensions inside functions, what decorators wrap."""
    source = """
import functools
def wrap(f):
    @functools.wraps(f)
    def wrapper(*a): return f(*a)
    return wrapper
class C:
    def m(self):
        def inner(): return (x for x in 'ab')
        return inner
    @property
    def p(self): return 1
    @staticmethod
    def s(): return 2
    @classmethod
    def c(cls): return 3
    @wrap
    def w(self): return 4
"""
    scope = {"__name__": "checked"}
    exec(compile(source, "<check>", "exec"), scope)
    with enabled():
        for function in functions_of(scope):
            compile_tree(function)
        cls = scope["C"]
        found = [scope["wrap"], cls.m, cls.p.fget, cls.s, cls.c, cls.w, cls.w.__wrapped__, cls().m()]
        assert [whipsnake.tier(function) for function in found] == ["baseline"] * len(found)


@pytest.mark.parametrize(
    "program",
    [
        "import whipsnake; print(whipsnake.is_enabled())",
        "import sys, whipsnake; print(whipsnake.is_enabled(), file=sys.stderr)",
        "import sys, whipsnake; sys.exit(whipsnake.is_enabled())",
        "import whipsnake; whipsnake.is_enabled() and 1 / 0",
        "import os, whipsnake; os.kill(os.getpid(), 15 if whipsnake.is_enabled() else 9)",
    ],
)
def test_programs_are_compared(program, tmp_path):
    with pytest.raises(AssertionError, match="differs in mode 'everything'"):
        plain_and_jit(program, tmp_path=tmp_path, compiled=0)


def test_programs_must_be_compiled(tmp_path):
    with pytest.raises(AssertionError, match="functions compiled"):
        plain_and_jit("print(1)", tmp_path=tmp_path, compiled=10**6)


def test_growth_sees_a_leak():
    kept = []
    assert min(growth(lambda: kept.append(object()), rounds=5)) > 0
    assert growth(lambda: [object()])[-1] <= 0


def test_hot_compiles():
    def f(x):
        return [y + x for y in range(3)]

    with enabled():
        assert whipsnake.tier(hot(f, 1)) == "baseline"
    assert whipsnake.tier(f) == "interpreter"


def test_description_tells_values_apart():
    class Equal:
        def __eq__(self, other):
            return True

        __hash__ = None

    values = [
        0,
        False,
        0.0,
        -0.0,
        0j,
        "",
        b"",
        (),
        [],
        {},
        set(),
        frozenset(),
        None,
        Equal(),
        object(),
        ...,
        "0",
    ]
    values += [
        float("nan"),
        -float("nan"),
        {1: 2},
        {1.0: 2},
        {True: 2},
        {2: 1, 1: 2},
        {1: 2, 2: 1},
        ValueError(1),
    ]
    values += [ValueError("1"), ValueError(), KeyError(1), len, int, lambda: 0, range(1), range(0, 2, 2)]
    assert len({describe(value) for value in values}) == len(values)


def test_positions_have_columns():
    try:
        (1 + (2 / 0))
    except ZeroDivisionError as error:
        ((name, line, where),) = positions(error)
    assert name == "test_positions_have_columns"
    assert where[0] == line
    assert where[3] - where[2] == len("2 / 0")
