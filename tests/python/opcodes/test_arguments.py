"""How the arguments of a call find their parameters: keywords, stars, and what becomes of each when it is over."""

from support import check


def test_names_of_keywords_that_end_in_calls():
    """The last reference to a name goes when the call has failed already; what its end calls has results, too."""
    check(
        """
        def counted(*, n): return [n]
        class Name(str):
            def __del__(self): log.append((str(self), counted(n=len(self)), max(len(self), 1)))
        def f(x=0, *, y=0): return [x, y]
        def unpack(name): return f(**{Name(name): 1})
        def builtin(name): return dict(**{Name(name): 1})
        """,
        "unpack('z') ;; unpack('x') ;; unpack('y') ;; builtin('z') ;; unpack('unknown')",
        warm=[0],
    )


def test_keywords_at_a_site_that_meets_others():
    """A site remembers how a callee's keywords are bound; the next call may find another one of everything."""
    check(
        """
        def make(defaults):
            def inner(a, b=1, c=2, *, k=3): return (a, b, c, k)
            inner.__defaults__ = defaults
            return inner
        both, one, no, extra = make((1, 2)), make((7,)), make(None), make((4, 5, 6))
        def positional(a, /, b=2, **named): return (a, b, named)
        def star(a, *rest, k=1): return (a, rest, k)
        def double(a=0, *, k=1, **named): return (a, k, named)
        class A:
            def method(self, a=5, c=6): return (type(self).__name__, a, c)
            def other(self, c=1): return c
        class B(A):
            def other(self, c=2, **k): return (c, k)
        a, b = A(), B()
        bound, unbound, builtin = a.method, A.method, dict
        def c(f): return f(1, c=3)
        def c_no(f): return f(c=3)
        def all_named(f): return f(c=3, b=2, a=1)
        def keyword_only(f): return f(1, k=4)
        def unknown(f): return f(1, z=4, y=5)
        def hidden(f): return f(1, a=2)
        def method(o): return o.method(c=9)
        def overridden(o): return o.other(c=9)
        def function(o, c): return A.method(o, c=c)
        def nobody(n): return (lambda x, y=2: [x, y])(n, y=[n])
        def changed(f, d):
            f.__defaults__ = d
            try: return c(f)
            finally: f.__defaults__ = (1, 2)
        """,
        "c(both) ;; c(one) ;; c(no) ;; c(extra) ;; c(bound) ;; c(unbound) ;; c(double) ;; c(builtin) ;; c(star)",
        "c_no(both) ;; c_no(extra) ;; c_no(bound) ;; c_no(double) ;; c_no(builtin) ;; c_no(star)",
        "all_named(both) ;; all_named(one) ;; all_named(double) ;; all_named(positional) ;; all_named(builtin)",
        "keyword_only(both) ;; keyword_only(one) ;; keyword_only(star) ;; keyword_only(double)",
        "unknown(positional) ;; unknown(double) ;; unknown(both)",
        "hidden(positional) ;; hidden(double) ;; hidden(both)",
        "method(a) ;; method(b) ;; overridden(a) ;; overridden(b)",
        "function(a, 1) ;; function(b, [2]) ;; nobody(1) ;; nobody('x')",
        "changed(both, None) ;; changed(both, (7,)) ;; changed(both, ([],) * 3) ;; changed(both, ())",
        warm=[0, 1, 3, 4, 6, 8, 9, 13, 15, 20, 22, 25, 28, 31, 32, 33, 35, 37],
    )


def test_many_parameters_and_keywords():
    check(
        """
        names = [f'p{i}' for i in range(40)]
        exec(f"def wide({', '.join(n + '=0' for n in names)}): return {' + '.join(names)}")
        exec(f"def named(*, {', '.join(n + '=0' for n in names[:31])}): return ({', '.join(names[:31])})")
        exec(f"def limit({', '.join(n + '=0' for n in names[:32])}): return ({', '.join(names[:32])})")
        def into(**k): return list(k.items())
        exec(f"def all_wide(): return wide({', '.join(n + '=1' for n in names)})")
        exec(f"def last_limit(): return limit(5, {names[31]}=1)")
        exec(f"def all_limit(): return limit({', '.join(n + '=1' for n in names[:32])})")
        exec(f"def all_into(): return into({', '.join(n + '=1' for n in names)})")
        exec(f"def some_into(): return into({', '.join(n + '=1' for n in names[:32])})")
        def some_named(): return named(p30=1, p3=2)
        def first_wide(): return wide(1, p39=2)
        """,
        "all_wide() ;; last_limit() ;; all_limit() ;; all_into() ;; some_into() ;; some_named() ;; first_wide()",
    )


