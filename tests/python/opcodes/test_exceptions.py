"""RAISE_VARARGS, RERAISE, PUSH_EXC_INFO, CHECK_EXC_MATCH, CHECK_EG_MATCH, WITH_EXCEPT_START, tables."""

from support import check


def test_try_in_all_its_forms():
    check(
        """
        class Custom(Exception): pass
        class Sub(Custom): pass
        def act(x):
            if isinstance(x, BaseException) or isinstance(x, type): raise x
            return x
        def one(x):
            try:
                return act(x)
            except ValueError:
                return 'ValueError'
        def several(x):
            try:
                y = act(x)
            except (KeyError, IndexError) as e:
                return 'lookup', e.args
            except Custom as e:
                return type(e)
            except Exception:
                return 'any'
            else:
                return 'else', y
        def bare(x):
            try:
                act(x)
            except:
                return 'bare'
            return 'after'
        def final(x):
            out = []
            try:
                out.append(act(x))
            finally:
                out.append('finally')
                log.append(out)
            return out
        def everything(x):
            out = []
            try:
                out.append(act(x))
            except ValueError as e:
                out.append(('handler', str(e)))
            else:
                out.append('else')
            finally:
                out.append('finally')
            return out
        def nested(x, y):
            try:
                try:
                    act(x)
                except ValueError:
                    act(y)
                finally:
                    log.append('inner')
            except KeyError as e:
                return 'outer', type(e.__context__)
            return 'done'
        def reraise(x):
            try:
                act(x)
            except Exception as e:
                log.append(type(e))
                raise
        def replaced(x):
            try:
                act(x)
            except Exception:
                raise RuntimeError('replaced')
        def chained(x, cause):
            try:
                act(x)
            except Exception as e:
                raise RuntimeError('chained') from (e if cause is None else cause)
        def suppressed(x):
            try:
                act(x)
            except Exception:
                raise RuntimeError('suppressed') from None
        def loop(v):
            out = []
            for x in v:
                try:
                    out.append(act(x))
                except ValueError:
                    out.append('v')
                    continue
                except KeyError:
                    break
                finally:
                    out.append('f')
            return out
        """,
        *[
            f"{f}({x})"
            for f in "one several bare final everything reraise replaced suppressed".split()
            for x in (
                "1|ValueError('v')|ValueError|KeyError('k')|IndexError|Sub('s')|Custom()|"
                "OSError('o')|KeyboardInterrupt()"
            ).split("|")
        ],
        "nested(ValueError('a'), KeyError('b')) ;; nested(ValueError('a'), 1) ;; nested(1, 1)",
        "nested(OSError(), 1)",
        "chained(ValueError('a'), None) ;; chained(ValueError('a'), KeyError('cause'))",
        "chained(ValueError('a'), 5) ;; chained(1, 1)",
        "chained(ValueError('a'), KeyError) ;; loop([1, ValueError(), 2, KeyError(), 3]) ;; loop([])",
        "loop([OSError()])",
        warm=[0, 1, 3, 10, 14, 28, 37, 46, 55, 64, 72, 76, 81],
    )


def test_raise_forms():
    check(
        """
        class Weird(Exception):
            def __new__(cls, *a): return 'not an exception'
        class Picky(Exception):
            def __init__(self, needed): self.needed = needed
        def raise_(x): raise x
        def raise_from(x, y): raise x from y
        def bare(): raise
        def bare_in_handler(x):
            try: raise x
            except Exception: raise
        def bare_in_callee(x):
            def inner(): raise
            try: raise x
            except Exception: inner()
        def matching(x, t):
            try:
                raise x
            except t:
                return 'matched'
        def two_levels(x):
            try:
                try: raise x
                except Exception as first: raise TypeError('second') from first
            except Exception as second:
                return second, second.__cause__, second.__context__
        """,
        "raise_(ValueError) ;; raise_(ValueError('v')) ;; raise_(5) ;; raise_(Weird) ;; raise_(Picky)",
        "raise_(int) ;; raise_(None)",
        "raise_from(ValueError, KeyError) ;; raise_from(ValueError('v'), None)",
        "raise_from(ValueError(), 5) ;; bare()",
        "raise_from(ValueError(), int) ;; raise_from(Picky, ValueError) ;; bare_in_handler(KeyError('k'))",
        "bare_in_callee(OSError('o'))",
        "matching(ValueError(), ValueError) ;; matching(ValueError(), (KeyError, ValueError))",
        "matching(ValueError(), 5)",
        "matching(ValueError(), (KeyError, 5)) ;; matching(ValueError(), ()) ;; matching(ValueError(), int)",
        "two_levels(OSError('x'))",
    )


