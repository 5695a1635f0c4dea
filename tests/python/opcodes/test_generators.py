"""RETURN_GENERATOR, YIELD_VALUE, SEND and what drives generators: for, next, send, throw, close."""

from support import check

HELPERS = """
        def simple(n):
            for i in range(n): yield i
        def echo(start):
            log.append('start')
            try:
                while True:
                    try:
                        got = yield start
                        log.append(('got', got))
                        if got == 'return': return 'returned'
                        if got == 'raise': raise KeyError('asked')
                        start = got
                    except ValueError as error:
                        log.append(('caught', str(error)))
                        start = 'after ValueError'
            finally:
                log.append('finally')
        def stubborn():
            while True:
                try:
                    yield 1
                except GeneratorExit:
                    log.append('ignored')
        def cleanup_yields():
            try:
                yield 1
            finally:
                yield 2
"""


def test_driving():
    check(
        HELPERS
        + """
        def listed(n):
            return list(simple(n)), [*simple(n)], tuple(simple(n)), sum(simple(n)), [x * 2 for x in simple(n)]
        def loop(n):
            out = []
            for x in simple(n): out.append(x)
            return out
        def nexts(n):
            g = simple(n)
            out = []
            while True:
                try:
                    out.append(next(g))
                except StopIteration as stop:
                    return out, stop.value, next(g, 'default')
        def sent(*values):
            g = echo(0)
            out = [next(g)]
            try:
                for v in values: out.append(g.send(v))
            except (StopIteration, KeyError) as error:
                out.append((type(error), error.args))
            return out, g.gi_frame is None, g.gi_running, g.gi_suspended
        def thrown(*errors):
            g = echo(0)
            out = [next(g)]
            for e in errors:
                try:
                    out.append(g.throw(e))
                except BaseException as error:
                    out.append((type(error), error.args, error is e))
            return out, g.gi_frame is None
        def closed(make, steps):
            g = make()
            for _ in range(steps): next(g)
            try:
                return g.close(), g.gi_frame is None
            except RuntimeError as error:
                return str(error)
        def send_unstarted():
            g = echo(0)
            return g.send(1)
        def throw_unstarted(e):
            g = echo(0)
            try:
                g.throw(e)
            except BaseException as error:
                return type(error), list(g)
        def reentrant():
            def gen():
                yield 1
                yield next(g)
            g = gen()
            out = [next(g)]
            try:
                next(g)
            except ValueError as error:
                out.append(str(error))
            return out, list(g)
        def two_at_once(n):
            a, b = simple(n), simple(n + 1)
            return [(next(a), next(b)) for _ in range(n)], next(a, 'end'), next(b)
        def raises_stop_iteration():
            def gen():
                yield 1
                raise StopIteration('inner')
            return list(gen())
        """,
        "listed(4) ;; listed(0) ;; loop(5) ;; loop(0) ;; nexts(2) ;; nexts(0) ;; sent(1, 'a', [2])",
        "sent('return') ;; sent('raise')",
        "thrown(ValueError('v')) ;; thrown(KeyError('k'), KeyError('again'))",
        "thrown(ValueError, ValueError('2'), OSError)",
        "thrown(GeneratorExit) ;; thrown(StopIteration('s')) ;; thrown(5) ;; closed(lambda: echo(0), 0)",
        "closed(lambda: echo(0), 1)",
        "closed(stubborn, 1) ;; closed(cleanup_yields, 1) ;; closed(cleanup_yields, 2) ;; send_unstarted()",
        "throw_unstarted(OSError())",
        "reentrant() ;; two_at_once(3) ;; raises_stop_iteration()",
    )


