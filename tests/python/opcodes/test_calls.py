"""CALL, CALL_KW, CALL_FUNCTION_EX: every shape of call, every kind of callable, every way to get it wrong."""

from support import check, plain_and_jit

FUNCTIONS = """
        def none(): return 'none'
        def one(a): return ('one', a)
        def two(a, b): return ('two', a, b)
        def defaults(a, b=2, c='c'): return (a, b, c)
        def keyword(a, *, k, l=5): return (a, k, l)
        def positional(a, b, /, c=3, *, d=4): return (a, b, c, d)
        def star(a, *rest): return (a, rest)
        def double(a, **named): return (a, named)
        def everything(a, b=2, /, c=3, *rest, k=10, l=11, **named): return (a, b, c, rest, k, l, named)
        def mutable(a, seen=[]):
            seen.append(a)
            return list(seen[-2:])
        def many(a, b, c, d, e, f, g, h, i, j): return (a, b, c, d, e, f, g, h, i, j)
"""


def test_positional():
    check(
        FUNCTIONS
        + """
        def c0(f): return f()
        def c1(f): return f(1)
        def c2(f): return f(1, [2])
        def c3(f): return f(1, 2, 'z')
        def c10(f): return f(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
        def c12(f): return f(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
        """,
        *[
            f"{c}({f})"
            for c in ("c0", "c1", "c2", "c3", "c10", "c12")
            for f in (
                "none one two defaults keyword positional star double everything mutable many "
                "len print int list dict object None 5".split()
                if c != "c0"
                else "none one defaults star everything list dict object int len None".split()
            )
            if (c, f)
            not in {("c1", "print"), ("c2", "print"), ("c3", "print"), ("c10", "print"), ("c12", "print")}
        ],
        warm=[0, 1, 3, 6, 11, 13, 15, 18, 20, 27, 31, 38, 44],
    )


def test_keywords():
    check(
        FUNCTIONS
        + """
        def k_a(f): return f(a=1)
        def k_ab(f): return f(1, b=2)
        def k_swapped(f): return f(b=2, a=1)
        def k_all(f): return f(1, b=2, c=3)
        def k_only(f): return f(1, k=7)
        def k_both(f): return f(1, k=7, l=8)
        def k_unknown(f): return f(1, nope=2)
        def k_twice(f): return f(1, a=2)
        def k_rest(f): return f(1, 2, 3, 4, k=5, z=6, y=7)
        """,
        *[
            f"{k}({f})"
            for k in "k_a k_ab k_swapped k_all k_only k_both k_unknown k_twice k_rest".split()
            for f in "one two defaults keyword positional star double everything dict int".split()
        ],
        warm=[0, 2, 11, 12, 22, 23, 33, 43, 57, 67, 77, 87],
    )


def test_stars():
    check(
        FUNCTIONS
        + """
        class Iter:
            def __init__(self, n): self.n = n
            def __iter__(self): return iter(range(self.n))
        class Mapping:
            def keys(self): return ['k', 'l']
            def __getitem__(self, key): log.append(key); return key * 2
        class BadKeys:
            def keys(self): return [1]
            def __getitem__(self, key): return key
        class Raises:
            def __iter__(self): raise ValueError('iter')
            def keys(self): raise KeyError('keys')
        def s(f, a): return f(*a)
        def d(f, k): return f(1, **k)
        def sd(f, a, k): return f(*a, **k)
        def mix(f, a, k): return f(0, *a, 'x', *a, k=1, **k)
        def many_maps(f, k, m): return f(1, **k, **m)
        def pass_on(f, *args, **kwargs): return f(*args, **kwargs)
        def both_literal(f): return f(*(1, 2), **{'k': 3})
        """,
        """
        s(none, ()) ;; s(none, [1]) ;; s(two, [1, 2]) ;; s(two, (1, 2)) ;; s(two, 'ab') ;; s(two, Iter(2))
        s(two, Iter(3))
        s(star, range(5)) ;; s(everything, [1, 2, 3, 4, 5]) ;; s(two, 5) ;; s(two, None) ;; s(two, Raises())
        s(max, [3, 4])
        d(double, {'x': 2}) ;; d(keyword, {'k': 1}) ;; d(keyword, Mapping()) ;; d(one, {'a': 1})
        d(one, {1: 2})
        d(double, BadKeys()) ;; d(double, Raises()) ;; d(double, 5) ;; d(double, None) ;; d(dict, {'b': 1})
        d(int, {'base': 10})
        sd(everything, [1, 2], {'k': 5, 'q': 6}) ;; sd(positional, (1, 2), {'c': 9})
        sd(positional, (1,), {'b': 9})
        mix(star, [1], {}) ;; mix(everything, [1], {'m': 2}) ;; mix(everything, [1], {'k': 2})
        mix(5, [1], {})
        many_maps(double, {'x': 1}, {'y': 2}) ;; many_maps(double, {'x': 1}, {'x': 2})
        many_maps(double, {}, 5)
        pass_on(none) ;; pass_on(two, 1, 2) ;; pass_on(two, 1, b=2) ;; pass_on(keyword, 1, k=2)
        pass_on(dict, a=1)
        pass_on(one) ;; pass_on(len, [1]) ;; pass_on(len) ;; both_literal(everything) ;; both_literal(keyword)
        """,
        warm=[0, 2, 4, 7, 12, 13, 15, 22, 24, 27, 31, 34, 35, 37, 38, 41],
    )


