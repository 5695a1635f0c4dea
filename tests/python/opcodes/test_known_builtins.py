"""len(), isinstance() and list.append() in machine code: whatever they are given, a site misses nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support import check, compile_tree, enabled

import whipsnake
from whipsnake import _core

PRELUDE = """
    import abc, collections, collections.abc, types
    class Py:
        def __init__(self, n): self.n = n
        def __len__(self): return self.n
    class Child(Py): pass
    class Ordered(list): pass
    class Pair(collections.namedtuple("Pair", "a b")): pass
    class Text(str): pass
    class Data(bytes): pass
    class Dict(dict): pass
    class Set(set): pass
    class Array(bytearray): pass
    class Counted(list):
        def __len__(self): return 77
    class CountedDict(dict):
        def __len__(self): return 78
    class Meta(type): pass
    class Base(metaclass=Meta): pass
    class Derived(Base): pass
    class Says(type):
        def __instancecheck__(cls, x): log.append("asked"); return x
    class Asked(metaclass=Says): pass
    class Abstract(abc.ABC): pass
    class Registered: pass
    Abstract.register(Registered)
    class Liar:
        @property
        def __class__(self): return Derived
    def length(x): return len(x)
    def lengths(n, x): return [n, n - len(x), n]
    def instance(x, c): return isinstance(x, c)
    def found(n, x, c): return [n, isinstance(x, c), n]
    def added(items, x): items.append(x); return items
"""

SIZED = [
    *("[1]", "(1, 2)", "'abc'", "'\\u1234'", "b'ab'", "{1: 2}", "{1}", "frozenset((1, 2))", "bytearray(3)"),
    *("range(5)", "range(0)", "range(1000)", "range(5, 50, 7)", "range(2**40)", "range(9, 1)"),
    *(
        "Ordered([1] * 300)",
        "Pair(1, 2)",
        "Text('ab')",
        "Data(b'abc')",
        "Dict(a=1)",
        "Set((1, 2))",
        "Array(4)",
    ),
    *(
        "collections.deque([1])",
        "collections.OrderedDict(a=1)",
        "collections.Counter('aab')",
        "memoryview(b'ab')",
    ),
    *("Py(3)", "Child(300)", "Counted([1])", "CountedDict(a=1)", "types.MappingProxyType(CountedDict())"),
]
"""Expressions of PRELUDE that have a length."""

CHECKED = [
    *("instance(1, int)", "instance(Base(), Base)", "instance(Derived(), Base)", "instance(Base(), Derived)"),
    *("instance(1, Base)", "instance(1, (Base, str, int))", "instance(None, (Base, Abstract))"),
    *("instance({}, collections.abc.Mapping)", "instance(1, collections.abc.Mapping)", "instance(1, Asked)"),
    *(
        "instance(Registered(), Abstract)",
        "instance(Base(), Abstract)",
        "instance(0, Asked)",
        "instance('a', Asked)",
    ),
]


def ready(*warm: str) -> dict[str, Any]:
    """The prelude's functions in machine code, after the interpreter has specialised them by these calls."""
    namespace: dict[str, Any] = {"__name__": "checked", "log": []}
    exec("\n".join(line[4:] for line in PRELUDE.splitlines()), namespace)
    for call in warm:
        for _ in range(6):
            eval(call, namespace)
    for name in ("length", "lengths", "instance", "found", "added", "Py"):
        function = namespace[name]
        compile_tree(getattr(function, "__len__", function))
    return namespace


WARM = ("length([1])", "lengths(1, [1])", "instance(1, str)", "found(1, 1, str)", "added([], 1)")


@pytest.mark.parametrize(
    "calls",
    [
        [f"length({x})" for x in SIZED],
        [f"lengths({n}, {x})" for n in ("5", "1000") for x in SIZED],
        CHECKED,
        [call.replace("instance(", "found([1], ") for call in CHECKED],
        [
            "added(Ordered(), 1)",
            "added(Counted([1]), 2)",
            "[added(i, 5) for i in [Ordered([1])] for _ in range(40)]",
        ],
    ],
    ids=["len", "len above a variable", "isinstance", "isinstance above a variable", "append"],
)
def test_nothing_is_a_miss(calls: list[str]) -> None:
    with enabled():
        plain, compiled = ready(*WARM), ready(*WARM)
        answers = [eval(call, compiled) for call in calls * 3]
        assert [row for row in _core.hot_sites(1000) if row[3].startswith("CALL") and row[4] == "slow"] == []
    assert answers == [eval(call, plain) for call in calls * 3]