def test_yield_in_every_position():
    check(
        """
        def expressions():
            a = yield
            b = (yield a) + (yield 'second')
            c = [(yield 'in list'), (yield 'in list 2')]
            d = {(yield 'key'): (yield 'value')}
            e = f'{(yield "text")}!'
            def inner(x, y): return x, y
            f = inner((yield 'arg'), y=(yield 'kw'))
            if (yield 'condition'): g = yield 'then'
            else: g = yield 'else'
            h = (yield 'left') and (yield 'right')
            i = lambda: (yield 'lambda')
            for x in (yield 'iterable'): yield ('item', x)
            with (yield 'manager') as m: yield m
            return a, b, c, d, e, f, g, h, list(i())
        class Manager:
            def __enter__(self): return 'entered'
            def __exit__(self, *a): log.append(a[0])
        def drive(*values):
            g = expressions()
            out = [next(g)]
            try:
                for v in values: out.append(g.send(v))
            except StopIteration as stop:
                out.append(stop.value)
            return out
        """,
        "drive(1, 2, 3, 4, 5, 'k', 'v', 't', 'a', 'b', True, 'g', 1, 2, "
        "[7, 8], None, None, Manager(), None, None)",
        "drive(1, 2.5, 3, 4, 5, 'k', 'v', 't', 'a', 'b', [], 'g', 0, "
        "'xy', None, None, Manager(), None, None)",
        "drive(1, 'a', 2) ;; drive(1, 2, 3, 4, 5, [])",
        "drive(1, 2, 3, 4, 5, 'k', 'v', 't', 'a', 'b', True, 'g', 1, 2, 5)",
    )


def test_yield_from():
    check(
        HELPERS
        + """
        def delegate(inner):
            result = yield from inner
            log.append(('result', result))
            return ('outer', result)
        def chain(n, depth):
            if depth: return (yield from chain(n, depth - 1))
            yield from range(n)
            return depth
        class Custom:
            def __init__(self): self.n = 0
            def __iter__(self): return self
            def __next__(self):
                self.n += 1
                if self.n > 3: raise StopIteration('custom end')
                return self.n
            def send(self, v): log.append(('send', v)); return v
            def throw(self, e): log.append(('throw', type(e))); raise e
            def close(self): log.append('close')
        class NoSend:
            def __iter__(self): return iter([1, 2])
        def drive(inner, *values):
            g = delegate(inner)
            out = []
            try:
                out.append(next(g))
                for v in values: out.append(g.throw(v) if isinstance(v, BaseException) else g.send(v))
                g.close()
            except StopIteration as stop:
                out.append(('stop', stop.value))
            except BaseException as error:
                out.append((type(error), str(error)))
            return out
        def collect(inner):
            out = []
            g = delegate(inner)
            for x in g: out.append(x)
            return out
        def tree(t):
            if isinstance(t, list):
                for x in t: yield from tree(x)
            else:
                yield t
        """,
        "drive(echo(1), 2, 'return') ;; drive(echo(1), 2, 'raise') ;; drive(echo(1), ValueError('v'), 3)",
        "drive(echo(1), KeyError('k'))",
        "drive([1, 2, 3], None, None, None) ;; drive([1, 2], 5) ;; drive(Custom(), None, 'x', None)",
        "drive(Custom(), ValueError('v'))",
        "drive(Custom()) ;; drive(NoSend(), None, None) ;; drive(5) ;; drive((), 1) ;; drive('ab', None)",
        "drive(echo(0), GeneratorExit())",
        "collect([1, 2]) ;; collect(simple(3)) ;; collect(x for x in 'ab') ;; list(chain(3, 0))",
        "list(chain(3, 20))",
        "list(tree([1, [2, [3, [4]], 5], [[]]])) ;; list(tree(7)) ;; collect(None)",
    )


