"""Stress: every switch makes happen what it is for, the program's results stay, and off it leaves no trace."""

from __future__ import annotations

import textwrap

import pytest

from whipsnake.options import FAMILIES

from .conftest import Script

PROGRAM = """
    class Point:
        def __init__(self, x): self.x = x
        def move(self, by, *, twice=False):
            self.x = self.x + by
            return [self.x, by]
    def numbers(n):
        for i in range(n):
            yield i * 2
    def work(n):
        total, items = 0, [1, 2.5, 3]
        def add(x):
            nonlocal total
            total = total + x
        for i in numbers(n):
            a, b = Point(i).move(i + 1)
            add(a * b + items[i % 3])
            items[i % 3] = b
            try:
                if i % 7 == 0: raise ValueError(i)
            except ValueError as error:
                total += len(error.args)
            if not items or total > 10**9: total = 0
        return total, items
"""


def run(script: Script, options: str, then: str) -> None:
    """Run the work plain and under *options*, compare, and look at what is in ``stats`` and ``happened`` then."""
    script(
        textwrap.dedent(PROGRAM)
        + textwrap.dedent(f"""
            want = work(400)
            whipsnake.enable(threshold=0, loop_threshold=0, stress_seed=7, {options})
            assert all(work(400) == want for _ in range(8))
            stats = whipsnake.stats()
            assert stats["functions_compiled"] >= 5, stats
            happened = stats.get("stress", {{}})
            {then}
        """)
    )


def test_exits(script: Script) -> None:
    run(script, "exit_every=5", "assert stats['exits']['stress'] > 1000, stats")


def test_exits_at_every_instruction(script: Script) -> None:
    run(script, "exit_every=1", "assert stats['exits']['stress'] > 1000, stats")


def test_guards(script: Script) -> None:
    run(script, "slow_every=2", "assert happened['guards failed'] > 1000 and stats['slow_ops'] > 1000, stats")


def test_jettison(script: Script) -> None:
    then = "assert happened['jettisons'] > 50 and happened['code freed'] > 50, stats"
    run(script, "jettison_every=40", then)


def test_jettison_under_frozen_functions(script: Script) -> None:
    """What gc.freeze() has put aside nobody can find to tell it that its machine code is gone: that stays, then."""
    script("""
        import gc
        names = [f"f{i}" for i in range(40)]
        for i, name in enumerate(names):
            exec(f"def {name}(x, *rest): y = x + {i}; return y, rest, [{i}] * {i % 7}")
        functions = [globals()[name] for name in names]
        def right():
            return all(f(1, 2) == (1 + i, (2,), [i] * (i % 7)) for i, f in enumerate(functions))
        def happened(): return whipsnake.stats()["stress"]
        def rounds(n):
            before = happened()
            assert all(right() for _ in range(n))
            return [happened()[what] - before[what] for what in ("jettisons", "code freed")]
        whipsnake.enable(threshold=0, loop_threshold=0, jettison_every=7, stress_seed=5)
        gc.freeze()
        frozen = rounds(100)
        gc.unfreeze()
        found = rounds(100)
        assert frozen[0] > 100 and frozen[1] == 0 and found[0] > 100 and found[1] > 100, (frozen, found)
    """)


def test_collections(script: Script) -> None:
    run(script, "gc='each-call'", "assert happened['collections'] > 1000, stats")


def test_no_caches(script: Script) -> None:
    run(script, "caches=False", "assert stats['cache_hits'] == 0 and stats['slow_ops'] > 1000, stats")