def test_finally_and_control_flow():
    check(
        """
        def returns(x):
            try:
                return 'try', 1 / x
            finally:
                log.append('finally')
        def overrides(x):
            try:
                return 1 / x
            finally:
                return 'overridden'
        def raises_in_finally(x):
            try:
                return 1 / x
            finally:
                raise KeyError('from finally')
        def break_in_finally(n):
            for i in range(n):
                try:
                    if i == 1: raise ValueError
                finally:
                    if i == 1: break
            return i
        def continue_in_finally(n):
            out = []
            for i in range(n):
                try:
                    1 / (i - 1)
                finally:
                    out.append(i)
                    continue
            return out
        def nested_finally(x):
            try:
                try:
                    try: return 1 / x
                    finally: log.append(1)
                finally: log.append(2)
            finally: log.append(3)
        def value_is_evaluated_first(x):
            y = [x]
            try:
                return y[0]
            finally:
                y[0] = 'changed'
        def return_in_loop(v):
            for x in v:
                try:
                    if x: return x
                finally:
                    log.append(('f', x))
            return 'none'
        def while_with_finally():
            n = 0
            while True:
                try:
                    n += 1
                    if n < 3: continue
                    if n == 5: return n
                finally:
                    log.append(n)
        def deleted_in_finally(x):
            try:
                y = 1 / x
            finally:
                del x
            return y
        """,
        *[
            f"{f}({x})"
            for f in (
                "returns overrides raises_in_finally nested_finally "
                "value_is_evaluated_first deleted_in_finally"
            ).split()
            for x in ("1", "0", "'s'")
        ],
        "break_in_finally(3) ;; break_in_finally(1) ;; continue_in_finally(3) ;; return_in_loop([0, 5, 6])",
        "return_in_loop([]) ;; while_with_finally()",
    )


def test_exc_info_is_a_stack():
    check(
        """
        import sys
        def now(): return sys.exc_info()[0], sys.exception() is sys.exc_info()[1]
        def levels():
            out = [now()]
            try:
                1 / 0
            except ZeroDivisionError:
                out.append(now())
                try:
                    {}['x']
                except KeyError:
                    out.append(now())
                    try:
                        out.append(now())
                    finally:
                        out.append(now())
                out.append(now())
                for _ in range(2):
                    try: raise ValueError
                    except ValueError: out.append(now())
            out.append(now())
            try:
                raise OSError
            except OSError:
                pass
            finally:
                out.append(now())
            return out
        def caller():
            try: raise KeyError('outer')
            except KeyError:
                inside = levels()
                after = now()
            return inside, after, now()
        def context():
            try:
                try: raise ValueError('first')
                except ValueError:
                    try: raise KeyError('second')
                    except KeyError: raise OSError('third')
            except OSError as e:
                chain = []
                while e: chain.append(type(e).__name__); e = e.__context__
                return chain
        def left_by_return():
            def inner():
                try: 1 / 0
                except ZeroDivisionError: return now()
            return inner(), now()
        def left_by_break():
            for _ in range(3):
                try: 1 / 0
                except ZeroDivisionError: break
            return now()
        """,
        "levels() ;; caller() ;; context() ;; left_by_return() ;; left_by_break()",
    )


