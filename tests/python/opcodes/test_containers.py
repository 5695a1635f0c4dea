"""BUILD_*, LIST_APPEND and its like, UNPACK_*, and comprehensions of every kind."""

from support import check

ITERABLES = """
        class Iter:
            def __init__(self, n): self.n = n
            def __iter__(self): return iter(range(self.n))
        class Items:
            def __getitem__(self, i):
                if i >= 3: raise IndexError
                return i
        class Raises:
            def __iter__(self): yield 1; raise ValueError('while iterating')
        class BadIter:
            def __iter__(self): return 5
        class BadLen:
            def __iter__(self): return iter([1, 2])
            def __len__(self): raise RuntimeError('len')
        class List(list): pass
        class Tuple(tuple): pass
        class Mapping:
            def keys(self): return ['a', 'b']
            def __getitem__(self, k): return k * 2
"""


def test_build():
    check(
        ITERABLES
        + """
        def tuples(a, b): return (), (a,), (a, b), (a, b, a), ((a, (b, ())),), (a, *b), (*b, a), (*b, *b)
        def lists(a, b): return [], [a], [a, b], [[a], [b]], [a, *b], [*b, a, *b], [*[a], *[b]]
        def sets(a, b): return {a}, {a, *b}, {*b, *b}, set()
        def dicts(a, b): return {}, {a: b}, {'x': a, 'y': b}, {**{a: 1}, a: 2}, {1: a, **{2: b}, 3: [a]}
        def maps(m, n): return {**m}, {**m, **n}, {'a': 0, **m}, {**m, 'a': 0}
        def constant_keys(a): return {'a': a, 'b': a, 'c': [a], 'd': 1}
        def large(a):
            return [a, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
                    a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a]
        def slices(a, b): return slice(a, b), [1, 2, 3][a:b]
        """,
        "tuples(1, 'ab') ;; tuples([], [1, 2]) ;; tuples(1, 5) ;; tuples(0, Raises()) ;; tuples(0, Iter(3))",
        "tuples(0, BadLen())",
        "lists(1, (2, 3)) ;; lists(1, 'xy') ;; lists(0, None) ;; lists(0, Items()) ;; lists(0, BadIter())",
        "lists(0, {1: 2})",
        "sets(1, [2, 1]) ;; sets([], []) ;; sets(1, [[]]) ;; sets(1, 5) ;; sets(1.0, [1, True])",
        "dicts(1, 2) ;; dicts([], 1)",
        "maps({}, {}) ;; maps({'a': 1}, {'a': 2, 'b': 3}) ;; maps(Mapping(), {}) ;; maps(5, {})",
        "maps([('a', 1)], {}) ;; maps({}, None)",
        "constant_keys(1) ;; constant_keys([]) ;; large(1) ;; large('x') ;; slices(0, 2) ;; slices(None, 1)",
    )


def test_unpack():
    check(
        ITERABLES
        + """
        def one(v):
            (a,) = v
            return a
        def two(v):
            a, b = v
            return a, b
        def three(v):
            a, b, c = v
            return c, b, a
        def nested(v):
            (a, (b, *c)), d = v
            return a, b, c, d
        def head(v):
            a, *b = v
            return a, b
        def tail(v):
            *a, b = v
            return a, b
        def middle(v):
            a, b, *c, d, e = v
            return a, b, c, d, e
        def only(v):
            [*a] = v
            return a
        def targets(v):
            class Box: pass
            box, items = Box(), [0, 0, 0]
            box.x, items[1], (box.y, *items[2:]) = v
            return box, items
        def swap(v):
            a, b = v
            a, b = b, a
            a, b, c = b, a, a
            a, b, c, d = d, c, b, a = c, b, a, 4
            return a, b, c, d
        def loop(v): return [(x, y) for x, y in v]
        """,
        *[
            f"{f}({v})"
            for f in ("one", "two", "three", "head", "tail", "middle", "only")
            for v in (
                "[1]|(1,)|'a'|[1, 2]|(1, 2)|'ab'|(1, [2], 3)|[1, 2, 3]|[1, 2, 3, 4, 5]|()|[]|5|None|Iter(2)|"
                "Iter(3)|Items()|"
                "Raises()|BadIter()|BadLen()|List([1, 2])|Tuple((1, 2))|{1: 2, 3: 4}|{7}|range(4)".split("|")
            )
        ],
        "nested([(1, [2, 3, 4]), 5]) ;; nested(('a', 'bc')) ;; nested([1, 2]) ;; nested([(1, []), 2])",
        "targets([1, 2, [3, 4, 5]]) ;; targets('abc') ;; swap((1, 2)) ;; swap([1.5, 'x'])",
        "loop([(1, 2), [3, 4], 'ab']) ;; loop([1])",
        "loop({}.items()) ;; loop({1: 2}.items()) ;; loop([(1, 2, 3)])",
        warm=[0, 2, 4, 27, 28, 29, 37, 54, 55, 72, 74, 97, 122, 145, 168, 174, 176],
    )


