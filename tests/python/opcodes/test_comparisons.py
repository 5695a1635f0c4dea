"""COMPARE_OP, IS_OP, CONTAINS_OP, TO_BOOL and the jumps that test: specialised, missed, chained, raising."""

import pytest
from support import check

OPERATORS = ["<", "<=", "==", "!=", ">", ">="]
VALUES = [
    "0",
    "1",
    "-1",
    "True",
    "2**30",
    "2**62",
    "-2**63",
    "10**30",
    "1.0",
    "-0.0",
    "float('nan')",
    "float('inf')",
]


@pytest.mark.parametrize("operator", OPERATORS)
def test_compare_and_branch(operator):
    calls = [
        f"{f}({a}, {b})"
        for f in ("value", "branch")
        for i, a in enumerate(VALUES)
        for b in VALUES[i % 2 :: 2]
    ]
    more = [
        "'a', 'b'",
        "'a', 'a'",
        "'', 'é'",
        "b'a', b'b'",
        "'a', b'a'",
        "[1], [2]",
        "(1, 2), (1,)",
        "None, None",
    ]
    more += ["None, 1", "{1}, {1, 2}", "{1: 2}, {1: 2}", "1, '1'", "1j, 1j", "object, int"]
    calls += [f"{f}({pair})" for f in ("value", "branch") for pair in more]
    check(
        f"""
        def value(a, b): return a {operator} b
        def branch(a, b):
            if a {operator} b: return 'yes'
            return 'no'
        """,
        *calls,
        warm=[0, 4, 50, 75, 76, 100, 120, 144, 158],
    )


@pytest.mark.parametrize("operator", OPERATORS)
def test_rich_comparison_methods(operator):
    check(
        f"""
        class Odd:
            def __init__(self, result): self.result = result
            def __eq__(self, other): return self.compare('==', other)
            def __ne__(self, other): return self.compare('!=', other)
            def __lt__(self, other): return self.compare('<', other)
            def __le__(self, other): return self.compare('<=', other)
            def __gt__(self, other): return self.compare('>', other)
            def __ge__(self, other): return self.compare('>=', other)
            def compare(self, how, other):
                log.append(how)
                if isinstance(self.result, Exception): raise self.result
                return self.result
        class Undecided:
            def __bool__(self): log.append('bool'); raise RuntimeError('undecided')
        class Int(int): pass
        class Backwards(int):
            def __lt__(self, other): return int(self) > int(other)
            __gt__ = __eq__ = __lt__
        class Str(str):
            def __eq__(self, other): return 'str eq'
            __hash__ = str.__hash__
        def value(a, b): return a {operator} b
        def branch(a, b):
            if a {operator} b: return 'yes'
            else: return 'no'
        def negated(a, b): return not a {operator} b
        """,
        *[
            f"{f}({pair})"
            for f in ("value", "branch", "negated")
            for pair in (
                *[
                    "Odd(True), 1",
                    "Odd([]), 1",
                    "Odd('x'), Odd(0)",
                    "Odd(NotImplemented), Odd(1)",
                    "1, Odd(0)",
                ],
                *[
                    "Odd(ValueError('v')), 1",
                    "Odd(Undecided()), 1",
                    "Int(1), 2",
                    "2, Int(1)",
                    "Int(5), Int(5)",
                ],
                *[
                    "Backwards(1), 2",
                    "1, Backwards(2)",
                    "Str('a'), 'a'",
                    "'a', Str('a')",
                    "Odd(None), None",
                    "1, 2",
                ],
            )
        ],
        warm=[0, 5, 7, 12, 15, 16, 23, 31, 40, 47],
    )


def test_chained():
    check(
        """
        def chain(a, b, c): return a < b < c
        def branch(a, b, c):
            if a < b <= c != a: return 'yes'
            return 'no'
        def once(a):
            def tick(v):
                log.append(v)
                return v
            return tick(1) < tick(a) < tick(3) < tick(4)
        def mixed(a, b): return a is not b in [b, a] != None
        """,
        "chain(1, 2, 3)",
        "chain(2, 1, 3)",
        "chain(1, 2.5, 2)",
        "chain('a', 'b', 'c')",
        "chain(1, 'a', 2)",
        "chain(1, 2, 'a')",
        "branch(1, 2, 2)",
        "branch(3, 2, 2)",
        "branch(1.0, 2.0, 2)",
        "once(2)",
        "once(0)",
        "once(5)",
        "mixed(1, 2)",
        "mixed([], ())",
    )