def test_exception_groups():
    check(
        """
        def make(*errors): return ExceptionGroup('group', list(errors))
        def star(e):
            out = []
            try:
                raise e
            except* ValueError as g:
                out.append(('value', [str(x) for x in g.exceptions]))
            except* (KeyError, OSError) as g:
                out.append(('lookup', len(g.exceptions), type(g).__name__))
            else:
                out.append('else')
            finally:
                out.append('finally')
            return out
        def nothing():
            try: pass
            except* ValueError: log.append('never')
            return 'nothing'
        def raising(e):
            try: raise e
            except* ValueError as g: raise KeyError('in handler')
            except* TypeError as g: raise
        def replaced(e):
            try: raise e
            except* ValueError as g: raise g.exceptions[0]
        def nested(e):
            try:
                try: raise e
                except* ValueError: log.append('inner')
            except* TypeError as g: log.append(('outer', repr(g)))
            return 'done'
        def wrong_type(e):
            try: raise e
            except* ExceptionGroup: pass
        def wrong_value(e):
            try: raise e
            except* 5: pass
        def loop(es):
            for e in es:
                try: raise e
                except* ValueError: log.append('v')
                except* KeyError as g: log.append(len(g.exceptions))
            return 'end'
        """,
        *[
            f"{f}({e})"
            for f in "star raising replaced nested wrong_type wrong_value".split()
            for e in (
                "make(ValueError('a'), KeyError('b'))|"
                "make(ValueError('a'), make(ValueError('b'), TypeError('c')))|ValueError('plain')|"
                "make(OSError())|TypeError('t')|make(TypeError('t'), TypeError('u'))|"
                "BaseExceptionGroup('b', [KeyboardInterrupt()])".split("|")
            )
        ],
        "nothing() ;; loop([ValueError(), make(KeyError(), KeyError()), make(ValueError())])",
        warm=[0, 1, 2, 7, 14, 21, 28, 43],
    )


def test_with():
    check(
        """
        class Manager:
            def __init__(self, name='m', swallow=False, fail=None):
                self.name, self.swallow, self.fail = name, swallow, fail
            def __enter__(self):
                log.append('enter ' + self.name)
                if self.fail == 'enter': raise OSError('enter')
                return self
            def __exit__(self, t, v, tb):
                log.append(('exit ' + self.name, t, str(v), tb and tb.tb_lineno))
                if self.fail == 'exit': raise OSError('exit')
                if self.fail == 'reraise': raise v
                return self.swallow
        class NoEnter:
            def __exit__(self, *a): pass
        class NoExit:
            def __enter__(self): pass
        class Static:
            enter = staticmethod(lambda: 'static')
            __enter__ = staticmethod(lambda: 'static enter')
            __exit__ = staticmethod(lambda *a: log.append(len(a)))
        class Odd:
            def __enter__(self): return 1, 2
            def __exit__(self, *a): return 'truthy'
        class Undecided:
            def __enter__(self): pass
            def __exit__(self, *a):
                class B:
                    def __bool__(self): raise ValueError('bool')
                return B()
        def simple(m):
            with m: return 'body'
        def named(m):
            with m as x: log.append(type(x).__name__)
            return x is m
        def several(a, b):
            with a as x, b as y, Manager('last'):
                return x is a, y is b
        def raising(m, e):
            with m:
                raise e
            return 'swallowed'
        def error_in_body(m, x):
            with m as y:
                z = 1 / x
            return z
        def loop(m):
            for i in range(4):
                with m:
                    if i == 1: continue
                    if i == 2: break
            return i
        def nested(a, b, e):
            with a:
                with b:
                    raise e
                log.append('between')
            return 'end'
        def unpack(m):
            with m as (x, y): return x, y
        def targets(m):
            v = [0]
            with m as v[0]: pass
            return v[0] is m
        def with_try(m):
            try:
                with m: 1 / 0
            except ZeroDivisionError: return 'handled'
            finally: log.append('finally')
        """,
        *[
            f"{f}"
            for f in (
                "simple(M)|named(M)|raising(M, ValueError('v'))|error_in_body(M, 0)|error_in_body(M, 2)|"
                "loop(M)|with_try(M)|"
                "several(M, Manager('b'))|nested(Manager('a'), M, KeyError('k'))|targets(M)".split("|")
            )
            for f in [
                f.replace("M)", m + ")").replace("M,", m + ",")
                for m in (
                    "Manager()",
                    "Manager(swallow=True)",
                    "Manager(fail='enter')",
                    "Manager(fail='exit')",
                    "Manager(fail='reraise')",
                    "NoEnter()",
                    "NoExit()",
                    "Static()",
                    "Odd()",
                    "Undecided()",
                    "5",
                )
            ]
        ],
        "unpack(Odd()) ;; unpack(Manager())",
        warm=[0, 1, 11, 22, 23, 24, 26, 30, 33, 44, 56, 67, 79, 90, 110],
    )


