"""LOAD_ATTR, STORE_ATTR, DELETE_ATTR, LOAD_SUPER_ATTR: each specialised kind, ways to miss it, errors."""

from support import check


def test_instance_values_of_several_classes():
    check(
        """
        class A:
            def __init__(self, x): self.x = x
        class B:
            def __init__(self, x):
                self.y = 0
                self.x = x
        class S:
            __slots__ = ('x',)
            def __init__(self, x): self.x = x
        class P:
            @property
            def x(self):
                log.append('property')
                return 'p'
        class C:
            x = 'class'
        class G:
            def __getattr__(self, name): return 'getattr ' + name
        class GA:
            def __getattribute__(self, name): return 'getattribute ' + name
        class Nothing: pass
        def get(o): return o.x
        def total(objects):
            out = []
            for o in objects: out.append(o.x)
            return out
        def made(x):
            o = A(x)
            return o.x, o.x
        def shadow(x):
            o = C()
            first = o.x
            o.x = x
            return first, o.x
        """,
        "get(A(1))",
        "get(B(2))",
        "get(S(3))",
        "get(P())",
        "get(C())",
        "get(C)",
        "get(G())",
        "get(GA())",
        "get(Nothing())",
        "get(1)",
        "get(None)",
        "total([A(1), A(2), B(3), S(4), P(), C(), G(), A([5])])",
        "total([A(1)] * 20)",
        "made([])",
        "shadow(5)",
    )


def test_instance_dict_shapes():
    check(
        """
        class A: pass
        def make(n, drop=False):
            o = A()
            for i in range(n): setattr(o, f'a{i}', i)
            o.x = 'x'
            if drop: del o.a0
            return o
        def get(o): return o.x
        def put(o, v):
            o.x = v
            return o.x
        def with_dict():
            o = make(2)
            o.__dict__['x'] = 'through dict'
            return get(o), put(o, 5), o.__dict__['x']
        def replaced():
            o = make(1)
            o.__dict__ = {'x': 'new'}
            return get(o), put(o, 1), vars(o)
        def odd_dict():
            o = make(0)
            o.__dict__ = type('D', (dict,), {})(x='odd')
            return get(o), put(o, 2), dict(vars(o))
        def non_string_keys():
            o = make(1)
            o.__dict__[3] = 4
            return get(o), put(o, 3), len(vars(o))
        def emptied():
            o = make(1)
            o.__dict__.clear()
            try:
                get(o)
            except AttributeError as error:
                return str(error), put(o, 1)
        """,
        "get(make(0))",
        "get(make(5))",
        "get(make(40))",
        "get(make(3, True))",
        "put(make(0), 1)",
        "put(make(29), 1)",
        "put(make(31), 1)",
        "put(make(100), 1)",
        "with_dict()",
        "replaced()",
        "odd_dict()",
        "non_string_keys()",
        "emptied()",
    )


def test_store_kinds_and_errors():
    check(
        """
        class A: pass
        class S:
            __slots__ = ('x', 'other')
        class P:
            @property
            def x(self): return self._x
            @x.setter
            def x(self, v):
                log.append(('set', v))
                if v == 'bad': raise ValueError(v)
                self._x = v
            @x.deleter
            def x(self): log.append('deleted')
        class R:
            @property
            def x(self): return 1
        class SA:
            def __setattr__(self, name, value):
                log.append((name, value))
                object.__setattr__(self, name, value)
            def __delattr__(self, name): log.append('del ' + name); object.__delattr__(self, name)
        class D:
            class Descriptor:
                def __get__(self, o, t): return ('get', o is None)
                def __set__(self, o, v): log.append(('set', v))
                def __delete__(self, o): log.append('delete')
            x = Descriptor()
        class NonData:
            class Descriptor:
                def __get__(self, o, t): return ('nondata', o is None)
            x = Descriptor()
        def put(o, v):
            o.x = v
            return o.x
        def drop(o):
            o.x = 1
            del o.x
            return o.x
        def drop_only(o): del o.x
        def twice(o, v):
            o.x = v
            o.x = o.x
            o.x, o.x = 1, v
            return o.x
        def fill(o, n):
            for i in range(n): o.x = i
            return o.x
        """,
        *[
            f"{f}({o}{', 7' if f in ('put', 'twice', 'fill') else ''})"
            for f in ("put", "drop", "drop_only", "twice", "fill")
            for o in (
                "A()",
                "S()",
                "P()",
                "R()",
                "SA()",
                "D()",
                "NonData()",
                "object()",
                "A",
                "5",
                "None",
                "int",
            )
        ],
        "put(P(), 'bad')",
        "put(A(), A)",
        warm=[0, 1, 2, 4, 5, 6, 8, 12, 13, 24, 37, 48, 49],
    )