def test_what_a_python_len_returns() -> None:
    check(
        """
        class Index:
            def __init__(self, n): self.n = n
            def __index__(self): return self.n
        class Int(int): pass
        class Says:
            def __init__(self, n): self.n = n
            def __len__(self): return self.n
        class Raises:
            def __len__(self):
                raise KeyError('len')
        class Static:
            __len__ = staticmethod(lambda: 4)
        class Called:
            __len__ = Says(3).__len__
        class Nothing:
            __len__ = None
        class Takes:
            def __len__(self, more): return 1
        class Slow:
            def __len__(self):
                total = 0
                for i in range(50): total += i
                return total
        def length(x): return len(x)
        def above(x, y):
            try: return [x, y, (x, len(y))]
            except Exception as error: return x, type(error), str(error)
        """,
        *[
            f"{f}Says({n}))"
            for f in ("length(", "above([1], ")
            for n in (
                *("0", "1", "True", "2**62", "2**63 - 1", "2**63", "-1", "-2**70", "Index(5)", "Index(-5)"),
                *("Index(None)", "1.5", "None", "'a'", "Int(7)", "Index(2**80)"),
            )
        ],
        "length(Raises()) ;; above(1, Raises()) ;; length(Static()) ;; length(Called()) ;; length(Nothing())",
        "length(Takes()) ;; length(Slow()) ;; above(2, Slow()) ;; length(object()) ;; length(range(2**70))",
        "above(3, range(-2**70, 2**70))",
        warm=[0, 16, 32, 38],
    )


def test_len_and_isinstance_are_rebound_while_hot() -> None:
    check(
        PRELUDE
        + """
    def rebound(name, value, call):
        globals()[name] = value
        try: return call(), call()
        finally: del globals()[name]
    def changed(n):
        class Own:
            def __len__(self): return n
        own = Own()
        seen = [length(own), length(own)]
        Own.__len__ = lambda self: n + 1
        seen.append(length(own))
        Own.__len__ = list.__len__
        try: length(own)
        except TypeError as error: seen.append(str(error))
        del Own.__len__
        try: length(own)
        except TypeError as error: seen.append(str(error))
        Own.__len__ = lambda self: n + 2
        seen.append(length(own))
        return seen
    def inherited(n):
        class Top(list):
            def __len__(self): return n
        class Own(Top): pass
        own = Own([1])
        seen = [length(own)]
        del Top.__len__
        seen.append(length(own))
        Own.__len__ = lambda self: n + 1
        seen.append(length(own))
        Own.__bases__ = (Counted,)
        del Own.__len__
        seen.append(length(own))
        return seen
    def metaclass():
        class Late(type): pass
        class Of(metaclass=Late): pass
        class Under(Of): pass
        seen = [instance(Under(), Of), instance(Of(), Under), instance(1, Of)]
        Late.__instancecheck__ = lambda cls, x: x == 1
        seen += [instance(Under(), Of), instance(1, Of), instance(1, (str, Of)), instance(2, Of)]
        Late.__instancecheck__ = type.__instancecheck__
        seen += [instance(Under(), Of), instance(1, Of)]
        del Late.__instancecheck__
        seen += [instance(Under(), Of), instance(1, Of), instance(Liar(), Of), instance(Liar(), Base)]
        return seen
    def raises(x): raise KeyError(x)
    class Raising(type):
        def __instancecheck__(cls, x): raise KeyError(x)
    class Bool:
        def __bool__(self): raise ValueError("bool")
    class Refuses(metaclass=Raising): pass
        """,
        "length([1]) ;; changed(3) ;; inherited(4) ;; metaclass() ;; instance(1, Refuses) ;; found(1, 2, Refuses)",
        "rebound('len', lambda x: 'own', lambda: length([1])) ;; rebound('len', raises, lambda: length([1]))",
        "rebound('isinstance', lambda x, c: 'own', lambda: instance(1, int)) ;; instance(Bool(), Asked)",
        "instance(Liar(), Base) ;; instance(Liar(), Derived) ;; instance(Liar(), Abstract) ;; found([], 0, Asked)",
        warm=[0, 1, 3, 8],
        leaks=False,
    )


