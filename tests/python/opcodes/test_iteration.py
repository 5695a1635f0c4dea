"""GET_ITER, FOR_ITER and its specialised forms, loops with break, continue and else, jumps back and forth."""

from support import check


def test_for_over_everything():
    check(
        """
        class Iter:
            def __init__(self, n): self.n = n
            def __iter__(self): log.append('iter'); return self
            def __next__(self):
                self.n -= 1
                if self.n < 0: raise StopIteration('value')
                return self.n
        class Items:
            def __getitem__(self, i):
                if i > 2: raise IndexError(i)
                return i * 10
        class Stops:
            def __getitem__(self, i): raise StopIteration
        class Raises:
            def __iter__(self): return self
            def __next__(self): raise ValueError('next')
        class NoNext:
            def __iter__(self): return object()
        class IterRaises:
            def __iter__(self): raise KeyError('iter')
        class NotIterable:
            __iter__ = None
        class List(list):
            def __iter__(self): return iter(['from', 'List'])
        class PlainList(list): pass
        def gen(n):
            for i in range(n): yield i
        def collect(v):
            out = []
            for x in v:
                out.append(x)
            else:
                out.append('else')
            return out
        def total(v):
            t = 0
            for x in v: t += x
            return t
        def unpack(v):
            out = []
            for i, x in v: out.append((x, i))
            return out
        def last(v):
            for x in v: pass
            return x
        """,
        *[
            f"{f}({v})"
            for f in ("collect", "total", "last")
            for v in (
                "range(5)|range(0)|range(5, 0, -2)|range(2**62, 2**62 + 3)|range(-3, 3)|[1, 2, 3]|[]|(1, 2)|"
                "()|'ab'|b'ab'|{1, 2}|"
                "{1: 2, 3: 4}|{1: 2}.values()|{1: 2}.items()|gen(3)|gen(0)|Iter(3)|Items()|Stops()|Raises()|"
                "NoNext()|IterRaises()|"
                "NotIterable()|List()|PlainList([1])|5|None|iter([1, 2])|enumerate('ab')|zip([1], [2])|"
                "map(str, [1])|"
                "filter(None, [0, 1])|reversed([1, 2])|iter(lambda n=[3]: n.append(n.pop() - 1) or n[0], 0)|"
                "object|"
                "(x * 2 for x in [1, 2])|memoryview(b'ab')|range(2**70, 2**70 + 2)|bytearray(b'a')".split("|")
            )
        ],
        "unpack(enumerate('ab')) ;; unpack({1: 2}.items()) ;; unpack(zip('ab', 'cd')) ;; unpack([(1, 2)])",
        "unpack([1]) ;; unpack('abc')",
        "unpack(enumerate([1], 5)) ;; unpack(gen(2)) ;; unpack({(1, 2): 3})",
        warm=[0, 5, 7, 9, 11, 15, 17, 18, 24, 28, 40, 45, 55, 80, 85, 118, 119, 120],
    )


def test_control_flow():
    check(
        """
        def breaks(v, at):
            for x in v:
                if x == at: break
            else:
                return 'no break'
            return 'break', x
        def continues(v):
            out = []
            for x in v:
                if x % 2: continue
                out.append(x)
            return out
        def nested(n):
            out = []
            for i in range(n):
                for j in range(n):
                    if j > i: break
                    if (i + j) % 3 == 0: continue
                    out.append((i, j))
                else:
                    out.append('else')
                    continue
                if i == 4: break
            return out
        def while_loop(n):
            out = []
            while n:
                n -= 1
                if n % 3 == 0: continue
                if n == 1: break
                out.append(n)
            else:
                out.append('else')
            return out, n
        def while_true(n):
            while True:
                n -= 1
                if n < 0: return 'returned', n
        def while_condition(a, b):
            n = 0
            while a < b and not n > 50 or n == 0:
                a += 1; n += 1
            return a, n
        def return_inside(v):
            for x in v:
                for y in v:
                    if x + y == 3: return x, y
            return None
        def with_finally(v):
            out = []
            for x in v:
                try:
                    if x == 1: continue
                    if x == 3: break
                    out.append(x)
                finally:
                    out.append('f')
            return out
        def with_except(v):
            out = []
            for x in v:
                try:
                    out.append(10 // x)
                except ZeroDivisionError:
                    out.append('zero')
                    continue
                except TypeError:
                    break
                out.append('ok')
            return out
        def variable_after(n):
            for i in range(n): j = i * 2
            return i, j
        """,
        "breaks([1, 2, 3], 2) ;; breaks([1], 5) ;; breaks([], 1) ;; breaks('abc', 'b')",
        "continues(range(6)) ;; continues([1.5, 2.0])",
        "nested(3) ;; nested(6) ;; nested(0) ;; while_loop(9) ;; while_loop(0) ;; while_loop(True)",
        "while_true(5) ;; while_true(0.5)",
        "while_condition(0, 5) ;; while_condition(0.5, 3) ;; while_condition(9, 1) ;; return_inside([1, 2])",
        "return_inside([9])",
        "with_finally([0, 1, 2, 3, 4]) ;; with_except([1, 0, 2, 'x', 3]) ;; with_except([])",
        "variable_after(3) ;; variable_after(0)",
    )


