"""MATCH_SEQUENCE, MATCH_MAPPING, MATCH_KEYS, MATCH_CLASS, GET_LEN: every kind of pattern."""

from support import check


def test_patterns():
    check(
        """
        import dataclasses, enum, collections
        class Colour(enum.Enum):
            RED = 1
            BLUE = 2
        @dataclasses.dataclass
        class Point:
            x: int
            y: int
        class Args:
            __match_args__ = ('a', 'b')
            def __init__(self, a, b=None): self.a, self.b = a, b
        class NoArgs: pass
        class BadArgs: __match_args__ = 5
        class BadArgs2: __match_args__ = (1,)
        class Raises:
            __match_args__ = ('x',)
            @property
            def x(self): raise ValueError('x')
        class Missing: __match_args__ = ('nothing',)
        class Meta(type):
            def __instancecheck__(cls, o): log.append('instancecheck'); return True
        class Any(metaclass=Meta): pass
        class Seq(collections.abc.Sequence):
            def __len__(self): return 2
            def __getitem__(self, i):
                if i > 1: raise IndexError
                return i
        class Map(dict):
            def __missing__(self, k): return 'missing'
        def literals(v):
            match v:
                case 0 | 1: return 'small'
                case -1: return 'minus'
                case 1.5 | 2 + 3j: return 'float'
                case 'text' | b'bytes': return 'text'
                case True: return 'true'
                case None: return 'none'
                case Colour.RED: return 'red'
                case _: return 'other'
        def sequences(v):
            match v:
                case []: return 'empty'
                case [x]: return 'one', x
                case [1, x, *rest] if rest: return 'guarded', x, rest
                case (1, x, *_): return 'head', x
                case [x, *rest, 9]: return 'ends', x, rest
                case [[a, b], (c, d)]: return 'nested', a, b, c, d
                case [*_, 'last']: return 'last'
                case [_, _]: return 'pair'
                case [*all]: return 'all', all
                case _: return 'no sequence'
        def mappings(v):
            match v:
                case {'type': 'a', 'value': x}: return 'a', x
                case {'type': 'b', **rest}: return 'b', rest
                case {'x': {'y': [z, *_]}}: return 'deep', z
                case {1: _, None: n, False: t}: return 'keys', n, t
                case {'only': int() | str() as o}: return 'only', o
                case {}: return 'mapping', len(v)
                case _: return 'no mapping'
        def classes(v):
            match v:
                case Point(0, 0): return 'origin'
                case Point(x=0, y=y): return 'y axis', y
                case Point(x, y) if x == y: return 'diagonal', x
                case Point(): return 'point'
                case Args(1, b=[first, *_]): return 'args', first
                case Args(a): return 'args', a
                case int(n) if n > 100: return 'big', n
                case bool(b): return 'bool', b
                case int() | float() as number: return 'number', number
                case str(s) if len(s) > 3: return 'long', s
                case str(): return 'str'
                case list([a, b]): return 'list', a, b
                case dict(d): return 'dict', d
                case Colour(): return 'colour', v.name
                case NoArgs(): return 'noargs'
                case _: return 'other'
        def errors(v, which):
            match v:
                case NoArgs(1) if which == 0: return 0
                case BadArgs(1): return 1
                case BadArgs2(1): return 2
                case Raises(x): return 3
                case Missing(x): return 4
                case Args(1, 2, 3): return 5
                case Args(1, a=2): return 6
                case Any(): return 'any'
        def captures(v):
            match v:
                case [a, [b, *c], {'k': d, **e}] as whole: return a, b, c, d, e, whole is v
                case (a as x, b as y): return x, y, a is x
            return 'fell through'
        def no_match(v):
            match v:
                case 1: r = 'one'
                case [x]: r = x
            return r
        def star_subject(*v):
            match v, len(v):
                case (), 0: return 'nothing'
                case (x,), 1: return x
                case (x, *_), n: return x, n
        def loop(vs):
            out = []
            for v in vs:
                match v:
                    case int(): continue
                    case 'stop': break
                    case str(s): out.append(s)
                    case _: out.append(type(v).__name__)
            return out
        """,
        *[
            f"{f}({v})"
            for f in ("literals", "sequences", "mappings", "classes")
            for v in (
                "0|1|-1|True|False|1.5|2+3j|'text'|b'bytes'|None|Colour.RED|Colour.BLUE|[]|[7]|[1, 2]|"
                "[1, 2, 3]|(5, 6, 9)|"
                "[[1, 2], (3, 4)]|(0, 0, 'last')|range(3)|'ab'|bytearray(b'a')|Seq()|{}|"
                "{'type': 'a', 'value': 1}|{'type': 'b', 'z': 2}|"
                "{'x': {'y': [1]}}|{1: 0, None: 'n', False: 5}|{'only': 5}|Map(type='a')|Point(0, 0)|"
                "Point(0, 5)|Point(3, 3)|Point(1, 2)|Args(1, [2])|"
                "Args(7)|500|'long text'|NoArgs()|object()|collections.deque([1])".split("|")
            )
        ],
        *[f"errors({v}, 0)" for v in "NoArgs() BadArgs() BadArgs2() Raises() Missing() Args(1,2) 5".split()],
        "captures([1, [2, 3], {'k': 4, 'l': 5}]) ;; captures((1, 2)) ;; captures(5) ;; no_match(1)",
        "no_match([2]) ;; no_match('x')",
        "star_subject() ;; star_subject(1) ;; star_subject(1, 2) ;; loop([1, 'a', 2.5, 'stop', 'b'])",
        warm=[0, 7, 10, 14, 56, 58, 63, 66, 98, 106, 110, 153, 157, 162, 171, 178],
        leaks=False,
        all_compiled=False,
    )