def test_is_and_in():
    check(
        """
        class Contains:
            def __contains__(self, item): log.append(item); return item
        class Iterable:
            def __iter__(self): return iter([1, 'two', 3.0])
        class Items:
            def __getitem__(self, i):
                if i > 3: raise IndexError
                return i
        class Never:
            __contains__ = None
        class Raises:
            def __eq__(self, other): raise ValueError('eq')
            __hash__ = object.__hash__
        class Hash:
            def __hash__(self): raise TypeError('no hash for you')
        def same(a, b): return a is b, a is not b
        def none(a):
            if a is None: return 'none'
            if a is not None: return 'some'
        def none_loop(values):
            out = []
            for v in values:
                out.append('none' if v is None else 'some')
                if v is not None: out.append(v)
            return out
        def true(a): return a is True, a is False, a is ...
        def within(a, b): return a in b
        def without(a, b): return a not in b
        def branch(a, b):
            if a in b: return 'in'
            return 'out'
        """,
        *[
            "same(1, 1)",
            "same([], [])",
            "same(None, None)",
            "same(1.0, 1)",
            "none(None)",
            "none(0)",
            "none([])",
        ],
        *["none_loop([None, 1, None, 'a'])", "true(True)", "true(1)", "true(...)"],
        *[
            f"{f}({pair})"
            for f in ("within", "without", "branch")
            for pair in (
                *[
                    "1, [1, 2]",
                    "3, (1, 2)",
                    "'a', 'abc'",
                    "1, {1, 2}",
                    "1.0, {1: 2}",
                    "'b', {'a': 1}",
                    "[], {1}",
                ],
                *[
                    "1, 'abc'",
                    "5, range(10)",
                    "float('nan'), [float('nan')]",
                    "1, Contains()",
                    "0, Contains()",
                ],
                *[
                    "3, Iterable()",
                    "9, Iterable()",
                    "2, Items()",
                    "9, Items()",
                    "1, Never()",
                    "1, 5",
                    "1, None",
                ],
                *[
                    "1, [Raises()]",
                    "Hash(), {1}",
                    "1, frozenset({1})",
                    "98, b'abc'",
                    "'x', {}.keys()",
                    "1, iter([1, 2])",
                ],
            )
        ],
        warm=[0, 4, 7, 11, 14, 15, 21, 28, 36, 39, 61, 64],
    )


def test_truth():
    check(
        """
        class Bool:
            def __init__(self, result): self.result = result
            def __bool__(self):
                log.append('bool')
                return self.result
        class Len:
            def __init__(self, n): self.n = n
            def __len__(self): return self.n
        class Raises:
            def __bool__(self): raise ValueError('bool')
        class Plain: pass
        class Int(int): pass
        class List(list): pass
        class EmptyStr(str):
            def __bool__(self): return True
        def branch(a):
            if a: return 'true'
            return 'false'
        def negated(a):
            if not a: return 'false'
            return 'true'
        def value(a): return not a
        def both(a, b=1): return a and b
        def either(a, b=1): return a or b
        def ternary(a): return 'x' if a else 'y'
        def loop(a):
            n = 0
            while a:
                n += 1
                if n == 3: break
            else:
                n = 'else'
            return n
        def mixed(a, b=0): return (a or b) and (not a or b) or (a and not b)
        """,
        *[
            f"{f}({a})"
            for f in ("branch", "negated", "value", "both", "either", "ternary", "loop", "mixed")
            for a in (
                *[
                    "True",
                    "False",
                    "0",
                    "1",
                    "2**70",
                    "None",
                    "''",
                    "'a'",
                    "[]",
                    "[0]",
                    "()",
                    "{}",
                    "0.0",
                    "float('nan')",
                ],
                *[
                    "Bool(True)",
                    "Bool(False)",
                    "Bool(1)",
                    "Len(0)",
                    "Len(3)",
                    "Len(-1)",
                    "Raises()",
                    "Plain()",
                    "Plain",
                ],
                *["Int(0)", "Int(2)", "List()", "List([1])", "EmptyStr()", "1j", "b''", "..."],
            )
        ],
        warm=[0, 2, 5, 6, 8, 14, 17, 21, 35, 68, 130, 161, 190],
    )