def test_c_functions_of_each_convention():
    check(
        """
        import operator, math, struct, functools, itertools, sys
        class Fast:
            pass
        def noargs(o): return o.copy(), o.keys() if hasattr(o, 'keys') else None
        def o(v):
            return (len(v), sorted(v), sum(v), repr(v), type(v), isinstance(v, (list, tuple)), bool(v),
                    hash(tuple(v)))
        def fast(v):
            return (max(v, default=0), min(*v, 5), divmod(7, 2), pow(2, 3), pow(2, 3, 5), round(2.567, 1),
                    round(2.5))
        def keywords(v):
            return sorted(v, reverse=True), sorted(v, key=lambda x: -x), int('12', base=3), print(end='')
        def varargs(v):
            return struct.pack('<2h', 1, 2), math.hypot(3.0, 4.0), list(itertools.chain(v, v)), max(1, 2, 3)
        def classes(v):
            return (str(5), str(), str(b'a', 'ascii'), tuple(v), tuple(), list(v), type(v), type(None),
                    float('1'))
        def class_method(v):
            return dict.fromkeys(v), bytes.fromhex('00ff'), int.from_bytes(b'ab', 'big'), 'x'.__class__
        def methods(v):
            v.append(9)
            v.extend([1])
            v.insert(0, 5)
            return v, v.index(9), v.count(1), v.pop(), v.pop(0)
        def text(s):
            return (s.upper(), s.split(), s.split('b', 1), s.split(sep='b', maxsplit=1),
                    s.startswith(('a', 'b')), s.encode('utf8', errors='strict'),
                    s.format(1, x=2), '-'.join(s), s.zfill(5), s.isalpha())
        def wrong(which, v):
            if which == 0: return len()
            if which == 1: return len(v, v)
            if which == 2: return v.append()
            if which == 3: return v.append(1, 2)
            if which == 4: return isinstance(v)
            if which == 5: return len(v, x=1)
            if which == 6: return v.sort(1)
            if which == 7: return list.append(5, 1)
            if which == 8: return str(1, 2, 3, 4)
            if which == 9: return v.copy(1)
            if which == 10: return math.sqrt('x')
            if which == 11: return math.sqrt(-1)
            if which == 12: return len(5)
            if which == 13: return list.append([1])
            if which == 14: return {}.pop()
            if which == 15: return isinstance(1, 5)
            if which == 16: return type(1, 2)
            if which == 17: return tuple(1, 2)
        def partials(v): return functools.partial(max, 3)(v[0]), functools.partial(int, base=2)('101')
        def operators(v):
            return (operator.itemgetter(0)(v), operator.attrgetter('real')(v[0]),
                    operator.methodcaller('copy')(v))
        def unbound(v):
            return list.copy(v), str.join(',', ['a', 'b']), dict.get({'a': 1}, 'a'), list.index(v, v[-1])
        """,
        "noargs([1]) ;; noargs({1: 2}) ;; noargs({1}) ;; o([3, 1]) ;; o((2, 1)) ;; o([]) ;; fast([4, 9])",
        "fast([1.5, 2])",
        "keywords([2, 3]) ;; varargs([1]) ;; classes([1, 2]) ;; classes('ab') ;; class_method([1])",
        "methods([1, 2])",
        "text('abc') ;; text('{0}{x}') ;; text('') ;; partials([5]) ;; operators([1, 2]) ;; unbound([1, 2])",
        "noargs(5)",
        *[f"wrong({i}, [1])" for i in range(18)],
    )