def test_what_stars_become():
    """A tuple and a dictionary of the call's own, whoever makes them."""
    check(
        """
        import gc, sys
        def rest(*r): return r
        def named(**n): return n
        def both(a, /, *r, b=2, **n): return a, r, b, n
        def describe(n): return list(n.items()), sys.getsizeof(n), sys.getrefcount(n), gc.is_tracked(n)
        def change(d):
            n = named(**d)
            n['new'] = 1
            n.pop('x', None)
            return d, n
        def same(t): return rest(*t) is t, rest(*t) == t, rest(*t, *t)
        def sized(d): return describe(named(**d)), describe(both(0, **d)[3]), describe(both(*(0, 1), **d)[3])
        def two_maps(d): return describe(named(**d, y=1)), describe(named(**d, **{'q': 2}))
        def through(*r, **n): return both(*r, **n), n
        def large(n): return {f'k{i}': i for i in range(n)}
        class Many:
            def __init__(self):
                for i in range(20): setattr(self, f'm{i}', i)
        class Two:
            def __init__(self): self.x = self.y = 1
        def merged(n, m): return describe(named(**large(n), **{f'm{i}': i for i in range(m)}, last=1))
        def grown(n):
            d = {f'k{i}': i for i in range(n)}
            for i in range(n - 2): del d[f'k{i}']
            return d
        def keywords(): return describe(named(x=1)), describe(named(x=[])), describe(both(0, b=1, a=3)[3])
        """,
        "change({'x': 1}) ;; change({}) ;; same((1, 2)) ;; same(()) ;; same([1]) ;; keywords()",
        *[
            f"sized({d})"
            for d in "{} {'x':1} {'x':[]} {'a':1} {'b':2} {'a':1,'b':2} dict.fromkeys('cdefg') dict.fromkeys('cdefgh')"
            " grown(5) grown(6) grown(20) vars(Many()) vars(Two()) large(10) large(11) large(21) large(22)"
            " large(200)".split()
        ],
        *[f"merged({n}, {m})" for n in (0, 1, 4, 5, 6, 9, 10, 11) for m in (0, 1, 5, 6, 10, 11)],
        "two_maps({}) ;; two_maps({'x': 1}) ;; two_maps({'y': 1}) ;; two_maps({'q': 1})",
        "through(1) ;; through(1, 2, b=3) ;; through(1, a=1, b=1, c=1) ;; through() ;; through(1, **{'b': 1, 'c': 2})",
        warm=[0, 1, 2, 4, 6, 7, 9, 12, 13, 18, 22],
    )


def test_names_that_are_not_interned():
    check(
        """
        class Name(str):
            def __hash__(self): log.append('hash'); return super().__hash__()
            def __eq__(self, other): log.append('eq'); return super().__eq__(other)
        def f(aa, *r, bb=2, **n): return aa, r, bb, n
        def g(**n): return n
        def h(aa=1, /, **n): return aa, n
        def copy(name): return ''.join(list(name))
        def one(f, name): return f(**{copy(name): 1})
        def odd(f, name): return f(**{Name(name): 1})
        def pair(f, a, b): return f(0, **{copy(a): 1, b: 2})
        """,
        *[f"{how}({f}, {name!r})" for how in ("one", "odd") for f in "fgh" for name in ("aa", "bb", "cc")],
        "pair(f, 'aa', 'bb') ;; pair(f, 'bb', 'cc') ;; pair(f, 'cc', 'bb') ;; pair(h, 'aa', 'bb') ;; pair(g, 'a', 'b')",
        warm=[0, 2, 4, 8, 19],
    )