def test_what_a_context_manager_sees_of_itself():
    """Machine code binds no method where it can; nobody else's references to the manager change by that."""
    check(
        """
        import sys, types, weakref
        class Counting:
            def __enter__(self):
                log.append(('enter', sys.getrefcount(self)))
            def __exit__(self, t, v, tb):
                log.append(('exit', sys.getrefcount(self), t, v, tb))
            def __del__(self): log.append('gone')
        class Rest(Counting):
            def __exit__(self, *rest): log.append(('rest', sys.getrefcount(self), rest))
        class Defaults(Counting):
            def __exit__(self, t, v=1, tb=2, *, more=4): log.append(('defaults', sys.getrefcount(self), t, v, tb, more))
        class TooFew(Counting):
            def __exit__(self, t): log.append('unreachable')
        class Forgets(Counting):
            def __enter__(self):
                Forgets.__exit__ = Forgets.__enter__ = lambda *a: log.append('late')
        class Finds:
            def __get__(self, instance, owner): return lambda *a: log.append(('found', instance is None, a))
        class Descriptors:
            __enter__ = __exit__ = Finds()
        class Outer:
            __enter__ = __exit__ = types.MethodType(lambda *a: log.append(len(a)), 'bound')
        class Nested:
            __enter__ = property(lambda self: types.MethodType(types.MethodType(lambda *a: log.append(a), 1), 2))
            __exit__ = property(lambda self: types.MethodType(types.MethodType(lambda *a: log.append(a), 3), None))
        class OfC(list):
            __enter__ = list.copy
            __exit__ = list.__init__
        class Fails(Counting):
            def __exit__(self, *rest): raise KeyError(len(rest))
        def use(make):
            with make(): log.append('body')
        def keep(make):
            m = make()
            with m: log.append(('body', sys.getrefcount(m)))
            return sys.getrefcount(m)
        """,
        *(
            f"{use}({kind})"
            for kind in (
                "Counting",
                "Rest",
                "Defaults",
                "TooFew",
                "Descriptors",
                "Outer",
                "Nested",
                "OfC",
                "Fails",
            )
            for use in ("use", "keep")
        ),
        "use(Forgets)",
        warm=[0, 1, 2, 3, 8, 9, 12, 13],
    )


def test_contextlib_and_decorators():
    check(
        """
        import contextlib
        @contextlib.contextmanager
        def managed(name):
            log.append('enter ' + name)
            try:
                yield name
            except ValueError as e:
                log.append('swallowed ' + str(e))
            finally:
                log.append('exit ' + name)
        def use(e):
            with managed('a') as a, contextlib.suppress(KeyError), contextlib.ExitStack() as stack:
                stack.callback(log.append, 'callback')
                stack.enter_context(managed('b'))
                if e: raise e
            return a
        @managed('decorator')
        def decorated(x): return 1 / x
        """,
        "use(None) ;; use(ValueError('v')) ;; use(KeyError('k')) ;; use(OSError('o')) ;; decorated(1)",
        "decorated(0)",
        leaks=False,
        all_compiled=False,
    )


def test_errors_of_every_operation_have_their_place():
    """Each line raises in its own way, at its own column, with a stack of operands below it."""
    lines = [
        "1 + (x / 0)",
        "[1, 2, x.nothing]",
        "f(1, x[99999999999999999999999999], 3)",
        "{'a': 1, **x}",
        "(lambda: (1, undefined_name))()",
        "[*[1], *x]",
        "f(*x, **x)",
        "x()",
        "x.a.b.c",
        "f'{1}{x:d}{2}'",
        "x[1:2, undefined_name]",
        "-undefined_name if x else +undefined_name",
        "[y for y in x for z in y.nothing]",
        "sorted([1, x], key=lambda v: v.nothing)",
        "int('not a number' if x else 'nor this')",
        "x < (1, 2) < [3]",
        "x in 5",
        "not undefined_name",
        "(yield_ := undefined_name)",
        "max(1, 2, key=5)",
        "{x: 1, []: 2}",
        "{1, [], x}",
        "'%d %s' % (x, undefined_name)",
        "x @ x",
        "~x",
        "f(x)(x)(x)",
        "isinstance(x, 5)",
        "__import__('module_that_is_not_there')",
        "super().x",
    ]
    body = "\n".join(f"            if n == {i}: return {line}" for i, line in enumerate(lines))
    check(
        f"""
        def f(*a, **k): return (a, k)
        def g(n, x):
{body}
        """,
        *[f"g({i}, {x})" for i in range(len(lines)) for x in ("None", "'s'")],
        warm=[0, 3, 8, 12, 20, 33, 40],
    )