def test_frames_of_generators():
    check(
        """
        import sys, inspect
        def gen(a):
            b = 1
            yield b
            b = [a]
            yield b
        def look(a):
            g = gen(a)
            before = g.gi_frame.f_lineno, dict(g.gi_frame.f_locals), inspect.getgeneratorstate(g)
            next(g)
            middle = (g.gi_frame.f_lineno, dict(g.gi_frame.f_locals), inspect.getgeneratorlocals(g),
                      g.gi_frame.f_back)
            next(g)
            late = (g.gi_frame.f_lineno, dict(g.gi_frame.f_locals), g.gi_code.co_name,
                    g.__name__, g.__qualname__)
            list(g)
            return before, middle, late, g.gi_frame, inspect.getgeneratorstate(g), g.gi_yieldfrom
        def delegating(inner): yield from inner
        def yield_from():
            inner = iter([1, 2])
            g = delegating(inner)
            return g.gi_yieldfrom, next(g), g.gi_yieldfrom is inner, list(g)
        def stack():
            def who():
                f, out = sys._getframe(1), []
                while f and f.f_code.co_filename.startswith('<check'):
                    out.append((f.f_code.co_name, f.f_lineno))
                    f = f.f_back
                return out
            def inner(): yield who()
            def outer(): yield from inner()
            return list(outer()), [w for w in inner()], next(outer())
        def write_locals(a):
            g = gen(a)
            next(g)
            g.gi_frame.f_locals['a'] = 'written'
            return next(g)
        """,
        "look(5) ;; look('x') ;; yield_from() ;; stack() ;; write_locals(3)",
    )


def test_exceptions_through_generators():
    check(
        """
        def inner(x):
            yield 1
            yield 10 / x
            yield 3
        def middle(x):
            for v in inner(x): yield v
        def outer(x):
            yield from middle(x)
        def listed(x): return list(outer(x))
        def looped(x):
            out = []
            for v in outer(x): out.append(v)
            return out
        def handled(x):
            out = []
            try:
                for v in outer(x): out.append(v)
            except ZeroDivisionError as error:
                out.append(str(error))
            return out
        def in_handler():
            def gen():
                try:
                    raise ValueError('in generator')
                except ValueError:
                    yield 'inside handler'
                    raise
            import sys
            g = gen()
            out = [next(g), sys.exc_info()[0]]
            try:
                raise KeyError('caller')
            except KeyError:
                out.append(sys.exc_info()[0])
                try:
                    next(g)
                except ValueError as error:
                    out.append((type(error.__context__), sys.exc_info()[0]))
                out.append(sys.exc_info()[0])
            return out
        def context_at_resume():
            import sys
            def gen():
                while True:
                    yield sys.exc_info()[0]
            g = gen()
            out = [next(g)]
            try:
                1 / 0
            except ZeroDivisionError:
                out.append(next(g))
            out.append(next(g))
            return out
        def thrown_line():
            def gen():
                yield 1
                yield 2
            g = gen()
            next(g)
            g.throw(ValueError('thrown'))
        """,
        "listed(2) ;; listed(0) ;; listed('x') ;; looped(0) ;; looped(5) ;; handled(0) ;; handled(1)",
        "in_handler()",
        "context_at_resume() ;; thrown_line()",
    )


def test_lifetime():
    check(
        """
        import weakref, gc
        class Noisy:
            def __init__(self, n): self.n = n
            def __del__(self): log.append('del ' + self.n)
        def gen(noisy):
            try:
                local = Noisy('local')
                yield 1
                yield 2
            finally:
                log.append('finally')
        def dropped():
            g = gen(Noisy('argument'))
            next(g)
            del g
            log.append('dropped')
        def unstarted():
            g = gen(Noisy('argument'))
            del g
            log.append('dropped')
        def exhausted():
            g = gen(Noisy('argument'))
            list(g)
            log.append('exhausted')
            return g.gi_frame
        def broken_loop():
            for x in gen(Noisy('argument')): break
            log.append('after loop')
        def value_lifetime():
            def values():
                yield Noisy('first')
                yield Noisy('second')
            for v in values(): log.append(v.n)
            log.append('end')
        def frame_outlives():
            g = gen('x')
            next(g)
            frame = g.gi_frame
            del g
            return frame.f_lineno, sorted(frame.f_locals)
        def cycle():
            def selfish():
                me = g
                yield 1
            g = selfish()
            next(g)
            ref = weakref.ref(g)
            del g
            gc.collect()
            return ref() is None
        """,
        "dropped() ;; unstarted() ;; exhausted() ;; broken_loop() ;; value_lifetime() ;; frame_outlives()",
        "cycle()",
    )