def test_mutated_while_iterating():
    check(
        """
        def grow_list(v):
            out = []
            for x in v:
                out.append(x)
                if len(v) < 8: v.append(x + 1)
            return out, v
        def shrink_list(v):
            out = []
            for x in v:
                out.append(x)
                v.pop()
            return out, v
        def clear_list(v):
            for x in v: v.clear()
            return v
        def grow_dict(d):
            for k in d: d[k + 1] = 0
        def change_value(d):
            for k in d: d[k] = k
            return d
        def items_grow(d):
            for k, v in d.items(): d[len(d) + k] = 1
        def grow_set(s):
            for x in s: s.add(x + 1)
        def rebind(v):
            out = []
            for x in v:
                v = [9, 9]
                out.append(x)
            return out, v
        def exhausted(v):
            it = iter(v)
            first = [x for x in it]
            if isinstance(v, list): v.append('late')
            second = [x for x in it]
            return first, second, next(it, 'default')
        def shared():
            it = iter(range(10))
            out = []
            for x in it:
                for y in it:
                    if y % 4 == 0: break
                out.append((x, y))
            return out
        def peeled(n):
            it = iter(range(n))
            next(it, None)
            out = []
            for x in it:
                out.append(x)
                next(it, None)
            return out
        """,
        "grow_list([1]) ;; shrink_list([1, 2, 3, 4]) ;; clear_list([1, 2]) ;; grow_dict({1: 1})",
        "change_value({1: 0, 2: 0})",
        "items_grow({1: 1}) ;; grow_set({1}) ;; rebind([1, 2]) ;; rebind('ab') ;; exhausted([1, 2])",
        "exhausted((1,))",
        "exhausted(range(3)) ;; exhausted({1: 2}) ;; shared() ;; peeled(6) ;; peeled(0)",
    )


def test_iterator_released_when_the_loop_ends():
    check(
        """
        class Noisy:
            def __init__(self, n): self.n = n
            def __iter__(self): return self
            def __next__(self):
                self.n -= 1
                if self.n == 0: raise StopIteration
                if self.n > 50: raise ValueError('boom')
                return self.n
            def __del__(self): log.append('del')
        def to_the_end():
            for x in Noisy(3): log.append(x)
            log.append('after')
        def broken():
            for x in Noisy(3): break
            log.append('after')
        def returned():
            for x in Noisy(3): return x
        def raised():
            try:
                for x in Noisy(100): pass
            except ValueError:
                log.append('caught')
        def item_lifetime():
            class Item:
                def __init__(self, i): self.i = i
                def __del__(self): log.append(('del', self.i))
            for item in [Item(0), Item(1)]:
                log.append('body')
            log.append('end')
        """,
        *[f"{f}()" for f in "to_the_end broken returned raised item_lifetime".split()],
    )


def test_long_loops_and_many_back_edges():
    check(
        """
        def sieve(n):
            flags = [True] * n
            flags[0:2] = [False, False]
            for i in range(2, int(n ** 0.5) + 1):
                if flags[i]:
                    for j in range(i * i, n, i): flags[j] = False
            return sum(flags)
        def collatz(n):
            steps = 0
            while n != 1:
                n = n // 2 if n % 2 == 0 else 3 * n + 1
                steps += 1
            return steps
        def matrix(n):
            a = [[i * j for j in range(n)] for i in range(n)]
            return [[sum(a[i][k] * a[k][j] for k in range(n)) for j in range(n)] for i in range(n)][-1]
        def text(n):
            counts = {}
            for i in range(n):
                for c in str(i): counts[c] = counts.get(c, 0) + 1
            return sorted(counts.items())
        """,
        "sieve(300) ;; collatz(27) ;; collatz(2**80) ;; matrix(5) ;; text(200) ;; collatz(7.0)",
    )


def test_big_jumps():
    """Bodies so long that jumps need EXTENDED_ARG, forwards and backwards."""
    body = "\n".join(f"            t += i * {k} if t % {k + 2} else i" for k in range(120))
    check(
        f"""
        def f(n):
            t = 0
            for i in range(n):
                if i == 5: continue
                if i == 9: break
{body.replace("            t", "                t")}
            else:
                t += 1000
            while t > 0:
                t -= 10**6
{body.replace("            t", "                t").replace("i ", "1 ").replace("else i", "else 1")}
                if t < -10**9: break
            return t
        """,
        "f(3) ;; f(12) ;; f(0)",
    )
