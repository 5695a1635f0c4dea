"""BINARY_SUBSCR, STORE_SUBSCR, DELETE_SUBSCR and the slice forms, on every container and on odd ones."""

from support import check

CONTAINERS = """
        class Items:
            def __getitem__(self, key):
                log.append(key)
                if key == 'bad': raise KeyError(key)
                return ('got', key)
            def __setitem__(self, key, value): log.append((key, value))
            def __delitem__(self, key): log.append(('del', key))
        class Slots(Items):
            __slots__ = ()
        class List(list):
            def __getitem__(self, key): return ('List', key)
        class PlainList(list): pass
        class Dict(dict):
            def __missing__(self, key): return ('missing', key)
        class PlainDict(dict): pass
        class Tuple(tuple): pass
        class Str(str): pass
        class Index:
            def __init__(self, n): self.n = n
            def __index__(self): return self.n
        class BadIndex:
            def __index__(self): raise ValueError('index')
        class Int(int): pass
        class Generic:
            def __class_getitem__(cls, item): return (cls.__name__, item)
        class Meta(type):
            def __getitem__(cls, item): return ('meta', item)
        class WithMeta(metaclass=Meta): pass
        class Hash:
            def __hash__(self): raise RuntimeError('hash')
        class Equal:
            def __hash__(self): return 1
            def __eq__(self, other): raise RuntimeError('eq')
"""


def test_load():
    check(
        CONTAINERS
        + """
        def get(c, k): return c[k]
        def constant(c): return c[0], c[1], c[-1]
        def loop(c, n):
            out = []
            for i in range(n): out.append(c[i])
            return out
        """,
        *[
            "get([1, 2, 3], 0)",
            "get([1, 2, 3], -1)",
            "get([1, 2], 5)",
            "get([1, 2], -3)",
            "get([], 0)",
            "get([1], True)",
        ],
        *[
            "get((1, 2, 3), 1)",
            "get((1,), -1)",
            "get((), 0)",
            "get('abc', 2)",
            "get('aé\\u1234', 1)",
            "get('a\\U0001F600', 1)",
        ],
        *[
            "get('abc', -1)",
            "get('', 0)",
            "get(b'abc', 1)",
            "get(bytearray(b'ab'), 1)",
            "get(range(10), 3)",
            "get({'a': 1}, 'a')",
        ],
        *[
            "get({1: 2}, 1.0)",
            "get({}, 'x')",
            "get({(1, 2): 3}, (1, 2))",
            "get({}, [])",
            "get(Items(), 'k')",
            "get(Items(), 'bad')",
        ],
        *[
            "get(Slots(), 1)",
            "get(List([1]), 0)",
            "get(PlainList([7]), 0)",
            "get(Dict(), 'k')",
            "get(PlainDict(a=1), 'a')",
        ],
        *[
            "get(Tuple((1, 2)), 1)",
            "get(Str('ab'), 1)",
            "get([1, 2], Index(1))",
            "get([1, 2], BadIndex())",
            "get([5, 6], Int(1))",
        ],
        *[
            "get([1], 2**70)",
            "get((1,), 2**40)",
            "get([1], 'x')",
            "get((1,), 1.0)",
            "get('a', None)",
            "get(5, 0)",
            "get(None, 0)",
        ],
        *[
            "get(Generic, int)",
            "get(list, int)",
            "get(WithMeta, 1)",
            "get(int, int)",
            "get({1: 2}, Hash())",
            "get({1: 2}, Equal())",
        ],
        *[
            "get([1, 2, 3], slice(1))",
            "get('abc', slice(None, None, -1))",
            "get(memoryview(b'ab'), 0)",
            "get({1}, 0)",
        ],
        *[
            "constant([1, 2])",
            "constant((1, 2))",
            "constant('ab')",
            "constant({0: 'a', 1: 'b', -1: 'c'})",
            "constant([1])",
        ],
        *[
            "loop([1, 2, 3], 3)",
            "loop((1, 2, 3), 3)",
            "loop('abc', 3)",
            "loop({0: 1, 1: 2}, 2)",
            "loop([1], 2)",
            "loop(range(5), 5)",
        ],
        warm=[0, 3, 6, 9, 14, 17, 22, 24, 25, 26, 27, 29, 31, 33, 41, 49, 53, 57],
    )