@pytest.mark.parametrize("family", FAMILIES)
def test_without_a_family(script: Script, family: str) -> None:
    """The fast paths of that family are not in the machine code, those of all others are."""
    run(script, f"without={family!r}", "")
    script(f"""
        def size(function, **options):
            whipsnake.enable(threshold=2**31 - 1, loop_threshold=2**31 - 1, **options)
            whipsnake.compile(function)
            return len(whipsnake._core.machine_code(function)["code"])
        def attributes(x): return x.a
        def calls(x): return x(1)
        def containers(x): return x[0]
        def globals(x): return attributes
        def iteration(x):
            for y in x: pass
        def numbers(x): return x + x
        def truth(x): return 1 if x else 2
        t = type("T", (), dict(a=1))()
        for function, argument in [(attributes, t), (calls, lambda x: x), (containers, [1]), (globals, 1),
                                   (iteration, [1, 2]), (numbers, 2), (truth, 2)]:
            for _ in range(8): function(argument)
            changed = size(function) != size(function, without={family!r})
            assert changed == (function.__name__ == {family!r}), function
    """)


def test_everything_at_once(script: Script) -> None:
    options = f"exit_every=50, slow_every=5, jettison_every=300, caches=False, without='{FAMILIES[0]},{FAMILIES[-1]}'"
    run(script, options, "assert happened['jettisons'] > 5 and stats['exits']['stress'] > 100, stats")


def test_the_same_seed_does_the_same(script: Script) -> None:
    """(Without loops that are entered in mid-run, which depends on the clock.)"""

    def exits(seed: int) -> str:
        return script(f"""
            def f(n):
                total = 0
                for i in range(n): total = total + i * i
                return total
            whipsnake.enable(threshold=0, loops=False, exit_every=30, stress_seed={seed})
            for _ in range(2000): f(20)
            print(whipsnake.stats()["exits"]["stress"])
        """)

    assert exits(3) == exits(3)
    assert len({exits(seed) for seed in range(4)}) > 1


def test_a_seed_by_chance_is_told(script: Script) -> None:
    script("""
        import contextlib, io, re
        def told(**options):
            with contextlib.redirect_stderr(io.StringIO()) as stream:
                whipsnake.enable(**options)
            return stream.getvalue()
        assert re.fullmatch(r"whipsnake: --stress-seed \\d+\\n", told(exit_every=1000))
        assert told(exit_every=1000, stress_seed=4) == told() == told(caches=False) == ""
    """)


def test_off_leaves_no_trace(script: Script) -> None:
    """The machine code after stress is that from before it."""
    script("""
        def f(x):
            total = 0
            for y in x: total += y.a + len(x)
            return total
        def code(**options):
            whipsnake.enable(threshold=2**31 - 1, loop_threshold=2**31 - 1, **options)
            whipsnake.compile(f)
            return len(whipsnake._core.machine_code(f)["code"])
        before = code()
        under = code(exit_every=3, slow_every=3, jettison_every=3, gc="each-call", stress_seed=1)
        assert code() == before < under
        assert "stress" not in whipsnake.stats()
    """)


def test_helpers_fail(script: Script) -> None:
    """Each call of a helper in turn; the exception is at the line, and the next call works."""
    script("""
        from whipsnake import _core
        def f(x):
            a = [x, x]
            b = {"k": a}
            return f"{x}{len(b)}"
        whipsnake.enable(threshold=0, fail_every=2**31 - 1, stress_seed=1)
        f(1)
        before = _core.fail_helper_in(0)
        f(1)
        calls = _core.fail_helper_in(0) - before
        assert calls >= 4
        lines = set()
        for at in range(1, calls + 1):
            _core.fail_helper_in(at)
            try:
                f(1)
            except MemoryError as error:
                lines.add(error.__traceback__.tb_next.tb_lineno - f.__code__.co_firstlineno)
            else:
                raise AssertionError(at)
            assert f(1) == "11"
        assert lines == {1, 2, 3}, lines
    """)


def test_families_have_the_same_names_everywhere(script: Script) -> None:
    script(f"""
        from whipsnake import _core
        try:
            _core.enable({{"without": "nonsense"}})
        except ValueError as error:
            assert str(error).endswith("allowed: none, {", ".join(FAMILIES)}"), error
        else:
            raise AssertionError
    """)