def test_specialised_builtins():
    check(
        """
        class List(list):
            def append(self, x): log.append(x)
        class Len:
            def __len__(self): return 5
        class BadLen:
            def __len__(self): return -1
        class Meta(type):
            def __instancecheck__(cls, o): log.append('check'); return o
        class M(metaclass=Meta): pass
        class Str:
            def __str__(self): return 'str!'
        class BadStr:
            def __str__(self): return 5
        def length(v): return len(v)
        def kind(v): return type(v)
        def text(v): return str(v)
        def items(v): return tuple(v)
        def instance(v, t): return isinstance(v, t)
        def appended(v, x):
            v.append(x)
            return v
        def append_result(v): return v.append(1)
        def replaced(v):
            len = lambda x: 'shadowed'
            return len(v)
        """,
        "length([1]) ;; length('ab') ;; length({}) ;; length(Len()) ;; length(BadLen()) ;; length(5)",
        "length(range(2**70))",
        "kind(1) ;; kind(None) ;; kind(type) ;; kind(Len()) ;; text(1) ;; text('a') ;; text(Str())",
        "text(BadStr()) ;; text(None)",
        "items([1]) ;; items('ab') ;; items(()) ;; items(5) ;; items(x for x in 'ab') ;; items({1: 2})",
        "instance(1, int) ;; instance('a', (int, str)) ;; instance(1, M) ;; instance(0, M)",
        "instance(1, 5) ;; instance(True, int)",
        "instance(1, int | str) ;; appended([], 1) ;; appended(List(), 2) ;; appended(5, 1)",
        "append_result([]) ;; replaced([])",
        "appended(bytearray(), 65) ;; appended(bytearray(), 999)",
    )


def test_specialised_builtins_meet_other_callables():
    check(
        """
        class Noisy:
            def __init__(self, n): self.n = n
            def __del__(self): log.append(('dead', self.n))
            def __len__(self): return self.n
            def __eq__(self, other): return True
            __hash__ = None
        class Liar:
            @property
            def __class__(self): log.append('asked'); return int
        class Says:
            def __getattribute__(self, name): log.append(name); return str
        class Meta(type):
            def __instancecheck__(cls, x): log.append('check'); return x == 1
        class Checked(metaclass=Meta): pass
        class List(list):
            def append(self, x): log.append(x)
        class PlainList(list): pass
        def length(f, x): return f(x)
        def size(x): return len(x)
        def of_class(f, x, c): return f(x, c)
        def instance(x, c): return isinstance(x, c)
        def add(items, x): return items.append(x), len(items)
        def type_of(x): return type(x)
        def temporary():
            return len([Noisy(1), Noisy(2)]), isinstance(Noisy(3), int), type(Noisy(4)).__name__, [].append(Noisy(5))
        def grow(n):
            items = []
            for i in range(n): items.append(i)
            return items
        """,
        *[
            f"size({x})"
            for x in (
                *(
                    "[1, 2]",
                    "(1,)",
                    "'abc'",
                    "'\\u1234'",
                    "b'ab'",
                    "{1: 2}",
                    "{1, 2}",
                    "frozenset([1])",
                    "range(300)",
                ),
                *(
                    "[0] * 256",
                    "[0] * 257",
                    "'x' * 100000",
                    "Noisy(7)",
                    "Noisy(-1)",
                    "5",
                    "PlainList([1])",
                    "set()",
                ),
            )
        ],
        *[f"length({f}, [1, 2, 3])" for f in ("len", "sum", "list", "str", "lambda x: x[0]", "[].append")],
        *[
            f"instance({x}, {c})"
            for x in ("1", "True", "'s'", "Liar()", "Says()", "Checked", "None", "PlainList()")
            for c in (
                "int",
                "str",
                "(int, str)",
                "(list, (str, bool))",
                "Checked",
                "()",
                "int | str",
                "type",
                "5",
                "(int, 5)",
            )
        ],
        "of_class(isinstance, 1, int) ;; of_class(issubclass, int, int) ;; of_class(min, 1, 2)",
        "add([], 1) ;; add([1, 2, 3, 4], 5) ;; add(List(), 1) ;; "
        "add(PlainList(), 1) ;; add(bytearray(), 1) ;; add((), 1)",
        "type_of(1) ;; type_of(int) ;; type_of(Noisy(9)).__name__ ;; temporary() ;; grow(100)",
        warm=[0, 17, 23, 25, 103, 106, 112],
    )