def test_store_and_delete():
    check(
        CONTAINERS
        + """
        def put(c, k, v):
            c[k] = v
            return c
        def drop(c, k):
            del c[k]
            return c
        def swap(c, i, j):
            c[i], c[j] = c[j], c[i]
            return c
        def fill(c, n):
            for i in range(n): c[i] = i
            return c
        def augmented(c, k):
            c[k] += 1
            return c
        """,
        *[
            "put([1, 2], 0, 'a')",
            "put([1, 2], -1, 'a')",
            "put([1], 5, 0)",
            "put([1], -2, 0)",
            "put([1], 2**70, 0)",
            "put([1], True, 0)",
        ],
        *[
            "put({}, 'a', 1)",
            "put({'a': 0}, 'a', [])",
            "put({}, [], 1)",
            "put({}, Hash(), 1)",
            "put({1: 1}, Equal(), 1)",
        ],
        *[
            "put((1,), 0, 1)",
            "put('a', 0, 'b')",
            "put(bytearray(b'ab'), 0, 65)",
            "put(bytearray(b'ab'), 0, 999)",
            "put(Items(), 1, 2)",
        ],
        *[
            "put(List([1]), 0, 5)",
            "put(Dict(), 'a', 1)",
            "put([1, 2], Index(1), 'x')",
            "put([1], 'x', 0)",
            "put(None, 0, 0)",
        ],
        *["put([1, 2, 3], slice(0, 2), [9])", "put([1, 2, 3], slice(0, 2), 9)", "put(5, 0, 0)"],
        *[
            "drop([1, 2], 0)",
            "drop([1, 2], -1)",
            "drop([1], 3)",
            "drop({'a': 1}, 'a')",
            "drop({}, 'a')",
            "drop({}, [])",
            "drop((1,), 0)",
        ],
        *[
            "drop(Items(), 'k')",
            "drop([1, 2, 3], slice(1))",
            "drop(bytearray(b'ab'), 0)",
            "drop(None, 0)",
            "drop([1, 2], Index(0))",
        ],
        *[
            "swap([1, 2, 3], 0, 2)",
            "swap({'a': 1, 'b': 2}, 'a', 'b')",
            "swap(bytearray(b'abc'), 0, 1)",
            "swap((1, 2), 0, 1)",
        ],
        *[
            "fill([0] * 5, 5)",
            "fill({}, 5)",
            "fill([0], 3)",
            "fill(bytearray(4), 4)",
            "augmented([1, 2], 1)",
            "augmented({'a': 1}, 'a')",
        ],
        *[
            "augmented({}, 'a')",
            "augmented((1, 2), 1)",
            "augmented(Items(), 'k')",
            "augmented(['a'], 0)",
            "augmented(Dict(), 'q')",
        ],
        warm=[0, 6, 7, 13, 15, 16, 21, 24, 27, 36, 40, 41, 44, 46],
    )


def test_slices():
    check(
        CONTAINERS
        + """
        class Slicer:
            def __getitem__(self, key): return ('get', key)
            def __setitem__(self, key, value): log.append(('set', key, value))
            def __delitem__(self, key): log.append(('del', key))
        def get(c, a, b): return c[a:b], c[a:], c[:b], c[:], c[1:3], c[-2:], c[:-1]
        def step(c, a, b, s): return c[a:b:s], c[::s], c[a::s], c[:b:s], c[::-1]
        def put(c, a, b, v):
            c[a:b] = v
            return c
        def put_step(c, v):
            c[::2] = v
            return c
        def drop(c, a, b):
            del c[a:b]
            return c
        def drop_step(c):
            del c[::2]
            return c
        def many(c): return c[1, 2], c[1:2, 3], c[..., None], c[:, 1:], c[()], c[*[1, 2], 3]
        def augmented(c):
            c[1:2] += [9]
            return c
        def make(a, b, c): return slice(a, b, c), slice(a, b), [slice(a)]
        """,
        *[
            f"get({c}, {ab})"
            for c in (
                "[1, 2, 3, 4]",
                "(1, 2, 3, 4)",
                "'abcd'",
                "'é\\u1234x'",
                "b'abcd'",
                "bytearray(b'abcd')",
                "range(9)",
            )
            for ab in ("1, 3", "None, -1", "-100, 100")
        ],
        *[
            "get([1, 2], Index(0), Index(1))",
            "get([1], 'a', 1)",
            "get({}, 1, 2)",
            "get(Slicer(), 'x', None)",
            "get(5, 1, 2)",
        ],
        *[
            "get('abc', BadIndex(), 1)",
            "get(List([1, 2]), 0, 1)",
            "get(Str('abc'), 0, 1)",
            "get([1, 2], 2**70, -2**70)",
            "get([1], 1.0, 2)",
        ],
        *[
            "step([1, 2, 3, 4], 0, 4, 2)",
            "step('abcd', 3, 0, -1)",
            "step((1, 2, 3), None, None, 3)",
            "step([1], 0, 1, 0)",
            "step(Slicer(), 1, 2, 3)",
        ],
        *[
            "put([1, 2, 3], 1, 2, 'xyz')",
            "put([1, 2, 3], 5, 9, [])",
            "put([1, 2], 0, 1, 5)",
            "put(bytearray(b'abc'), 0, 2, b'xy')",
        ],
        *[
            "put((1,), 0, 1, [])",
            "put(Slicer(), 1, None, 'v')",
            "put_step([1, 2, 3], 'ab')",
            "put_step([1, 2, 3], 'abc')",
            "put_step(Slicer(), 1)",
        ],
        *[
            "drop([1, 2, 3], 0, 2)",
            "drop(Slicer(), 1, 2)",
            "drop('abc', 0, 1)",
            "drop_step([1, 2, 3])",
            "drop_step(Slicer())",
        ],
        *["many(Slicer())", "many([1])", "augmented([1, 2, 3])", "make(1, 'b', None)"],
        warm=[0, 3, 6, 9, 12, 18, 21, 24, 31, 34, 36, 40, 42, 45, 48, 50],
    )