def test_statement_errors_have_their_place():
    statements = [
        "x.attribute = 1",
        "x[0] = 1",
        "del x.attribute",
        "del x[0]",
        "a, b = x",
        "a, *b = x",
        "x += undefined_name",
        "x.a += 1",
        "x['k'] -= 1",
        "for y in x: pass",
        "with x: pass",
        "assert not x, undefined_name",
        "assert x is 0, ('message', x)",
        "raise x",
        "raise ValueError from x",
        "import module_that_is_not_there",
        "from sys import name_that_is_not_there",
        "from . import sibling",
        "class C(x): pass",
        "class C(metaclass=undefined_name): pass",
        "def inner(a=undefined_name): pass",
        "global_of_nobody",
        "del unbound_local; unbound_local = 1",
        "while undefined_name: pass",
        "match x:\n                    case 5 | undefined.name: pass",
        "return undefined_name, 1",
        "x: undefined_name = undefined_value",
    ]
    body = "\n".join(f"            if n == {i}:\n                {line}" for i, line in enumerate(statements))
    check(
        f"""
        def g(n, x):
{body}
            return 'no error'
        """,
        *[f"g({i}, {x})" for i in range(len(statements)) for x in ("None", "'s'")],
        warm=[0, 2, 8, 18, 20, 30],
    )


def test_deep_chains_and_notes():
    check(
        """
        def fail(n):
            if n == 0: raise ValueError('bottom')
            try:
                fail(n - 1)
            except ValueError as e:
                e.add_note(f'level {n}')
                raise
        def wrap(n):
            if n == 0: raise KeyError('root')
            try: wrap(n - 1)
            except Exception as e: raise RuntimeError(n) from e
        def collect(n):
            errors = []
            for i in range(n):
                try: fail(i)
                except ValueError as e: errors.append(e)
            raise ExceptionGroup('all', errors)
        """,
        "fail(3) ;; fail(0) ;; wrap(4) ;; collect(3)",
    )


def test_traceback_object_and_del_order():
    check(
        """
        import sys
        class Noisy:
            def __init__(self, n): self.n = n
            def __del__(self): log.append('del ' + self.n)
        def fails(x):
            local = Noisy('local')
            raise ValueError(x)
        def caught():
            try: fails(1)
            except ValueError: log.append('handler')
            log.append('after')
        def kept():
            try: fails(1)
            except ValueError as e: keep = e
            log.append('kept')
            keep = None
            log.append('released')
        def walked():
            try: fails(1)
            except ValueError as e:
                tb, out = e.__traceback__, []
                while tb:
                    frame = tb.tb_frame
                    out.append((frame.f_code.co_name, tb.tb_lineno, tb.tb_lasti >= 0, sorted(frame.f_locals)))
                    tb = tb.tb_next
                frame = None  # its own: else only the cyclic collector would end this, some time
                return out
        def operands():
            try: return [Noisy('a'), (Noisy('b'), fails(Noisy('c')))]
            except ValueError as e: log.append('caught')
            log.append('end')
        def with_traceback():
            try: fails(1)
            except ValueError as e:
                return e.with_traceback(None).__traceback__
        """,
        "caught() ;; kept() ;; walked() ;; operands() ;; with_traceback()",
    )


def test_asserts():
    check(
        """
        def check(x, message=None):
            assert x
            assert x, message
            assert isinstance(x, int), f'{x!r} is not an int'
            return x
        """,
        "check(1) ;; check(0) ;; check('s') ;; check([]) ;; check(None, 'm')",
    )
