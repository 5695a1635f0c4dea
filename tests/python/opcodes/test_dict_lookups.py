"""Lookups in dictionaries, lists and tuples: keys that machine code compares itself, and those next to them."""

from support import check

LOOKUPS = """
        class Str(str): pass
        class Int(int): pass
        class Equal:
            def __init__(self, value): self.value = value
            def __hash__(self): log.append('hash'); return hash(self.value)
            def __eq__(self, other): log.append('eq'); return self.value == other
        class Dict(dict):
            def __missing__(self, key): return ('missing', key)
            def get(self, key, default=None): return ('get', key)
        class Raises:
            def __hash__(self): return hash(1)
            def __eq__(self, other): raise RuntimeError('eq')
        def grown(n, keys=range):
            return {key: -key for key in keys(n)}
        def thinned(n):
            d = grown(n)
            for i in range(0, n, 3): del d[i]
            return d
        def names(n): return {f'name{i}': i for i in range(n)}
        def item(d, k): return d[k]
        def get(d, k): return d.get(k)
        def get_or(d, k): return d.get(k, 'other')
        def bound(d, k):
            f = d.get
            return f(k), f(k, 'other')
        def inside(d, k): return k in d, k not in d
        def branch(d, k):
            if k in d: return 'yes'
            return 'no'
        def by_name(d): return d['a'], d.get('a'), 'a' in d
        def all_ways(d, k):
            found = [get(d, k), get_or(d, k), bound(d, k), inside(d, k), branch(d, k)]
            try:
                found.append(item(d, k))
            except KeyError as e:
                found.append(('KeyError', e.args))
            return found
"""


def test_keys_of_each_kind() -> None:
    small = "{1: 'int', 'a': 'str', 2.0: 'float', None: 'None', (1, 2): 'tuple', -1: 'minus'}"
    check(
        LOOKUPS,
        *[
            f"all_ways({small}, {key})"
            for key in (
                *("1", "'a'", "True", "1.0", "2", "2.0", "3", "'b'", "None", "(1, 2)", "-1", "-2", "2**31"),
                *(
                    "2**61",
                    "2**64",
                    "Str('a')",
                    "Int(1)",
                    "Equal(1)",
                    "Equal('a')",
                    "Raises()",
                    "''.join(['a'])",
                ),
            )
        ],
        "all_ways({}, 1) ;; all_ways({}, 'x') ;; all_ways({'a': 1}, 'a') ;; all_ways({'a': 1}, 5)",
        "all_ways({'a': 1}, hash('a')) ;; all_ways({hash('a') % 2**59: 1}, 'a')",
        "all_ways({Equal(1): 1}, 1) ;; all_ways({Str('a'): 1}, 'a') ;; all_ways({True: 'bool'}, 1)",
        "all_ways({Raises(): 1}, 'x') ;; get({Raises(): 1}, 1) ;; inside({Raises(): 1}, 1)",
        "all_ways(Dict(a=1), 'a') ;; all_ways(Dict(a=1), 'b')",
        "all_ways({'\\xe9': 1, '\\u1234': 2}, '\\xe9') ;; all_ways({'\\u1234': 2}, '\\u1234'[:])",
        "item([1], 0) ;; item('abc', 1) ;; item({}, []) ;; get({}, []) ;; inside({}, [])",
        "by_name({'a': 1}) ;; by_name({'b': 2}) ;; by_name({1: 1, 'a': 2})",
    )


def test_keys_found_by_identity() -> None:
    check(
        LOOKUPS
        + """
        class Same(type):
            def __eq__(cls, other): log.append('Same'); return True
            def __hash__(cls): return 1
        class One(metaclass=Same): pass
        class Two(metaclass=Same): pass
        def f(): pass
        thing, other = object(), object()
        kinds = {int: 'int', str: 'str', thing: 'thing', f: 'f', One: 'One', len: 'len', 1: 1}
        """,
        *[
            f"all_ways(kinds, {key})"
            for key in (
                "int",
                "float",
                "thing",
                "other",
                "f",
                "get",
                "One",
                "Two",
                "len",
                "1",
                "type(1)",
                "hash(int)",
            )
        ],
        "all_ways({hash(int) % 2**59: 1}, int) ;; all_ways({'a': 1}, int) ;; all_ways({int: 1}, 'a')",
        warm=[0, 2, 6],
    )