def test_conventions_meet_other_callables():
    check(
        """
        import operator
        class Noisy:
            def __init__(self, n): self.n = n
            def __del__(self): log.append(('dead', self.n))
            def __str__(self): return self.n
            def __index__(self): return int(self.n)
        class Text(str):
            def upper(self): return 'UPPER'
            def startswith(self, *a): return a
        class Static:
            f = staticmethod(ord)
            g = str.upper
            h = operator.index
            __call__ = len
        def none(o): return o.upper()
        def one(f, x): return f(x)
        def method_one(o, x): return o.count(x)
        def fast(o, *a): return o.startswith('a'), o.startswith('b', 1), o.split(None, 1)
        def keywords(o): return o.encode(), o.encode('utf-8'), o.split(), o.split(','), o.split(',', 1)
        def through_class(o): return str.upper(o), str.startswith(o, 'a'), str.join(o, ['x', 'y'])
        def bound(o):
            up, starts, join = o.upper, o.startswith, o.join
            return up(), starts('a'), join(['x', 'y']), starts('b', 1)
        def two(f, x, y): return f(x, y)
        def three(f, x, y, z): return f(x, y, z)
        def many(f, *a): return f(a[0], a[1], a[2], a[3], a[4], a[5], a[6])
        def temporaries(): return chr(Noisy('97')), hash((Noisy('1'), 2)) and 1, hex(Noisy('255')), [Noisy('2')].pop().n
        def replaced(s): return s.replace('a', str(Noisy('bcd'))), s.count(str(Noisy('a')))
        def raises(s, x): return s.index(x)
        def callback(f): return sorted([3, 1, 2], key=f), max([1, 2], key=f), list(map(f, (1, 2)))
        """,
        "none('a') ;; none(Text('a')) ;; none(b'ab') ;; none(5)",
        "one(ord, 'a') ;; one(ord, 'ab') ;; one(len, 'ab') ;; "
        "one(lambda x: x, 1) ;; one(Static.f, 'a') ;; one(Static.g, 'a')",
        "one('a'.count, 'a') ;; one(Static().h, 1) ;; one(Static(), 1) ;; "
        "one(int, '5') ;; one(chr, -1) ;; one(print, '')",
        "method_one([1, 1], 1) ;; method_one('aa', 'a') ;; "
        "method_one((1,), 1) ;; method_one(Text('a'), 'a') ;; method_one(5, 1)",
        "fast('ab c d') ;; fast(Text('ab c')) ;; fast(b'ab') ;; keywords('a,b c,d') ;; keywords(Text('a'))",
        "through_class('ab') ;; through_class(Text('ab')) ;; "
        "through_class(5) ;; bound('ab') ;; bound(Text('x'))",
        "two(getattr, 1, 'real') ;; two(getattr, 1, 'none') ;; "
        "two(divmod, 7, 2) ;; two(pow, 2, 3) ;; two(min, 1, 2)",
        "three(getattr, 1, 'none', 5) ;; three(pow, 2, 3, 5) ;; "
        "three(max, 1, 2, 3) ;; many(max, 1, 2, 3, 4, 5, 6, 7)",
        "temporaries() ;; replaced('abca') ;; raises('abc', 'c') ;; "
        "raises('abc', 'd') ;; raises([1], 1) ;; raises([1], 2)",
        "callback(lambda x: -x) ;; callback(str) ;; callback(abs)",
        warm=[0, 4, 10, 16, 21, 23, 26, 29, 31, 36, 40, 41, 43, 46],
    )


