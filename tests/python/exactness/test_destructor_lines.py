"""Destructors that run inside compiled code see the line of the instruction that released the object."""

from support import check


def test_lines_seen_by_destructors():
    check(
        """
        import sys
        class Noisy:
            def __init__(self, n): self.n = n
            def __del__(self): log.append((self.n, sys._getframe(1).f_lineno))
            def method(self): return 1
            def __iter__(self): return self
            def __next__(self):
                if self.n == 0: raise StopIteration
                self.n -= 1
                return self.n
        def loop(n):
            total = 0
            for x in Noisy(n):
                total += 1
            return total
        def bound(n):
            return [
                Noisy(n).method(),
                len([Noisy(n)]),
            ]
        def over_list(n):
            for x in [Noisy(i) for i in range(n)]:
                pass
            x = None
            return n
        """,
        "loop(0)",
        "loop(3)",
        "bound(1)",
        "over_list(2)",
    )