def test_tuples_as_keys() -> None:
    """Machine code's helpers hash and compare tuples themselves, as long as nobody's code would run."""
    check(
        LOOKUPS
        + """
        import sys
        from collections import namedtuple, defaultdict, OrderedDict, Counter
        Point = namedtuple('Point', 'x y')
        class Tuple(tuple): pass
        class Odd(tuple):
            def __hash__(self): log.append('hash'); return tuple.__hash__(self)
        class Loose(tuple):
            def __eq__(self, other): log.append('eq'); return True
            __hash__ = tuple.__hash__
        class Logged(dict):
            def __setitem__(self, key, value): log.append(('set', key)); dict.__setitem__(self, key, value)
            def __getitem__(self, key): log.append(('get', key)); return dict.__getitem__(self, key)
        nan = float('nan')
        keys = [(), (1,), (1, 2), (2, 1), (-1, -2), ('a', 1.5), (None, True, 0), ((1, 2), (3, (4, 'x' * 3))), (nan,),
                (1.0, 2), (2**70, 1), (2**59, -2**59), (thing := object(), 1), Point(3, 4), (Point(5, 6), Tuple((7,))),
                tuple(range(40)), (b'x', 1j), ('', ' ', '\\xe9', '\\u1234')]
        deep = ()
        for i in range(30): deep = (deep, i)
        def again(key):
            return tuple([again(k) if isinstance(k, tuple) else k for k in key])
        kinds = {k: n for n, k in enumerate(keys)}
        counts = defaultdict(int, kinds)
        ordered = OrderedDict(kinds)
        def put(d, k, v): d[k] = v
        def stored(make, key):
            d = make()
            put(d, key, 1); put(d, again(key), 2); put(d, (0, key), 3)
            return list(d.items()), [k is key for k in d], sys.getrefcount(key)
        """,
        "[all_ways(kinds, k) for k in keys]",
        "[all_ways(kinds, again(k)) for k in keys]",
        "[[all_ways(d, again(k)) for k in keys] for d in (counts.copy(), ordered.copy(), Counter(kinds))]",
        "[hash(k) == hash(again(k)) for k in keys] ;; item({deep: 1}, deep) ;; item({deep: 1}, again(deep))",
        "[all_ways(kinds, k) for k in ((1, 2.0), (True, 2), (1, 3), (nan, nan), (float('nan'),))]",
        "[all_ways(kinds, k) for k in (Tuple((1, 2)), (3, 4))]",
        "all_ways(kinds, Odd((1, 2))) ;; all_ways(kinds, Loose((1, 2))) ;; all_ways({Odd((1, 2)): 5}, (1, 2))",
        "all_ways({Loose((1, 2)): 5}, (1, 2)) ;; all_ways({(Loose((1, 2)),): 5}, ((1, 2),))",
        "all_ways(kinds, (Equal(1), 2)) ;; all_ways({(Equal(1), 2): 1}, (1, 2))",
        "get(kinds, ([],)) ;; item(kinds, ([],))",
        "all_ways(kinds, (Raises(), 1)) ;; all_ways({(Raises(), 1): 1}, (1, 1))",
        "item(Dict(kinds), (1, 2)) ;; item(Dict(kinds), (1, 9)) ;; item(counts, (9, 9)) ;; (9, 9) in counts",
        "item(Logged(kinds), (1, 2)) ;; put(Logged(), (1, 2), 3) ;; item(Counter(kinds), (8, 8))",
        "[stored(dict, k) for k in keys]",
        "[[stored(make, k) for k in keys] for make in (lambda: defaultdict(list), OrderedDict, Logged, Counter)]",
        "put({}, ([],), 1) ;; put({(Raises(), 1): 1}, (1, 1), 2) ;; put(defaultdict(int), {}, 1)",
        warm=[0, 1],
    )


def test_hashes_of_tuples_are_those_of_the_interpreter() -> None:
    check(
        LOOKUPS
        + """
        import random
        def many(seed, n):
            r = random.Random(seed)
            def value(depth):
                kind = r.randrange(8 if depth < 4 else 6)
                if kind == 0: return r.randrange(-5, 5)
                if kind == 1: return r.randrange(-2**60, 2**60)
                if kind == 2: return r.choice(['', 'a', 'bc', 'long' * 9, '\\xe9', '\\u1234'])
                if kind == 3: return r.choice([None, True, False, 1.5, -0.0, 1e300])
                if kind == 4: return float(r.randrange(-3, 3))
                if kind == 5: return r.randrange(2**40)
                return tuple([value(depth + 1) for _ in range(r.randrange(6))])
            return [(value(0), value(0)) for _ in range(n)]
        def found(seed):
            d = dict(zip(many(seed, 300), range(300)))
            return [item(d, k) for k in many(seed, 300)]
        """,
        *[f"found({seed})" for seed in range(8)],
        warm=[0],
    )