def test_classes_made_in_c_meet_other_callables():
    check(
        """
        class Noisy:
            def __init__(self, n): self.n = n
            def __del__(self): log.append(('dead', self.n))
            def __int__(self): return self.n
            def __iter__(self): return iter([self.n])
            def __bool__(self): raise ValueError('bool')
        class Meta(type):
            def __call__(cls, *a): return ('meta', a)
        class Called(metaclass=Meta): pass
        class List(list):
            def __init__(self, *a): super().__init__(*a); log.append('init')
        class Plain: pass
        def none(c): return c()
        def one(c, x): return c(x)
        def two(c, x, y): return list(c(x, y))
        def named(x): return int(x), bool(x), list((x,)), tuple([x]), [*range(3)], set((1,)), dict(), float(2)
        def dead():
            both = [*zip(Noisy(5), Noisy(6))]
            return int(Noisy(1)), list(Noisy(2)), tuple(Noisy(3)), [*enumerate(Noisy(4))], both
        def many(c): return c(1, 2, 3, 4, 5, 6, 7)
        """,
        *[
            f"none({c})"
            for c in ("int", "list", "set", "dict", "Called", "List", "len", "lambda: 5", "range", "type")
        ],
        *[
            f"one({c}, {x})"
            for c in (
                "int",
                "list",
                "tuple",
                "bool",
                "Called",
                "List",
                "frozenset",
                "bytes",
                "reversed",
                "int.__call__",
            )
            for x in ("'5'", "[1]", "Noisy(8)", "None")
        ],
        "one(lambda x: x, 1) ;; one(len, 'ab') ;; one(Plain, 1) ;; one(type, 1) ;; one(Plain().__class__, 1)",
        "two(range, 1, 3) ;; two(enumerate, 'ab', 1) ;; "
        "two(zip, 'ab', 'cd') ;; two(map, str, [1]) ;; two(range, 1, 'a')",
        "named(1) ;; named('5') ;; named('x') ;; dead() ;; many(max) ;; many(int) ;; many(Called)",
        warm=[0, 2, 10, 11, 14, 18, 22, 30, 34, 55, 56, 60, 63],
    )


def test_classes():
    check(
        """
        import collections, dataclasses, enum
        class Plain: pass
        class Init:
            def __init__(self, a, b=2): self.a = a; self.b = b
        class Star:
            def __init__(self, *a, **k): self.a = a; self.k = k
        class Slots:
            __slots__ = ('a',)
            def __init__(self, a): self.a = a
        class New:
            def __new__(cls, *a, **k):
                log.append(('new', a, k))
                return super().__new__(cls)
            def __init__(self, *a, **k): log.append(('init', a, k))
        class Other:
            def __new__(cls, *a): return 'not an instance'
            def __init__(self, *a): log.append('never')
        class BadInit:
            def __init__(self, *a): return 5
        class Raises:
            def __init__(self, *a): raise ValueError(a)
            def __del__(self): log.append('del Raises')
        class Meta(type):
            def __call__(cls, *a, **k): log.append('meta call'); return super().__call__(*a, **k)
        class WithMeta(metaclass=Meta):
            def __init__(self, *a): self.a = a
        class Inherited(Init): pass
        class Extended(Init):
            def __init__(self, a, b=3):
                super().__init__(a, b)
                self.c = self.a
        class ListSub(list):
            def __init__(self, *a): super().__init__(a)
        class Int(int):
            def __new__(cls, v): return super().__new__(cls, v + 1 if isinstance(v, int) else 0)
        Point = collections.namedtuple('Point', 'x y', defaults=[5])
        @dataclasses.dataclass
        class Data:
            a: int
            b: list = dataclasses.field(default_factory=list)
        class Colour(enum.Enum):
            RED = 1
        def c0(c): return c()
        def c1(c): return c(1)
        def c2(c): return c(1, [2])
        def ck(c): return c(1, b='k')
        def loop(c, n): return [c(i) for i in range(n)][-1]
        def nested(c): return c(c(c(1)))
        """,
        *[
            f"{f}({c})"
            for f in ("c0", "c1", "c2", "ck")
            for c in (
                "Plain Init Star Slots New Other BadInit Raises WithMeta Inherited Extended "
                "ListSub Int Point Data "
                "Colour object".split()
            )
        ],
        "loop(Init, 10) ;; loop(Slots, 10) ;; loop(Star, 5) ;; nested(Init) ;; nested(Int) ;; nested(Data)",
        warm=[0, 4, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 35, 53, 68, 71],
        leaks=False,
        all_compiled=False,  # dataclasses make functions of their own
    )


