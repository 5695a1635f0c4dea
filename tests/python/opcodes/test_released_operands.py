"""Operands that die inside an instruction run destructors: compiled code that has slow paths and errors of its own."""

from support import check


def test_destructors_do_not_disturb_the_answer():
    check(
        """
        class Noisy:
            def __init__(self, n): self.n = n
            def __del__(self):
                for value in (1, 'one', 1.0, None):
                    try:
                        value + 1
                        value.missing
                    except (TypeError, AttributeError):
                        pass
            def __eq__(self, other): return self.n == other.n
            __hash__ = None
            def __bool__(self): return self.n > 0
        def same(): return Noisy(1) is Noisy(1)
        def branch_same(): return 'yes' if Noisy(1) is not Noisy(2) else 'no'
        def equal(n): return Noisy(n) == Noisy(1)
        def branch_equal(n):
            if Noisy(n) == Noisy(1): return 'equal'
            return 'different'
        def truth(n): return 'true' if Noisy(n) else 'false'
        def contained(n): return Noisy(n) in [Noisy(1), Noisy(2)]
        """,
        "same()",
        "branch_same()",
        *(f"{f}({n})" for f in ("equal", "branch_equal", "truth", "contained") for n in (0, 1, 2)),
    )