def test_comprehensions():
    check(
        ITERABLES
        + """
        def lists(v): return [x for x in v], [x * 2 for x in v if x], [[y for y in range(x)] for x in v]
        def sets(v): return {x for x in v}, {x % 2 for x in v}
        def dicts(v): return {x: x * 2 for x in v}, {k: [v2 for v2 in v] for k in v}
        def generators(v):
            return list(x + 1 for x in v), sum(x for x in v), any(x > 1 for x in v), tuple(x for x in v if x)
        def two(v): return [(x, y) for x in v for y in v if x < y], {x: y for x in v for y in v}
        def scope(v):
            x = 'outer'
            inner = [x for x in v]
            fs = [lambda: x for x in v]
            return x, inner, [f() for f in fs], [x for x in [x]]
        def captured(v, k):
            return ([x + k for x in v], list(x + k for x in v), {x + k: k for x in v},
                    [(lambda: x + k)() for x in v])
        def unpacked(v): return [a + b for a, b in zip(v, v)], {a: b for a, b in zip(v, v)}
        def walrus(v): return [y := x for x in v], [last for x in v if (last := x) is not None]
        def in_condition(v): return [x for x in v if x if x < 3 if not x == 1]
        def with_locals(v):
            a = 1
            return [sorted(locals()) for x in v], sorted(locals())
        def conditional(v): return ['yes' if x else 'no' for x in v], [x or y for x in v for y in (0, None)]
        class C:
            items = [1, 2]
            squares = [i * i for i in items]
            pairs = [(i, j) for i in items for j in (3, 4)]
        def class_result(): return C.squares, C.pairs, hasattr(C, 'i')
        """,
        *[
            f"{f}({v})"
            for f in (
                "lists sets dicts generators two scope unpacked walrus in_condition with_locals conditional"
            ).split()
            for v in ("[1, 2, 3]", "(0, 1)", "[]", "range(4)", "Iter(2)", "Items()", "Raises()", "5", "['a']")
        ],
        "captured([1, 2], 5) ;; captured([0.5], 1) ;; captured(['a'], 1) ;; captured([], None)",
        "class_result()",
        warm=[0, 3, 6, 9, 18, 27, 33, 36, 45, 54, 63, 81, 99],
    )


def test_comprehension_errors_have_positions():
    check(
        """
        def f(v):
            return [x
                    for x in v
                    if 10 / x > 2]
        def g(v):
            return {x: 1 / x
                    for x in v}
        def h(v):
            return sum(
                1 / x
                for x in v)
        def k(v):
            return [[10 / y
                     for y in x]
                    for x in v]
        """,
        "f([1, 2]) ;; f([1, 0]) ;; f(5) ;; g([1, 0]) ;; g([[]]) ;; h([1, 0]) ;; h(None) ;; k([[1], [0]])",
        "k([1]) ;; k([])",
    )


def test_unpacked_operands_are_released_in_order():
    check(
        """
        class Noisy:
            def __init__(self, n): self.n = n
            def __del__(self): log.append('del ' + self.n)
            def __iter__(self):
                yield Noisy(self.n + '1')
                yield Noisy(self.n + '2')
            def __hash__(self): return 1
            def __eq__(self, other): log.append('eq'); return True
        def pair():
            a, b = Noisy('p')
            log.append('unpacked')
        def too_many():
            try:
                a, = Noisy('p')
            except ValueError as error:
                return str(error)
        def too_few():
            try:
                a, b, c = Noisy('p')
            except ValueError as error:
                return str(error)
        def star():
            a, *b = Noisy('p')
            log.append('unpacked')
        def build():
            x = [Noisy('a'), Noisy('b')]
            y = (Noisy('c'), *x)
            z = {Noisy('k'): Noisy('v1'), Noisy('k2'): Noisy('v2')}
            log.append('built')
        def set_of_equal(): return len({Noisy('x'), Noisy('y')})
        def failing():
            try:
                return [Noisy('first'), Noisy('second'), 1 / 0]
            except ZeroDivisionError:
                log.append('caught')
        def failing_dict():
            try:
                return {'a': Noisy('first'), 'b': Noisy('second'), 'c': None.x}
            except AttributeError:
                log.append('caught')
        def discarded(): Noisy('a'), [Noisy('b')]; log.append('end')
        """,
        *[
            f"{f}()"
            for f in "pair too_many too_few star build set_of_equal failing failing_dict discarded".split()
        ],
    )


