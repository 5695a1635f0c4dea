"""MAKE_FUNCTION, SET_FUNCTION_ATTRIBUTE, LOAD_BUILD_CLASS, imports, f-strings, and the intrinsics."""

from support import check


def test_making_functions():
    check(
        """
        def make(d):
            def plain(): pass
            def defaults(a, b=d, *c, e=d, f='f', **g): return a, b, c, e, f, g
            def annotated(a: 'int', b: d = 1) -> 'str': return a, b
            def documented():
                'doc'
            lam = lambda x, y=d: (x, y, d)
            return plain, defaults, annotated, documented, lam
        def look(d):
            out = []
            for f in make(d):
                out.append((f.__name__, f.__qualname__, f.__module__, f.__doc__,
                            f.__defaults__, f.__kwdefaults__,
                            f.__annotations__,
                            f.__closure__ and len(f.__closure__), f.__code__.co_firstlineno))
            return out
        def call(d):
            _, a, b, _, c = make(d)
            return a(1), a(1, 2, 3, e=4, z=5), b(1), c(1)
        def generic(x):
            def ident[T](v: T) -> T: return v
            class Box[T]:
                def __init__(self, v: T): self.v = v
            type Alias[K] = dict[K, int]
            return ident(x), Box(x).v, ident.__type_params__[0].__name__, Alias.__value__, Box[int].__args__
        def bounded():
            def f[T: int, *Ts, **P](a: T): return a
            return [type(p).__name__ for p in f.__type_params__], f.__type_params__[0].__bound__
        """,
        "look(1) ;; look([]) ;; call(1) ;; call('x') ;; generic(1) ;; generic('a') ;; bounded()",
    )


def test_decorators():
    check(
        """
        def twice(f):
            log.append('twice ' + f.__name__)
            def wrapper(*a, **k): return f(*a, **k), f(*a, **k)
            return wrapper
        def tag(name):
            log.append('tag ' + name)
            def decorate(f):
                log.append(name)
                f.tag = name
                return f
            return decorate
        def build(x):
            @tag('outer')
            @twice
            @tag('inner')
            def f(a, b=x): return a + b
            @tag('class')
            class C:
                @staticmethod
                @twice
                def s(v): return v
                @property
                @tag('property')
                def p(self): return x
            return f(x), f.tag, C.s(1), C().p, C.tag
        """,
        "build(1) ;; build('s') ;; build(None)",
    )


def test_classes_built_in_functions():
    check(
        """
        class Meta(type):
            def __new__(mcs, name, bases, ns, **kw):
                log.append((name, sorted(kw)))
                return super().__new__(mcs, name, bases, ns)
            def __init__(cls, name, bases, ns, **kw): super().__init__(name, bases, ns)
        class Base:
            def __init_subclass__(cls, **kw): log.append(('subclass', cls.__name__, kw))
        class Descriptor:
            def __set_name__(self, owner, name): log.append(('set_name', owner.__name__, name))
        class Entries:
            def __mro_entries__(self, bases): return (Base,)
        def build(x, *bases, **kw):
            class C(*bases, **kw):
                'doc'
                y = x
                d = Descriptor()
                for i in range(3): z = i
                if x: conditional = 1
                def m(self): return x, __class__.__name__
                class Inner:
                    v = x
                    def get(self): return self.v
                def __eq__(self, o): return True
                __slots__ = ()
            return (C.__doc__, C.__name__, C.__qualname__, C.y, C.z, C.i, C().m(), C.Inner().get(),
                    C.__hash__, C.__mro__[1:-1])
        def raises():
            class C:
                a = 1
                b = a / 0
        def bad_base():
            class C(5): pass
        def conflict():
            class A(metaclass=Meta): pass
            class M2(type): pass
            class B(A, metaclass=M2): pass
        def no_class_cell():
            class C:
                def f(self): return __class__
                del f
            return C
        """,
        "build(1) ;; build(0, Base) ;; build([], metaclass=Meta, k=1) ;; build(2, Entries())",
        "build(3, Base, extra=5)",
        "raises() ;; bad_base() ;; conflict() ;; no_class_cell()",
    )


def test_imports_in_functions():
    check(
        """
        import sys
        def plain():
            import os
            import os.path
            import os.path as p
            import collections.abc
            return os.sep, p is os.path, collections.abc.Sized.__name__
        def names():
            from math import pi, floor as down
            from os import path
            from xml import dom
            return pi, down(2.5), path.__name__, dom.__name__
        def missing():
            import module_that_is_not_there
        def missing_sub():
            import os.nothing
        def missing_name():
            from math import nothing
        def missing_second():
            from math import pi, nothing
        def relative():
            from . import x
        def relative_name():
            from .x import y
        def loop(n):
            for _ in range(n): import math
            return math.pi
        def hooked():
            import builtins
            old = builtins.__import__
            def hook(name, *a, **k):
                log.append((name, a[2:]))
                return old(name, *a, **k)
            builtins.__import__ = hook
            try:
                import math
                from os import sep
                import os.path as p
                return sep
            finally:
                builtins.__import__ = old
        def from_odd_object():
            class Odd:
                def __getattr__(self, name):
                    if name.startswith('__'): raise AttributeError(name)
                    log.append(name)
                    return name
            sys.modules['odd_module'] = Odd()
            try:
                from odd_module import a, b
                import odd_module as m
                return a, b, type(m).__name__
            finally:
                del sys.modules['odd_module']
        def blocked():
            sys.modules['blocked_module'] = None
            try:
                import blocked_module
            finally:
                del sys.modules['blocked_module']
        """,
        *[
            f"{f}()"
            for f in (
                "plain names missing missing_sub missing_name missing_second relative relative_name "
                "hooked from_odd_object blocked"
            ).split()
        ],
        "loop(5)",
    )