def test_init_changes():
    check(
        """
        class A:
            def __init__(self, x): self.x = x
        def make(x): return vars(A(x))
        def change(new):
            old = A.__init__
            A.__init__ = new
            try:
                return make(5)
            finally:
                A.__init__ = old
        def with_new(x):
            A.__new__ = staticmethod(lambda cls, *a: object.__new__(cls))
            try:
                return make(x)
            finally:
                del A.__new__
        def no_init():
            old = A.__init__
            del A.__init__
            try:
                return make(1)
            finally:
                A.__init__ = old
        """,
        "make(1) ;; change(lambda self, x: setattr(self, 'y', x)) ;; make('a') ;; change(lambda self: None)",
        "with_new(3) ;; make(4) ;; no_init() ;; make(2) ;; change(5)",
    )


def test_new_is_python_code():
    check(
        """
        import abc
        class Tracked:
            def __init__(self, name): self.name = name
            def __del__(self): log.append(('gone', self.name))
        class New:
            def __new__(cls, *a): return object.__new__(cls)
            def __init__(self, *a): self.a = a
        class Sub(New):
            def __init__(self, *a): super().__init__(a)
        class Elsewhere(New):
            def __new__(cls, *a): return super().__new__(Sub if cls is Elsewhere else cls)
        class OtherInit:
            def __new__(cls, *a): return New.__new__(New, a)
        class NoInit:
            def __new__(cls, *a): return object.__new__(cls)
        class NativeInit(list):
            def __new__(cls, *a): return super().__new__(cls)
        class OfObject(list):
            def __new__(cls, *a): return object.__new__(cls)
        class Unchecked(NoInit):
            __init__ = object.__init__
        class BadInit(New):
            def __init__(self, *a): return a
        class RaisingInit(New):
            def __init__(self, *a): raise ValueError(a)
            def __del__(self): log.append('del')
        class RaisingNew:
            def __new__(cls, *a): raise KeyError(a)
        class Abstract(abc.ABC):
            def __new__(cls, *a): return object.__new__(cls)
            @abc.abstractmethod
            def f(self): pass
        class Concrete(Abstract):
            def f(self): pass
        class DataNew(type):
            @property
            def __new__(cls): log.append('asked'); return lambda cls, *a: a
        class Drops:
            def __new__(cls, a):
                del a
                log.append('new is over')
                return object.__new__(cls)
            def __init__(self, a):
                del a
                log.append('init is over')
        class Deep:
            def __new__(cls, n): return n and Deep(n - 1)
        def plain(c): return [type(c()).__name__, type(c(1)).__name__]
        def unpacked(c, *a): return type(c(*a)).__name__
        def by_keyword(c, **k): return type(c(**k)).__name__
        def data(): return DataNew.__call__(type.__new__(DataNew, 'D', (), {}), 1)
        def drops(): Drops(Tracked('a')); log.append('end')
        def drops_unpacked(): Drops(*[Tracked('b')]); log.append('end')
        def deep(n):
            try:
                return Deep(n)
            except RecursionError as error:
                return str(error)[:30]
        def change(name, value, c=New):
            old = getattr(c, name)
            setattr(c, name, value)
            try:
                return plain(c)
            finally:
                setattr(c, name, staticmethod(old) if name == '__new__' else old)
        """,
        *[
            f"{f}({c}{arguments})"
            for f, arguments in (
                ("plain", ""),
                ("unpacked", ""),
                ("unpacked", ", 1, [2]"),
                ("by_keyword", ", a=1"),
            )
            for c in (
                "New Sub Elsewhere OtherInit NoInit NativeInit OfObject Unchecked BadInit RaisingInit RaisingNew "
                "Abstract Concrete".split()
            )
        ],
        "data() ;; drops() ;; drops_unpacked() ;; deep(5) ;; deep(100000) ;; plain(New)",
        "change('__new__', lambda cls, *a: 7) ;; plain(New)",
        "change('__init__', lambda self, *a: log.append('other'))",
        "change('__init__', lambda self, *a: 5) ;; plain(New) ;; change('__new__', lambda cls: object.__new__(cls))",
    )