def test_missing_keys_of_subclasses() -> None:
    check(
        LOOKUPS
        + """
        import collections
        class Plain(dict): pass
        class Static(dict):
            @staticmethod
            def __missing__(key): log.append(key); return 'static'
        class Class(dict):
            @classmethod
            def __missing__(cls, key): return cls.__name__, key
        class Given(dict): __missing__ = len
        class Fails(dict):
            def __missing__(self, key): raise LookupError(key, len(self))
        class Getter:
            def __get__(self, o, owner): log.append(owner.__name__); raise RuntimeError('get')
        class Odd(dict): __missing__ = Getter()
        class Late(dict): pass
        class Changes(dict):
            def __missing__(self, key): self[key] = [key]; return self[key]
        def instance(): d = Plain(); d.__missing__ = lambda key: 'of the instance'; return d
        def late(key):
            d = Late(); out = []
            for n in range(3):
                try: out.append(item(d, key))
                except KeyError as e: out.append(e.args)
                if n == 0: Late.__missing__ = lambda self, key: ('late', key)
            del Late.__missing__
            return out
        def count(words):
            d = collections.defaultdict(int)
            for w in words: d[w] += 1
            return dict(d), d.default_factory
        def nested():
            d = collections.defaultdict(lambda: collections.defaultdict(list))
            for i in range(9): d[i % 2][i % 3].append(i)
            return {k: dict(v) for k, v in d.items()}
        """,
        *[
            f"item({kind}(), {key})"
            for kind in ("Static", "Class", "Given")
            for key in ("'abc'", "(1, 2)", "5")
        ],
        "item(Plain(), 1) ;; item(Plain(), (1, 2)) ;; item(Fails(a=1), 'b') ;; item(Odd(), 1) ;; item(instance(), 1)",
        "late(1) ;; late('x') ;; late((1, 'x'))",
        "(d := Changes(), item(d, 1), item(d, 1), d) ;; count('abracadabra') ;; count([(1, 2), (1, 2), 3]) ;; nested()",
        "item(collections.defaultdict(), 1) ;; item(collections.Counter(), 'x')",
        "item(collections.OrderedDict(), 'x')",
        "item(collections.defaultdict(lambda: 1 / 0), 1) ;; item(Fails(), [])",
        warm=[0, 3],
    )


def test_tables_of_each_size() -> None:
    check(
        LOOKUPS,
        *[
            f"[all_ways({make}({n}), {key}) for d in [0]]"
            for n in (5, 100, 300, 70_000)
            for make, key in (
                ("grown", "1"),
                ("grown", "4"),
                ("grown", "10**9"),
                ("thinned", "3"),
                ("thinned", "4"),
                ("names", "'name' + str(3)"),
                ("names", "'none'"),
            )
        ],
        "sum(item(grown(500), i) for i in range(500))",
        "[k for k in range(-300, 300) if inside({i * 64: i for i in range(-100, 100)}, k)[0]]",
        "all_ways({i << 32: i for i in range(100)}, 5 << 32) ;; all_ways({-(1 << 59): 1}, -(1 << 59))",
        warm=[0, 5, 28],
    )


def test_instance_dictionaries() -> None:
    check(
        LOOKUPS
        + """
        class Plain:
            def __init__(self): self.a = 1; self.b = 2
        def of_instance(k): return all_ways(Plain().__dict__, k)
        def of_class(k): return k in Plain.__dict__, Plain.__dict__.get(k) is None
        """,
        "of_instance('a') ;; of_instance('c') ;; of_instance(1)",
        "of_class('__init__') ;; of_class('none')",
    )


def test_members_of_sequences() -> None:
    check(
        LOOKUPS,
        *[
            f"inside({items}, {value}) ;; branch({items}, {value})"
            for items in (
                "[1, 2, 3]",
                "(1, 2, 2**40)",
                "['a', 'b']",
                "('a', 1, None)",
                "[Equal(1), 1]",
                "[True, 2.0]",
            )
            for value in (
                "1",
                "2",
                "2**40",
                "2**70",
                "'b'",
                "'c'",
                "Str('a')",
                "Int(2)",
                "None",
                "True",
                "2.0",
            )
        ],
        "inside([Raises(), 1], 1) ;; inside([1, Raises()], 1) ;; inside([], 1) ;; inside((), 'a')",
        warm=[0, 4, 44],
    )


def test_the_last_reference_to_key_and_dictionary() -> None:
    check(
        """
        class Noisy:
            def __init__(self, name): self.name = name
            def __del__(self): log.append(self.name)
        def make(): return {'a' + str(1): Noisy('value'), 'n': Noisy('other')}
        def item(): return make()['a' + str(1)].name
        def get(): return make().get('a' + str(1)).name
        def missing(): return make().get('a' + str(2), Noisy('default')).name
        def fails(): return make()['a' + str(2)]
        """,
        "item() ;; get() ;; missing() ;; fails()",
    )