def test_many_attributes_stored_in_init():
    check(
        """
        class Many:
            def __init__(self, v):
                self.a = v; self.b = v; self.c = [v]; self.d = None; self.e = 1.5; self.f = (v, v)
                self.g = self.a; self.h = self.c
                self.a = self.b = 0
        class Sub(Many):
            def __init__(self, v):
                super().__init__(v)
                self.z = self.a
        def make(v):
            m = Many(v)
            return m.a, m.b, m.c, m.d, m.e, m.f, m.g, m.h, vars(m)
        def sub(v): return vars(Sub(v))
        def loop(n): return [Many(i).c for i in range(n)]
        """,
        "make(1)",
        "make('x')",
        "sub([])",
        "loop(20)",
    )


def test_modules():
    check(
        """
        import types, math, sys
        m = types.ModuleType('m')
        m.x = 1
        g = types.ModuleType('g')
        g.__getattr__ = lambda name: 'module getattr ' + name
        class Odd(types.ModuleType):
            @property
            def x(self): return 'odd'
        odd = Odd('odd')
        def get(o): return o.x
        def constant(): return math.pi, math.floor(2.5), sys.maxsize
        def put(v):
            m.x = v
            return m.x
        def drop():
            del m.x
            try:
                return m.x
            finally:
                m.x = 'back'
        def grow(n):
            for i in range(n): setattr(m, f'n{i}', i)
            return m.x
        """,
        "get(m)",
        "put(2)",
        "get(m)",
        "get(g)",
        "get(odd)",
        "get(math)",
        "constant()",
        "drop()",
        "get(m)",
        "grow(50)",
        "get(m)",
        "put([])",
    )


def test_class_attributes_and_metaclasses():
    check(
        """
        class Meta(type):
            m = 'meta'
            @property
            def p(cls): return 'meta property'
            def __getattr__(cls, name): return 'meta getattr ' + name
        class Base:
            x = 'base'
            @classmethod
            def cm(cls): return cls.__name__
            @staticmethod
            def sm(): return 'static'
            def method(self): return 'method'
        class Derived(Base): pass
        class WithMeta(Base, metaclass=Meta):
            m2 = 2
        def x(c): return c.x
        def members(c): return c.x, c.cm(), c.sm(), c.method(c), c().method(), c().x, c().cm(), c().sm()
        def meta(c): return c.m, c.p, c.m2, c.other, c.__name__, c.__class__
        def change(v):
            Base.x = v
            return x(Base), x(Derived), x(Base()), x(Derived()), x(WithMeta)
        def override(v):
            Derived.x = v
            before = x(Derived), x(Derived())
            del Derived.x
            return before, x(Derived), x(Derived())
        def bases():
            class Other:
                x = 'other'
            class Some(Base): pass
            first = x(Some), x(Some())
            Some.__bases__ = (Other,)
            return first, x(Some), x(Some())
        """,
        "x(Base)",
        "x(Derived)",
        "x(Base())",
        "x(WithMeta)",
        "members(Base)",
        "members(Derived)",
        "meta(WithMeta)",
        "meta(Base)",
        "change(1)",
        "change('base')",
        "override([])",
        "bases()",
        "x(int)",
    )


def test_class_changed_under_hot_access():
    check(
        """
        class A:
            x = 'class'
            def m(self): return 'm1'
        def get(o): return o.x
        def call(o): return o.m()
        def steps():
            o = A()
            out = [get(o), call(o)]
            A.x = property(lambda self: 'property'); out.append(get(o))
            A.x = 5; out.append(get(o))
            o.x = 6; out.append(get(o))
            A.x = property(lambda self: 'data'); out.append(get(o))
            del A.x; out.append(get(o))
            o.m = lambda: 'instance'; out.append(call(o))
            del o.m; out.append(call(o))
            A.m = lambda self: 'm2'; out.append(call(o))
            A.m = staticmethod(lambda: 'static'); out.append(call(o))
            A.m = classmethod(lambda cls: cls.__name__); out.append(call(o))
            A.m = 5
            try:
                call(o)
            except TypeError as error:
                out.append(str(error))
            A.__getattribute__ = lambda self, name: 'all ' + name; out.append(get(o))
            del A.__getattribute__; out.append(get(o))
            A.__getattr__ = lambda self, name: 'missing ' + name; out.append(o.nothing)
            del A.__getattr__
            class B:
                def m(self): return 'B.m'
            o.__class__ = B; out += [get(o), call(o)]
            del o.x
            try:
                get(o)
            except AttributeError as error:
                out.append(str(error))
            A.x = 'class'
            A.m = lambda self: 'm1'
            return out
        """,
        "steps()",
        "get(A())",
        "call(A())",
        "steps()",
    )