def test_callable_objects():
    check(
        """
        import functools
        class Call:
            def __call__(self, *a, **k): return ('call', a, k)
        class Method:
            def m(self, *a): return ('m', a)
            @classmethod
            def c(cls, *a): return (cls.__name__, a)
            @staticmethod
            def s(*a): return ('s', a)
            def __call__(self): return 'called'
        class NotCallable: pass
        class Deep:
            def __init__(self, inner): self.inner = inner
            def __call__(self, *a): return self.inner(*a)
        class Broken:
            __call__ = 5
        class ClassCall:
            __call__ = Call()
        def inner(*a): return ('inner', a)
        def c0(f): return f()
        def c2(f): return f(1, 2)
        def k(f): return f(1, x=2)
        def ex(f, a): return f(*a)
        @functools.wraps(inner)
        def wrapped(*a): return inner(*a)
        @functools.lru_cache
        def cached(*a): return ('cached', a)
        """,
        *[
            f"{c}({f})"
            for c in ("c0", "c2", "k")
            for f in (
                "Call()|Method().m|Method.c|Method().c|Method.s|Method()|Method.m|NotCallable()|Deep(inner)|"
                "Deep(Deep(inner))|"
                "Broken()|ClassCall()|wrapped|cached|functools.partial(inner, 9)|inner.__call__|"
                "Call().__call__|"
                "staticmethod(inner)|classmethod(inner)|(lambda *a: a)|type|super".split("|")
            )
        ],
        "ex(Call(), [1]) ;; ex(Method().m, (1, 2)) ;; ex(NotCallable(), ()) ;; ex(wrapped, 'ab')",
        "ex(Deep(len), [[1]])",
        warm=[0, 1, 2, 4, 5, 8, 10, 12, 13, 14, 15, 16, 22, 23, 30, 44, 66],
    )


def test_call_errors_say_the_right_name():
    check(
        FUNCTIONS
        + """
        class A:
            def method(self, a): return a
            @classmethod
            def cm(cls, a): return a
            @staticmethod
            def sm(a): return a
            def __init__(self, x=0): pass
        def wrong(which):
            a = A()
            if which == 0: return one()
            if which == 1: return two(1)
            if which == 2: return two()
            if which == 3: return many(1)
            if which == 4: return none(1)
            if which == 5: return none(x=1)
            if which == 6: return defaults()
            if which == 7: return defaults(1, 2, 3, 4)
            if which == 8: return keyword(1)
            if which == 9: return keyword(1, 2, k=3)
            if which == 10: return positional(a=1, b=2)
            if which == 11: return positional(1, 2, 3, 4)
            if which == 12: return a.method()
            if which == 13: return a.method(1, 2)
            if which == 14: return a.method(b=2)
            if which == 15: return A.cm()
            if which == 16: return A.sm()
            if which == 17: return A(1, 2)
            if which == 18: return A(y=1)
            if which == 19: return (lambda x: x)()
            if which == 20: return one(1, 2, 3)
            if which == 21: return everything()
            if which == 22: return one(b=1)
            if which == 23: return one(**{'a': 1, 'b': 2})
            if which == 24: return one(*[1], *[2])
            if which == 25: return 5()
            if which == 26: return None(1)
            if which == 27: return 'text'('x')
            if which == 28: return many(*range(11))
            if which == 29: return (1, 2)(3)
        """,
        *[f"wrong({i})" for i in range(30)],
        warm=[0, 5, 9, 12, 17, 25],
    )


def test_defaults_and_code_change_between_calls():
    check(
        """
        def f(a, b=2, *, k=3): return (a, b, k)
        def other(a, b=20, *, k=30): return ('other', a, b, k)
        code, defaults, kwdefaults = f.__code__, f.__defaults__, f.__kwdefaults__
        def call(): return f(1), f(1, k=5), f(1, 2)
        def reset():
            f.__code__ = code; f.__defaults__ = defaults; f.__kwdefaults__ = dict(kwdefaults)
            return call()
        def set_defaults(d):
            f.__defaults__ = d
            return call()
        def set_kwdefaults(d):
            f.__kwdefaults__ = d
            return call()
        def change_kwdefaults(v):
            f.__kwdefaults__['k'] = v
            return call()
        def set_code():
            f.__code__ = other.__code__
            return call()
        """,
        "call() ;; set_defaults((7,)) ;; set_defaults((7, 8)) ;; set_defaults(None) ;; reset()",
        "set_kwdefaults({'k': 9})",
        "change_kwdefaults('z') ;; set_kwdefaults(None) ;; reset() ;; set_code() ;; reset()",
        "set_kwdefaults({}) ;; reset()",
        leaks=False,
    )