def test_slices_with_all_bounds():
    bounds = "[None, 0, 1, 2, 4, 5, 9, -1, -3, -5, -9, True, 2**40, -2**40]"
    check(
        f"""
        bounds = {bounds}
        def all_of(c):
            return [(c[a:b], c[a:b:None], c[a:b:s]) for a in bounds for b in bounds for s in (1, 2, 7, -1, -2, -9)]
        def puts(v):
            out = []
            for a in bounds:
                for b in bounds:
                    c = [1, 2, 3, 4, 5]
                    c[a:b] = v
                    out.append(c)
            return out
        def put_itself(a, b):
            c = [1, 2, 3]
            c[a:b] = c
            return c
        def drops():
            out = []
            for a in bounds:
                for b in bounds:
                    c = [1, 2, 3, 4, 5]
                    d = c[:]
                    del c[a:b]
                    del d[a:b:-1]
                    out.append((c, d))
            return out
        def same(c): return c[:] is c, c[::] is c, c[0:9] is c
        class Noisy:
            def __init__(self, n): self.n = n
            def __del__(self): log.append(self.n)
        def replaced():
            c = [Noisy(i) for i in range(4)]
            c[1:3] = [Noisy('new')]
            log.append('replaced')
            del c[:2]
            log.append('deleted')
            return c[::-1][0].n
        def first_of_temporary(): return [Noisy(1), Noisy(2)][:1][0].n, (Noisy(3), Noisy(4))[::-1][1].n
        """,
        "all_of([1, 2, 3, 4, 5]) ;; all_of((1, 2, 3, 4, 5)) ;; all_of('abcde') ;; all_of(b'abcde')",
        "all_of([]) ;; all_of(()) ;; all_of('') ;; all_of(bytearray(b'abcde')) ;; all_of(range(5))",
        "puts([]) ;; puts((7, 8)) ;; puts('xyz') ;; "
        "puts([9] * 12) ;; puts(5) ;; put_itself(1, 2) ;; put_itself(None, 0)",
        "drops() ;; replaced() ;; first_of_temporary()",
        "same('abc') ;; same((1, 2)) ;; same(b'ab') ;; same([1])",
        warm=[0, 9, 15, 16],
    )


def test_key_and_container_are_released_in_order():
    check(
        """
        class Noisy:
            def __init__(self, n): self.n = n
            def __del__(self): log.append('del ' + self.n)
            def __hash__(self): return 1
            def __eq__(self, other): return True
            def __getitem__(self, key): return self.n
            def __setitem__(self, key, value): log.append('set')
            def __delitem__(self, key): raise KeyError('no')
            def __index__(self): return 0
        def temporary_list(): return [Noisy('a')][0].n
        def temporary_dict(): return {Noisy('k'): Noisy('v')}[Noisy('l')].n
        def temporary_tuple(): return (Noisy('a'), Noisy('b'))[Noisy('i')].n
        def user(): return Noisy('c')[Noisy('k')]
        def store():
            Noisy('c')[Noisy('k')] = Noisy('v')
            return 'stored'
        def replace():
            v = [Noisy('old'), 2]
            v[0] = Noisy('new')
            log.append('replaced')
            d = {'k': Noisy('old value')}
            d['k'] = Noisy('new value')
            log.append('done')
        def fail():
            try:
                del Noisy('c')[Noisy('k')]
            except KeyError:
                log.append('caught')
        def slices(): return len([Noisy('a'), Noisy('b')][0:1])
        """,
        *[
            f"{f}()"
            for f in (
                "temporary_list",
                "temporary_dict",
                "temporary_tuple",
                "user",
                "store",
                "replace",
                "fail",
                "slices",
            )
        ],
    )


def test_container_changes_during_access():
    check(
        """
        class Key:
            def __init__(self, target): self.target = target
            def __index__(self):
                self.target.clear()
                return 0
            def __hash__(self): return 0
            def __eq__(self, other):
                self.target.clear()
                return False
        def get(c): return c[Key(c)]
        def put(c):
            c[Key(c)] = 1
            return len(c)
        def slice_(c): return c[Key(c):]
        """,
        "get([1, 2])",
        "get({0: 1})",
        "put([1, 2])",
        "put({0: 1})",
        "slice_([1, 2, 3])",
        "get([])",
    )


def test_getitem_changes():
    check(
        """
        class A:
            def __getitem__(self, i): return ('first', i)
        def get(c, i): return c[i]
        def change(new):
            old = A.__getitem__
            A.__getitem__ = new
            try:
                return get(A(), 1)
            finally:
                A.__getitem__ = old
        """,
        "get(A(), 0)",
        "change(lambda self, i: ('second', i))",
        "change(lambda self: 'wrong')",
        "change(lambda self, i, j=5: ('third', i, j))",
        "change(None)",
        "get([1], 0)",
        "get(A(), 'x')",
    )