def test_getattribute_and_getattr():
    check(
        """
        class GA:
            def __getattribute__(self, name):
                log.append(name)
                if name == 'bad': raise ValueError(name)
                if name == 'gone': raise AttributeError(name)
                return name
        class Both:
            def __init__(self): self.x = 1
            def __getattribute__(self, name):
                log.append('ga ' + name)
                return super().__getattribute__(name)
            def __getattr__(self, name):
                log.append('g ' + name)
                if name == 'bad': raise KeyError(name)
                return name
        class Fallback:
            def __getattr__(self, name): return lambda *a: (name, a)
        def x(o): return o.x
        def bad(o): return o.bad
        def gone(o):
            try:
                return o.gone
            except AttributeError as error:  # its name and obj depend on whether the interpreter specialised
                return error.args
        def call(o): return o.method(1, 2)
        """,
        *[f"{f}({o})" for f in ("x", "bad", "gone", "call") for o in ("GA()", "Both()", "Fallback()")],
    )


def test_methods_and_bound_methods():
    check(
        """
        class A:
            def __init__(self, v): self.v = v
            def m(self, a, b=2, *c, k=0, **d): return self.v, a, b, c, k, d
            def plain(self): return self.v
            def me(self): return self
            __slots__ = ('v', '__dict__')
        class B(A):
            def plain(self): return 'B', super().plain()
        class Lazy:
            def plain(self): return 'lazy'
        def call(o): return o.plain()
        def calls(o):
            return o.m(1), o.m(1, 3), o.m(1, 3, 4), o.m(1, k=5), o.m(a=9, z=8), o.m(*[1, 2], **{'k': 3})
        def bound(o):
            p = o.plain
            return p(), p.__self__ is o, p == o.plain, p is o.plain
        def chain(o): return o.me().me().plain()
        def instance_attribute(o):
            o.extra = o.plain
            return o.extra()
        def loop(o, n):
            out = []
            for _ in range(n): out.append(o.plain())
            return out
        def builtin_methods(v): return v.count(1), v.index(1), v.copy() if hasattr(v, 'copy') else None
        def strings(s):
            return s.upper(), s.split(','), s.join(['a', 'b']), s.replace('a', 'b', 1), s.encode().hex()
        def lists():
            v = []
            v.append(3); v.extend([1, 2]); v.sort(); v.reverse(); v.insert(0, 'x'); v.remove(1)
            return v, v.pop(), v.pop(0), len(v)
        def dicts():
            d = {}
            d.update(a=1); d.setdefault('b', []).append(2)
            return d.get('a'), d.get('z'), d.get('z', 0), list(d.items()), d.pop('a'), d.popitem(), d
        """,
        *[
            "call(A(1))",
            "call(B(2))",
            "call(Lazy())",
            "call(3)",
            "calls(A('v'))",
            "calls(B(1))",
            "bound(A([]))",
        ],
        *[
            "chain(A(1))",
            "instance_attribute(A(4))",
            "loop(A(1), 20)",
            "loop(B(2), 20)",
            "builtin_methods([1, 2])",
        ],
        *[
            "builtin_methods((1, 2))",
            "builtin_methods((2,))",
            "strings('a,b')",
            "strings(b'a,b')",
            "lists()",
            "dicts()",
        ],
    )