def test_mutable_default_and_recursion():
    check(
        """
        def collect(x, seen=[]):
            seen.append(x)
            return list(seen)
        def clear():
            collect.__defaults__[0].clear()
        def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
        def even(n): return True if n == 0 else odd(n - 1)
        def odd(n): return False if n == 0 else even(n - 1)
        def ackermann(m, n):
            if m == 0: return n + 1
            if n == 0: return ackermann(m - 1, 1)
            return ackermann(m - 1, ackermann(m, n - 1))
        def hanoi(n, a='a', b='b', c='c'):
            if not n: return []
            return hanoi(n - 1, a, c, b) + [(a, c)] + hanoi(n - 1, c=c, a=b, b=a)
        """,
        "clear() ;; collect(1) ;; collect('x') ;; clear() ;; fib(10) ;; fib(1.5) ;; even(20) ;; odd(7)",
        "ackermann(2, 3) ;; hanoi(3)",
        "fib('x')",
    )


def test_order_of_evaluation_and_release():
    check(
        """
        class Noisy:
            def __init__(self, n): self.n = n
            def __del__(self): log.append('del ' + self.n)
            def __call__(self, *a, **k): log.append('call ' + self.n); return self.n
            def method(self, *a): log.append('method'); return self
        def tick(x):
            log.append(x)
            return x
        def f(*a, **k): log.append('in f'); return len(a) + len(k)
        def order(): return tick(f)(tick(1), *[tick(2)], x=tick(3), **{'y': tick(4)})
        def temporaries(): return f(Noisy('a'), Noisy('b'), k=Noisy('c'))
        def c_function(): return len([Noisy('a'), Noisy('b')])
        def callee(): return Noisy('callee')(Noisy('arg'))
        def chain(): return Noisy('x').method(Noisy('1')).method(Noisy('2')).n
        def discarded():
            f(Noisy('gone'))
            log.append('after')
        def raising():
            def bad(*a): raise ValueError('bad')
            try:
                f(Noisy('outer'), bad(Noisy('inner')))
            except ValueError:
                log.append('caught')
        def unpack_failure():
            try:
                f(*[Noisy('p')], *5)
            except TypeError:
                log.append('caught')
        def argument_reused(x):
            del x
            log.append('deleted')
        def call_reused(): argument_reused(Noisy('arg')); log.append('returned')
        """,
        *[
            f"{f}()"
            for f in (
                "order temporaries c_function callee chain discarded raising "
                "unpack_failure call_reused".split()
            )
        ],
    )


def test_wide_calls_and_large_frames(tmp_path):
    """More arguments than an oparg's byte counts, frames larger than what is left of a data-stack chunk."""
    names = [f"a{i}" for i in range(300)]
    check(
        f"""
        def wide({", ".join(names)}): return {" + ".join(names)}
        def keyworded(*, {", ".join(names)}): return ({", ".join(names[::50])})
        def call(x): return wide({", ".join(f"x + {i}" for i in range(300))})
        def call_kw(x): return keyworded({", ".join(f"{n}=x" for n in names)})
        def star(x): return wide(*[x] * 300)
        def short(x): return wide(*[x] * 299)
        def pack(*a): return len(a), a[-1]
        def call_pack(x): return pack({", ".join(["x"] * 300)})
        """,
        "call(1) ;; call(0.5) ;; call_kw(2) ;; star(3) ;; short(4) ;; call_pack('y') ;; call('s')",
    )
    big = "\n".join(f"            v{i} = n" for i in range(900))
    plain_and_jit(
        f"""
        def big(n):
{big}
            if n == 0: return 0
            return big(n - 1) + v899
        for i in range(40): print(big(i))
        """,
        tmp_path=tmp_path,
    )