def test_stars_and_plain_arguments():
    """Each number of them, with and without names, of functions that differ in one of them."""
    check(
        """
        import itertools
        signatures = ['*r', 'a, *r', 'a, b=5, *r', 'a, /, *r', '*r, k=1', '*r, k']
        signatures += [s + ', **n' for s in signatures]
        signatures += ['**n', 'a, **n', 'a=3, **n', 'a, *, k, **n', 'a, b=7, c=8, **n']
        functions = []
        for s in signatures:
            exec(f"def function({s}):\\n v = w = None\\n return sorted(locals().items())")
            functions.append(function)
        def none(f): return f()
        def one(f): return f(1)
        def two(f): return f(1, 2)
        def three(f): return f(1, 2, 3)
        def by_name(f): return f(a=1)
        def by_other(f): return f(1, z=2)
        def by_names(f): return f(1, 2, k=3, y=4)
        def by_all(f): return f(b=1, a=2, k=3)
        def spread(f): return f(*(1, 2))
        def named(f): return f(1, **{'k': 2})
        def others(f): return f(*(1,), **{'u': 2, 'v': 3})
        def method(f): return type('T', (), {'f': f})().f(2, k=3)
        def each(call):
            result = []
            for f in functions:
                try: result.append(call(f))
                except TypeError as e: result.append(str(e))
            return result
        """,
        *[
            f"each({call})"
            for call in "none one two three by_name by_other by_names by_all spread named others method".split()
        ],
        warm=list(range(12)),
    )


def test_stars_where_a_stack_chunk_ends():
    """The next frame does not fit the rest of the data stack: CPython puts it elsewhere."""
    check(
        """
        def down(n, *r, **k): return (n, r, k) if n <= 0 else down(n - 1, *r, **k)
        def deep(n, *r, **k): return (n, r, k) if n <= 0 else deep(n - 1, 2, y=n)
        def sums(n, *r): return 0 if n <= 0 else 1 + sums(n - 1, n)
        """,
        *[f"down({n}, 1, x=2) ;; deep({n}) ;; sums({n})" for n in (1, 60, 61, 62, 63, 64, 65, 100, 300)],
        warm=[0, 1, 2],
    )


def test_arguments_bound_by_keyword_end_with_the_frame():
    check(
        """
        class Noisy:
            def __init__(self, n): self.n = n
            def __del__(self): log.append(self.n)
        def f(a, b=None, *, k=None):
            a = b = None
            log.append('inside')
            return k
        def star(*rest, **named):
            log.append(len(rest) + len(named))
            rest = named = None
            log.append('inside')
        def keywords(): return f(Noisy('a'), b=Noisy('b'), k=Noisy('k')).n
        def swapped(): return f(b=Noisy('b'), a=Noisy('a'))
        def stars(): return star(Noisy('1'), Noisy('2'), x=Noisy('x'), y=Noisy('y'))
        def wrong(): return f(Noisy('a'), b=Noisy('b'), z=Noisy('z'))
        def missing(): return f(b=Noisy('b'))
        """,
        "keywords() ;; swapped() ;; stars() ;; wrong() ;; missing()",
    )


def test_names_of_no_keyword():
    """No compiler makes this, but a code object may say CALL_KW with an empty tuple of names."""
    check(
        """
        import dis
        def nothing(): return 'nothing'
        def one(x): return x
        def default(x=5): return x
        def without(f): return f(x=1)
        def unnamed(f): return f(x=1)
        def patch(function, arguments):
            code, raw = function.__code__, bytearray(function.__code__.co_code)
            steps = {i.opname: i.offset for i in dis.get_instructions(function) if i.argval not in (('x',), None)}
            if not arguments:
                raw[steps['LOAD_CONST']] = dis.opmap['NOP']
            raw[steps['CALL_KW'] + 1] = arguments
            consts = tuple(() if c == ('x',) else c for c in code.co_consts)
            function.__code__ = code.replace(co_code=bytes(raw), co_consts=consts)
        patch(without, 0)
        patch(unnamed, 1)
        """,
        "without(nothing) ;; without(one) ;; without(default) ;; unnamed(nothing) ;; unnamed(one) ;; unnamed(default)",
        "without(dict) ;; unnamed(str)",
        all_compiled=False,
    )