def test_method_call_errors():
    check(
        """
        class A:
            def m(self, a): return a
            def none(): return 'no self'
            x = 5
        def missing(o): return o.nothing(1)
        def few(o): return o.m()
        def many(o): return o.m(1, 2)
        def keyword(o): return o.m(b=1)
        def no_self(o): return o.none()
        def not_callable(o): return o.x()
        def on_class(): return A.m(1)
        def multi_line(o):
            return (o
                    .m(1)
                    .missing
                    .m(2))
        """,
        *[
            f"{f}(A())"
            for f in ("missing", "few", "many", "keyword", "no_self", "not_callable", "multi_line")
        ],
        "on_class()",
        "missing(None)",
        "few(1)",
    )


def test_descriptors_called_as_methods():
    check(
        """
        import functools
        class Call:
            def __get__(self, o, t): return lambda *a: ('descriptor', o is None, a)
        class Callable:
            def __call__(self, *a): return ('callable', a)
        class A:
            d = Call()
            c = Callable()
            p = functools.partial(lambda *a: ('partial', a), 1)
            b = len
            t = str
            pm = functools.partialmethod(lambda self, *a: ('pm', a), 5)
            cp = functools.cached_property(lambda self: log.append('computed') or 'value')
            @functools.lru_cache
            def cached(self, x): return x * 2
            @functools.singledispatchmethod
            def sd(self, x): return 'default'
            @sd.register
            def _(self, x: int): return 'int'
        def f(o):
            return (o.d(1), o.c(2), o.p(3), o.b([4]), o.t(5), o.pm(6), o.cp, o.cp, o.cached(7),
                    o.sd(1), o.sd('x'))
        """,
        "f(A())",
        leaks=False,
    )


def test_slots():
    check(
        """
        class S:
            __slots__ = ('a', 'b')
            def __init__(self, a): self.a = a
        class T(S):
            __slots__ = ('c',)
        class U(S): pass
        def a(o): return o.a
        def b(o): return o.b
        def put(o, v):
            o.b = v
            o.a = o.b
            del o.b
            return o.a
        def other(): return S.a.__get__(S(5)), S.a.__get__(T(6)), type(S.a).__name__
        def wrong(): return S.a.__get__(U), S.b.__set__(5, 1)
        """,
        *[f"{f}" for o in ("S(1)", "T(2)", "U(3)") for f in (f"a({o})", f"b({o})", f"put({o}, 'v')")],
        "other()",
        "wrong()",
        "a(1)",
        "put(object(), 1)",
    )


def test_super():
    check(
        """
        class A:
            attr = 'A.attr'
            def m(self, *a, **k): return ['A', a, k]
            @classmethod
            def c(cls): return ['A.c', cls.__name__]
            @staticmethod
            def s(x): return ['A.s', x]
            @property
            def p(self): return 'A.p'
        class B(A):
            def m(self, *a, **k): return ['B'] + super().m(*a, **k)
            @classmethod
            def c(cls): return ['B.c'] + super().c()
            @staticmethod
            def s(x): return ['B.s'] + super(B, B).s(x)
            @property
            def p(self): return 'B.p ' + super().p
            def a(self): return super().attr, super(B, self).attr, super().p
            def missing(self): return super().nothing
            def missing_call(self): return super().nothing(1)
            def store(self):
                super().x = 1
            def kept(self):
                s = super()
                return s.m(1), s.attr
            def nested(self): return [super(B, self).attr for _ in range(2)]
            def in_lambda(self): return (lambda: super(B, self).attr)()
            def shadowed(self, super=lambda *a: type('X', (), {'attr': 'shadowed'})): return super().attr
        class C(A):
            def m(self, *a, **k): return ['C'] + super().m(*a, **k)
            attr = 'C.attr'
        class D(B, C):
            def m(self, *a, **k): return ['D'] + super().m(*a, **k)
        def m(o): return o.m(), o.m(1), o.m(1, k=2), o.c(), o.s(3), o.p, o.a()
        def rest(o): return o.kept(), o.nested(), o.in_lambda(), o.shadowed()
        def missing(o): return o.missing()
        def missing_call(o): return o.missing_call()
        def store(o): return o.store()
        class NoArg:
            def f(): return super().x
            def g(self):
                del self
                return super().x
            def h(*args): return super().x
        def no_arg(which):
            if which == 'f': return NoArg.f()
            if which == 'g': return NoArg().g()
            return NoArg().h()
        def foreign(): return B.m(5)
        """,
        *["m(B())", "m(D())", "rest(B())", "rest(D())", "missing(B())", "missing_call(D())", "store(B())"],
        *["no_arg('f')", "no_arg('g')", "no_arg('h')", "foreign()", "m(B())"],
    )