def test_extends_and_merges_in_calls_and_displays():
    check(
        """
        def f(*a, **k): return a, k
        def g(a, b):
            return (f(*a, *b), f(**dict(x=1), **{'y': 2}), [*a, *b], {*a, *b}, (*a, *b),
                    {**{1: 2}, **dict(zip(a, b))})
        def h(d, e): return f(**d, **e)
        def nothing(): return f(*(), **{}), [*()], {**{}}
        """,
        "g([1], [2]) ;; g('ab', (1,)) ;; g([], []) ;; g(1, []) ;; h({'a': 1}, {'b': 2})",
        "h({'a': 1}, {'a': 2}) ;; h({1: 2}, {})",
        "h({'a': 1}, 5) ;; nothing()",
    )


def test_unpacking_site_that_sees_lists_and_tuples():
    """Whichever the interpreter has specialised for, the other goes without the slow path."""
    for warm in ("(1, [2])", "[1, [2]]", "('a', 'b')"):
        check(
            """
            def pair(x):
                a, b = x
                return a, b
            def made(x):
                a, b = list(x)
                c, d = tuple(x)
                return a, b, c, d
            """,
            "pair((1, [2]))",
            "pair([3, [4]])",
            "pair('xy')",
            "pair([1])",
            "pair((1, 2, 3))",
            "pair({1: 2, 3: 4})",
            "made([5, 6])",
            f"pair({warm})",
            warm=[7],
        )


def test_unpacking_in_large_functions():
    """They store the items by shared code, which must release, raise and be seen as the single stores would."""
    padding = "\n".join("                if n > 10 ** 9: a = n * 2 + b - c" for _ in range(120))
    for warm in ("(1, [2], 'c', 4)", "[1, [2], 'c', 4]"):
        check(
            f"""
            import sys
            class Noisy:
                def __init__(self, name): self.name = name
                def __del__(self):
                    frame = sys._getframe(1)
                    names = [n for n in ("a", "b", "c", "d", "x") if n in frame.f_locals]
                    log.append((self.name, frame.f_lineno - frame.f_code.co_firstlineno, names))
            def large(n, x):
                a = b = c = d = 0
                {padding.strip()}
                a, b, c, d = x
                seen = [(a, b, c, d)]
                d, a, a, c = a, x, x, d = x
                seen += [(a, b, c, d)]
                n, (a, b, c, d), x = n, (x if type(x) is tuple else list(x)), None
                return n, seen, a, b, c, d, x
            def dying(n, x):
                a, b, c, d = Noisy('a'), Noisy('b'), Noisy('c'), Noisy('d')
                {padding.strip()}
                (a,
                 b,
                 c,
                 d) = x
                log.append('stored')
                e, f, g, h = [Noisy(i) for i in range(4)]
                e, f, g, h = x
                (e,
                 f,
                 c,
                 d) = [Noisy(1), Noisy(2), 5, Noisy(3)]
                del a, c
                a, b, c, d = n, n, n, n
                a, b, c, d, *_ = x
                return a, b, c, d, type(e), type(f), g, h
            def caught(n, x):
                a = b = c = d = e = 7
                {padding.strip()}
                try:
                    a, b, c, d = kept = [n + 1, [n], x[2], x]
                    e, d, c, b = x
                    return a, b, c, d, e, kept
                except Exception as error:
                    return type(error), str(error), a, b, c, d, e
            def generator(n, x):
                a = b = c = d = 0
                {padding.strip()}
                for i in range(3):
                    a, b, c, d = yield (a, b, c, d)
                    [a, b], c, d, e = (yield [d, c]), a, b, i
            def driven(n, x):
                g = generator(n, x)
                out = [next(g)]
                for i in range(8):
                    try:
                        out.append(g.send(x))
                    except (StopIteration, TypeError, ValueError) as error:
                        out.append(str(error))
                return out
            """,
            "large(1, (1, [2], 'c', 4))",
            "large(1, [1, [2], 'c', 4])",
            "large(1, 'wxyz')",
            "large(1, 'wxy')",
            "large(1, (1, 2, 3, 4, 5))",
            "large(1, None)",
            "large(1, {1: 2, 3: 4, 5: 6, 7: 8})",
            "large(1, iter([1, 2, 3, 4]))",
            "dying(1, (1, [2], 'c', 4))",
            "dying(1, [Noisy('x'), [2], Noisy('y'), 4])",
            "dying(1, (i for i in range(4)))",
            "caught(1, (1, [2], 'c', 4))",
            "caught(1, [1, [2], 'c'])",
            "caught(1, [1, [2], 'c', 5])",
            "driven(1, (1, [2], 'c', 4))",
            "driven(1, [1, [2], 'c'])",
            f"large(2, {warm})",
            f"dying(2, {warm})",
            f"caught(2, {warm})",
            warm=[16, 17, 18],
        )