def test_f_strings():
    check(
        """
        class Fmt:
            def __format__(self, spec): log.append(spec); return 'F' + spec
            def __str__(self): return 'S'
            def __repr__(self): return 'Ré'
        class Bad:
            def __format__(self, spec): return 5
        class Raises:
            def __format__(self, spec): raise ValueError(spec)
        class Str(str):
            def __format__(self, spec): return 'sub'
        def plain(x): return f'{x}', f'a{x}b', f'{x}{x}', f'', f'no values', f'{{{x}}}'
        def conversions(x): return f'{x!s}|{x!r}|{x!a}', f'{x!r:>5}'
        def specs(x, w): return f'{x:>{w}}|{x:{w}}', f'{x:}'
        def nested(x):
            return f'{f"{x}"!r}', f'{[y for y in (x, x)]}', f'{x if x else "none"}', f'{(lambda: x)()}'
        def debug(x): return f'{x=}', f'{x = !s}', f'{1 + 1 = }'
        def numbers(x): return f'{x:.2f} {x:08.3f} {x:+} {x:e} {x:%}'
        def ints(x): return f'{x:d} {x:x} {x:#b} {x:,} {x:c}'
        def multi(x):
            return f'''
            {x}
            {x!r}''' f'joined' 'plain'
        def many(x): return f'{x}{x}{x}{x}{x}{x}{x}{x}{x}{x}{x}{x}{x}{x}{x}{x}{x}{x}{x}{x}'
        """,
        *[
            f"{f}({x})"
            for f in ("plain", "conversions", "nested", "debug", "numbers", "ints", "multi", "many")
            for x in (
                "1",
                "'s'",
                "1.5",
                "None",
                "Fmt()",
                "Bad()",
                "Raises()",
                "Str('x')",
                "'é'",
                "[]",
                "True",
                "65",
                "2**70",
            )
        ],
        "specs(1, 5) ;; specs('a', 3) ;; specs(1.5, 'x') ;; specs(Fmt(), 'q') ;; specs(None, 1)",
        warm=[0, 1, 2, 4, 13, 17, 26, 39, 52, 54, 65, 76, 78, 91, 104],
    )


def test_del_statements():
    check(
        """
        class Box: pass
        def everything(x):
            a, b, c = x, [x, x, x], {'k': x}
            box = Box()
            box.attr = x
            del b[0], b[-1:], c['k'], box.attr, a
            try: a
            except UnboundLocalError as e: log.append(str(e))
            return b, c, vars(box)
        def cell(x):
            def inner(): return x
            del x
            try: return inner()
            except NameError as e: return str(e)
        def tuple_(x):
            a = b = x
            del (a, [b])
            return 'a' in locals()
        """,
        "everything(1) ;; everything('s') ;; cell(1) ;; tuple_([])",
    )


def test_locals_eval_exec():
    check(
        """
        def f(a, b=2):
            c = a
            before = sorted(locals().items())
            exec('c = 99; new = 1')
            after = c, 'new' in locals()
            d = eval('a + c')
            def inner(): return a, sorted(locals())
            return before, after, d, inner(), [sorted(locals()) for _ in range(1)][0][:3]
        def snapshot(a):
            first = locals()
            b = 1
            second = locals()
            return sorted(first), sorted(second), first is second
        def in_namespace(x):
            ns = {'x': x}
            exec('def g(y): return x + y\\nz = [g(i) for i in range(2)]', ns)
            return ns['z'], eval('x * 2', ns), eval('[x for _ in range(2)]', ns)
        def vars_(a): return vars(), dir()
        """,
        "f(1) ;; f('s', 1) ;; snapshot(1) ;; in_namespace(1) ;; in_namespace(0.5) ;; vars_(3)",
    )


def test_import_star_and_module_code():
    check(
        """
        import types, sys
        def star(source):
            m = types.ModuleType('starred')
            exec(source, m.__dict__)
            sys.modules['starred'] = m
            ns = {}
            try:
                exec('from starred import *', ns)
            finally:
                del sys.modules['starred']
            return sorted(k for k in ns if k != '__builtins__')
        """,
        "star('a = 1; _b = 2') ;; star('a = 1; _b = 2; __all__ = [\"_b\"]')",
        "star('__all__ = [\"missing\"]') ;; star('__all__ = [5]')",
    )