def test_super_when_classes_change():
    check(
        """
        class A:
            def m(self): return 'A'
        class A2:
            def m(self): return 'A2'
        class B(A):
            def m(self): return 'B' + super().m()
        def call(o): return o.m()
        def steps():
            o = B()
            out = [call(o)]
            A.m = lambda self: 'changed'; out.append(call(o))
            B.__bases__ = (A2,); out.append(call(o))
            B.__bases__ = (A,); out.append(call(o))
            A.m = lambda self: 'A'; out.append(call(o))
            return out
        """,
        "call(B())",
        "steps()",
        "call(B())",
    )


def test_errors_name_their_attribute_and_place():
    check(
        """
        class A:
            __slots__ = ()
        def get(o): return o.first.second
        def put(o): o.first.second = 1
        def drop(o): del o.first.second
        def with_suggestion(o): return o.appendd
        def long(o): return (1, [o
            .first], 2)
        """,
        *[
            f"{f}({o})"
            for f in ("get", "put", "drop", "with_suggestion", "long")
            for o in ("A()", "None", "[]", "5", "A")
        ],
        warm=[0, 1, 5, 10, 15],
    )


def test_properties_that_raise_and_recurse():
    check(
        """
        class A:
            depth = 0
            @property
            def p(self):
                if self.depth: self.depth -= 1; return [self.p]
                return 'bottom'
            @property
            def raises(self): raise AttributeError('from property')
            @property
            def raises_value(self): return 1 / 0
            def __getattr__(self, name): return 'fallback ' + name
        def p(n):
            a = A()
            a.depth = n
            return a.p
        def raises(): return A().raises
        def raises_value(): return A().raises_value
        """,
        "p(0)",
        "p(5)",
        "raises()",
        "raises_value()",
    )


def test_constructors_that_store_an_attribute_twice():
    """Stores in __init__ expect to be the first ones of their attributes."""
    check(
        """
        log = []
        class Loud:
            def __init__(self, name): self.name = name
            def __del__(self): log.append('del ' + self.name)
        class Twice:
            def __init__(self, *names):
                self.value = None
                for name in names:
                    self.value = Loud(name)
                    log.append('stored')
                self.last = self.value
                self.value = len(names)
        class Slots(Twice):
            __slots__ = ('value', 'last')
        class Members:
            __slots__ = ('value', 'last')
            __init__ = Twice.__init__
        class Again(Twice):
            def __init__(self, *names):
                super().__init__(*names)
                self.last = 'changed'
                self.more = 1
        def make(kind, *names):
            del log[:]
            made = kind(*names)
            made.__init__(*names[1:])
            return made.value, list(getattr(made, '__dict__', ())), log[:]
        """,
        *(
            f"make({kind}, {names})"
            for kind in ("Twice", "Slots", "Members", "Again")
            for names in ("", "'a'", "'b', 'c'")
        ),
    )


def test_attributes_that_are_only_compared_with_none():
    """They get no reference; one from a getter is given up, and what dies by that sees the variables as they are."""
    check(
        """
        import sys
        log = []
        class Loud:
            def __del__(self):
                frame = sys._getframe(1)
                log.append(('dead', frame.f_code.co_name, frame.f_lineno - frame.f_code.co_firstlineno))
        class Plain:
            def __init__(self, value): self.value = value
        class Slots:
            __slots__ = ('value',)
            def __init__(self, value): self.value = value
        class Computed:
            def __init__(self, kind): self.kind = kind
            @property
            def value(self): return self.kind()
        class Hook:
            def __init__(self, kind): self.kind = kind
            def __getattr__(self, name): return self.kind()
        class Empty:
            pass
        def tell(x):
            if x.value is None:
                log.append('none')
            if x.value is not None:
                log.append('something')
            else:
                log.append('nothing')
            while x.value is not None and len(log) < 6:
                log.append('again')
            return 1 if x.value is None else 2, log[:]
        def ask(x):
            del log[:]
            return tell(x)
        def nothing(): return None
        """,
        "ask(Plain(1))",
        "ask(Plain(None))",
        "ask(Slots('a'))",
        "ask(Slots(None))",
        "ask(Computed(Loud))",
        "ask(Computed(nothing))",
        "ask(Hook(Loud))",
        "ask(Hook(nothing))",
        "ask(Empty())",
    )