def test_class_changes_its_truth():
    check(
        """
        class C: pass
        def branch(a):
            return 'true' if a else 'false'
        def change(how):
            for name in ('__bool__', '__len__'):
                if name in vars(C): delattr(C, name)
            if how == 'bool': C.__bool__ = lambda self: False
            elif how == 'len': C.__len__ = lambda self: 0
            elif how == 'bad': C.__bool__ = lambda self: 3
            return branch(C())
        """,
        "change('')",
        "change('bool')",
        "change('')",
        "change('len')",
        "change('bad')",
        "branch(C())",
        "branch(0)",
    )


def test_and_or_keep_the_values():
    check(
        """
        def f(a, b, c): return a and b or c
        def g(a, b, c): return (a or b) and c
        def h(*values): return [x or y for x, y in zip(values, values[1:])]
        def k(a, b): return a and (b and (a or b)) or None
        """,
        "f([], 1, 'c')",
        "f([1], 0, 'c')",
        "f(1, 2.5, 'c')",
        "g(0, '', 1)",
        "g(0, 'b', [1])",
        "h(1, 0, None, 'a', [])",
        "k(1, 'a')",
        "k({}, 1)",
    )


TRUTH = """
    class Plain: pass
    class Bool:
        def __init__(self, answer): self.answer = answer
        def __bool__(self): return self.answer
    class Len:
        def __init__(self, n): self.n = n
        def __len__(self): return self.n
    class Both(Len):
        def __bool__(self): return not self.n
    class Int(int): pass
    class Str(str): pass
    class Odd(int):
        def __bool__(self): return False
    class Tuple(tuple): pass
    class List(list): pass
    class Dict(dict): pass
    class Lying(tuple):
        def __len__(self): return 0
    class LyingList(list):
        def __bool__(self): return False
    class Meta(type):
        def __len__(cls): return 0
    class OfMeta(metaclass=Meta): pass
    VALUES = [True, False, None, 0, 1, -1, 2**70, 0.0, 1.5, "", "x", [], [0], (), (0,), {}, {1: 2}, set(), {1}, b"",
              b"x", range(0), range(2), Plain(), Plain, len, object(), Bool(True), Bool(False), Len(0), Len(3), Both(0),
              Both(1), Int(0), Int(5), Str(""), Str("s"), Odd(3), OfMeta, Plain().__init__, Ellipsis, 0j, frozenset(),
              Tuple(), Tuple([0]), List(), List([0]), Dict(), Dict(a=1), Lying(), Lying([1]), LyingList([1])]
    def branch(x):
        if x: return "yes"
        return "no"
    def negated(x): return "no" if not x else "yes"
    def value(x): return not x, not not x
    def fresh(x):
        y = [x]
        if y.pop(): return 1
        return 2
    def both(x, y): return x and y, x or y
    def loop(xs):
        n = 0
        while xs and xs[-1]: xs.pop(); n += 1
        return n, [bool(x) for x in xs[:3]]
    def many(f): return [f(v) for v in VALUES]
    def raising(x):
        try:
            if x: return 1
        except Exception as e:
            return type(e).__name__, str(e)
"""


@pytest.mark.parametrize("warm", range(9))
def test_truth_of_everything_at_one_site(warm):
    """Whatever the interpreter has specialised a site for, the truth of other things is theirs."""
    warmups = ["True", "None", "1", "'x'", "[1]", "Plain()", "{}", "Bool(True)", "Len(1)"]
    calls = [f"many({f})" for f in ("branch", "negated", "value", "fresh")]
    calls += ["[both(a, b) for a in VALUES for b in VALUES[:6]]", "loop(list(VALUES))", "loop([1, [2], 'x'])"]
    calls += ["raising(Bool(3))", "raising(Len(-1))", "raising(Bool('x'))", "raising([])"]
    calls += [
        f"(branch({w}), negated({w}), value({w}), fresh({w}), both({w}, 1), raising({w}))" for w in warmups
    ]
    check(TRUTH, *calls, warm=[11 + warm])