def test_a_len_that_changes_the_callers_variables() -> None:
    """They lie below the operands, where machine code borrows them."""
    check(
        """
        import sys
        class Rebinds:
            def __init__(self, name): self.name = name
            def __len__(self):
                sys._getframe(1).f_locals[self.name] = [self.name]
                return 3
        class Meta(type):
            def __instancecheck__(cls, x):
                sys._getframe(1).f_locals[x] = [x]
                return True
        class Asked(metaclass=Meta): pass
        def length(a, b, x): return [a, b, len(x), a, b]
        def instance(a, b, x): return [a, b, isinstance(x, Asked), a, b]
        def loop(a, b, xs): return [(a, b, len(x), a, b) for x in xs] and [[a, b, len(x), a] for x in xs]
        """,
        "length([1], [2], [3]) ;; length([1], [2], Rebinds('a')) ;; length([1], [2], Rebinds('b'))",
        "length([1], [2], Rebinds('x')) ;; instance(1, 2, 'a') ;; instance([1], [2], 'b') ;; instance([1], 2, 'x')",
        "instance([1], [2], 'c') ;; loop([1], [2], [[], Rebinds('a'), (), Rebinds('b'), Rebinds('xs')])",
        warm=[0, 1, 4, 8],
    )


def test_a_len_that_begins_to_trace() -> None:
    check(
        """
        import sys
        def trace(frame, event, arg):
            code = frame.f_code
            if code.co_name in ('length', 'instance', '__len__'):
                log.append((event, frame.f_lineno - code.co_firstlineno))
            return trace
        class Traces:
            def __len__(self):
                sys._getframe(1).f_trace = trace
                sys.settrace(trace)
                return 3
        class Meta(type):
            def __instancecheck__(cls, x):
                sys._getframe(1).f_trace = trace
                sys.settrace(trace)
                return 3
        class Asked(metaclass=Meta): pass
        def length(a, x):
            b = [a, len(x)]
            return b
        def instance(a, x):
            b = [a, isinstance(x, Asked)]
            return b
        def traced(f, *args):
            try: return f(*args)
            finally: sys.settrace(None)
        """,
        "traced(length, [1], [2]) ;; traced(length, [1], Traces()) ;; traced(instance, [1], 1)",
    )


def test_a_deep_len_raises_a_recursion_error() -> None:
    check(
        """
        class Deep:
            def __init__(self, inner): self.inner = inner
            def __len__(self): return len(self.inner) + 1
        def nested(n):
            deep = []
            for i in range(n): deep = Deep(deep)
            try: return len(deep)
            except RecursionError: return 'too deep'
        """,
        "nested(3) ;; nested(300) ;; nested(3000)",
    )


def test_lists_of_a_class_append() -> None:
    check(
        """
        class Ordered(list): pass
        class Own(list):
            def append(self, x): log.append(x)
        class Dies:
            def __del__(self): log.append('dead')
        def add(items, x): return items.append(x), len(items)
        def fill(items, n):
            for i in range(n): items.append(i)
            return items
        def late(n):
            class Late(list): pass
            items = Late()
            add(items, 1)
            Late.append = lambda self, x: self.extend((x, x))
            add(items, 2)
            del Late.append
            add(items, 3)
            return list(items)
        def unbound(f, items, x): return f(items, x), items
        """,
        "add([], 1) ;; add(Ordered(), [2]) ;; add(Own(), 3) ;; fill(Ordered(), 50) ;; fill(Own(), 3) ;; late(1)",
        "add(Ordered([Dies()]), Dies()) ;; unbound(list.append, Ordered(), 1) ;; unbound(list.append, (), 1)",
        "add((), 1) ;; add(bytearray(), 1)",
    )


def test_no_code_is_given_up_for_what_len_is_given() -> None:
    with enabled():
        namespace = ready(*WARM)
        length: Callable[[object], int] = namespace["length"]
        item = namespace["Py"](5)
        for _ in range(3 * 4096):
            assert length(item) == 5
        assert whipsnake.tier(length) == "baseline"