def test_generator_expressions_and_methods():
    check(
        """
        class Tree:
            def __init__(self, left, value, right): self.left, self.value, self.right = left, value, right
            def __iter__(self):
                if self.left: yield from self.left
                yield self.value
                if self.right: yield from self.right
            @property
            def lazily(self): return (v * 2 for v in self)
            @classmethod
            def build(cls, n): return cls(cls.build(n - 1), n, cls.build(n - 1)) if n else None
            @staticmethod
            def numbers(n): yield from range(n)
        def use(n):
            t = Tree.build(n)
            return (list(t or ()), sum(t.lazily) if t else 0, list(Tree.numbers(n)),
                    max(t, default=0) if t else None)
        def nested(v):
            return list((x, list(y for y in range(x))) for x in v), [list(z for z in (w,)) for w in v]
        def lazily(v):
            g = (log.append(x) or x for x in v)
            log.append('made')
            return next(g), list(g)
        def late_binding():
            k = 1
            g = (x + k for x in range(3))
            k = 10
            return list(g)
        def first_iterable_is_eager():
            try:
                return (x for x in None)
            except TypeError as error:
                return str(error)
        def arguments(*a, **k):
            yield a
            yield k
        """,
        "use(3) ;; use(0) ;; nested([1, 2]) ;; nested([]) ;; lazily([1, 2]) ;; lazily('ab')",
        "late_binding() ;; first_iterable_is_eager()",
        "list(arguments(1, x=2)) ;; list(arguments())",
    )


def test_beginnings_and_ends():
    """What is made and ended without CPython's functions is what those make, and ends as by them."""
    check(
        """
        import weakref
        held = []
        class Noisy:
            def __init__(self, name): self.name = name
            def __del__(self): log.append((self.name, [(g.gi_frame is None, g.gi_running) for g in held]))
        def noisy(n, *rest):
            a, b = Noisy('a'), Noisy('b')
            for i in range(n): yield i
            return rest
        def ended(n):
            g = noisy(n, Noisy('rest'))
            held.append(g)
            out = [*g], g.gi_code.co_name, g.__name__, g.__qualname__
            held.clear()
            log.append('over')
            return out
        def with_weak_reference(n):
            g = noisy(n)
            r = weakref.ref(g, lambda r: log.append('weak'))
            for x in g: pass
            del g
            return r() is None
        def with_frame(n):
            g = noisy(n)
            frame = g.gi_frame
            for x in g: log.append(sorted(frame.f_locals))
            del g
            return sorted(frame.f_locals), frame.f_back
        def left(n):
            for x in noisy(n): return x
        def renamed(n):
            g = noisy(n)
            g.__name__ = 'new'; g.__qualname__ = 'newer'
            return g.__name__, repr(g)[:24], [*g]
        async def leaf(n): return n
        async def coroutine(n): return await leaf(n)
        def driven(n):
            c = coroutine(n)
            try: c.send(None)
            except StopIteration as e: return e.value, c.cr_frame, c.cr_origin
        def with_origin(n):
            sys.set_coroutine_origin_tracking_depth(n)
            try:
                c = coroutine(n)
                found = c.cr_origin and [place[2] for place in c.cr_origin][:1]
                return found, driven(n)[2] is None
            finally:
                c.close()
                sys.set_coroutine_origin_tracking_depth(0)
        """,
        "ended(0)",
        "ended(3)",
        "with_weak_reference(2)",
        "with_frame(2)",
        "left(3)",
        "renamed(2)",
        "driven(5)",
        "with_origin(0)",
        "with_origin(2)",
    )
