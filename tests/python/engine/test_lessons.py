"""Machine code made for what does not come any more is given up, and made anew for what comes now."""

from __future__ import annotations

import pytest

from .conftest import Script

FUNCTIONS = """
    def total(items):
        t = items[0]
        for x in items:
            t = t + x * x - x
        return t

    def at(container, key):
        return container[key]

    def long(n, change):
        step, t = 1, 0
        for i in range(n):
            if i == change: step = 0.5
            t = t + step
        return t

    INTS = list(range(50))
    FLOATS = [x + 0.5 for x in INTS]
    calls(total, 30, INTS), calls(at, 30, [1, 2], 1), long(500, 400)

    def stats():
        found = whipsnake.stats()
        return found["slow_ops"], found["retired"], found["exits"].get("guard", 0)

    def settles(use):
        "Whether use() comes to do without slow paths."
        for _ in range(100):
            before = stats()[0]
            use()
            if stats()[0] - before < 20: return True
        return False
"""


@pytest.mark.parametrize("enable", ["threshold=20, loop_threshold=100", "threshold=20, loops=False", ""])
def test_types_that_change(script: Script, enable: str) -> None:
    script(
        FUNCTIONS
        + f"""
    def warm(use):
        end = time.monotonic() + 30
        while whipsnake.tier(total) != "baseline" or whipsnake.tier(at) != "baseline":
            use()
            assert time.monotonic() < end
    def ints(): calls(total, 20, INTS), calls(at, 400, [1, 2], 1)
    def floats():
        assert calls(total, 20, FLOATS) == sum(x * x - x for x in FLOATS) + 0.5
        assert calls(at, 400, {{1: "one"}}, 1) == "one"
    whipsnake.enable({enable})
    warm(ints)
    assert settles(ints) and stats()[2] == 0
    assert settles(floats)
    warm(floats)
    assert settles(floats) and 2 <= stats()[2] <= 4, stats()
    assert stats()[2] <= stats()[1] <= 6, stats()  # code that had never run may be another reason
    """
    )


def test_a_loop_that_goes_on(script: Script) -> None:
    """The frame leaves the machine code that is given up, and enters the new one in mid-run."""
    script(
        FUNCTIONS
        + """
    whipsnake.enable(threshold=20, loop_threshold=100)
    calls(long, 30, 500, 400)
    assert whipsnake.tier(long) == "baseline"
    before = stats()
    assert long(60_000, 20_000) == 20_000 + 40_000 / 2
    after = stats()
    assert after[2] - before[2] == 1 and after[0] - before[0] < 5000, (before, after)
    assert whipsnake.tier(long) == "baseline"
    """
    )


def test_what_alternates_is_settled_in_the_end(script: Script) -> None:
    script(
        FUNCTIONS
        + """
    whipsnake.enable(threshold=20, loop_threshold=100)
    for _ in range(12):
        calls(total, 400, INTS)
        calls(total, 400, FLOATS)
    assert 1 <= stats()[1] <= 4, stats()
    assert whipsnake.tier(total) == "baseline"
    before = stats()[0]
    for _ in range(12):
        calls(total, 400, INTS)
        calls(total, 400, FLOATS)
    assert stats()[0] - before < 20 and stats()[1] <= 4, stats()  # it expects nothing any more
    """
    )


def test_guards_that_fail_for_another_reason(script: Script) -> None:
    """Ints too long for machine code are ints all the same: there is nothing to learn, which is found out once; from
    then on nothing is expected."""
    script(
        FUNCTIONS
        + """
    big = 1 << 100
    calls(at, 30, (big, big), 1)
    def add(x, y):
        return x + y - 1
    calls(add, 30, big, big)
    whipsnake.enable(threshold=20)
    calls(add, 200_000, big, big)
    assert stats()[1] <= 2, stats()
    assert settles(lambda: calls(add, 1000, big, big))
    assert whipsnake.tier(add) == "baseline"
    """
    )


def test_marked_functions_learn_too(script: Script) -> None:
    script(
        FUNCTIONS
        + """
    whipsnake.enable(threshold=10**6)
    whipsnake.jit(at)
    calls(at, 100, [1, 2], 1)
    assert whipsnake.tier(at) == "baseline"
    assert settles(lambda: calls(at, 1000, {1: 2}, 1))
    assert whipsnake.tier(at) == "baseline" and stats()[1] == 1
    """
    )


def test_under_stress_nothing_is_learnt(script: Script) -> None:
    """Guards that fail by chance say nothing about types."""
    script(
        FUNCTIONS
        + """
    whipsnake.enable(threshold=20, loop_threshold=100, slow_every=2, stress_seed=2)
    calls(total, 2000, INTS)
    assert stats()[0] > 50_000 and stats()[1] == 0, stats()
    """
    )


def test_what_expects_nothing_is_right(script: Script) -> None:
    """Instructions that have gone generic: results, exceptions and their lines, what lies below on the stack, leaks."""
    script(
        FUNCTIONS
        + """
    import re, traceback
    class Number:
        def __init__(self, value): self.value = value
        def __add__(self, other): return ("sum", self.value, other)
        def __getitem__(self, key): return ("item", self.value, key)
        def __bool__(self): return bool(self.value)
        def __lt__(self, other): raise ValueError(self.value)
        def __len__(self): return self.value
    class Other(Number):
        def __add__(self, other): raise ValueError(self.value)
        def __getitem__(self, key): raise KeyError(key)
    def mixed(a, b, c, key):
        below = (a, b, a + b, [c,
            a + b + 1,
            c[key], a * 2 - b * 0.5,
            True if a else key])
        c[key] = a
        text = "less" if a < b else "more"
        return below, text, len(c), isinstance(a, type(b))
    I = 10**6
    def cases():
        return [
            (1, 2, [3], 0), (1.5, 2, {0: I}, 0), (2**70, 1.5, {"k": 1}, "k"), ("a", "b", [1, 2], -1),
            (0, 0.0, [0], 5), (Number(3), 1, [1], 0), (Other(0), 1, [1], 0), (1, None, [1], 0),
            ([1], [2], bytearray(b"abc"), 1), (1, 2, Other(2), 1), (1, 2, (1,), 0), (0.5, 1e300, [[1]], 0),
            (I, -I, {I: 2}, I), (1, 2, {1: 2}, 7),
        ]
    def outcome(arguments):
        try: return repr(mixed(*arguments))
        except Exception as error:
            return repr(error), [(f.lineno, f.colno) for f in traceback.extract_tb(error.__traceback__)]
    def outcomes(): return [re.sub("0x[0-9a-f]+", "", repr(outcome(case))) for case in cases()]
    expected = outcomes()
    whipsnake.enable(threshold=20, loop_threshold=100)
    for round in range(8000):
        assert outcomes() == expected, round
    assert whipsnake.tier(mixed) == "baseline" and stats()[1] >= 1
    before, blocks = stats()[0], sys.getallocatedblocks()
    for round in range(100): outcomes()
    assert stats()[0] - before < 100, (before, stats())
    assert sys.getallocatedblocks() - blocks < 50
    """
    )


def test_frames_in_code_that_was_made_anew(script: Script) -> None:
    """They leave it, and what was made since is kept."""
    script(
        FUNCTIONS
        + """
    def totals(items):
        while True:
            t = 0
            for x in items: t = t + x * x - x
            yield t
    whipsnake.enable(threshold=20, loop_threshold=100)
    frames = [totals(INTS) for _ in range(4)]
    for _ in range(100): assert [next(frame) for frame in frames] == [total(INTS)] * 4
    assert whipsnake.tier(totals) == "baseline"
    mixed = [1.5, 2, 2**40, 0.25] * 20
    frames += [totals(mixed) for _ in range(4)]
    expected = sum(x * x - x for x in mixed)
    def round(): assert [next(frame) for frame in frames][4:] == [expected] * 4
    for _ in range(1000): round()
    assert settles(round) and 1 <= stats()[1] <= 6, stats()
    assert whipsnake.tier(totals) == "baseline"
    """
    )


@pytest.mark.parametrize("items", [0, 1, 2])
def test_a_receiver_that_has_finished_when_its_site_is_given_up(script: Script, items: int) -> None:
    """What ``yield from`` gives then, and where it goes on, is not as where it is suspended."""
    script(
        FUNCTIONS
        + f"""
    def inner():
        yield 1
        return 2
    def flat(inners):
        for inner in inners:
            result = yield from inner
            yield "end", result
    class Finishes:
        def __init__(self, items): self.items = items
        def __iter__(self): return self
        def __next__(self):
            if not self.items: raise StopIteration("value")
            self.items -= 1
            return self.items
    def expected(n, value): return [*range({items})[::-1], ("end", value)] * n
    def iterators(): return list(flat(iter(range({items})[::-1]) for i in range(1000)))
    def others(): return list(flat(Finishes({items}) for i in range(1000)))
    assert list(flat(inner() for i in range(100))) == [1, ("end", 2)] * 100
    whipsnake.enable(threshold=20, loop_threshold=10**6)
    for _ in range(30): list(flat(inner() for i in range(30)))
    assert whipsnake.tier(flat) == "baseline"
    before = stats()
    for _ in range(12):
        assert iterators() == expected(1000, None)
        assert others() == expected(1000, "value")
    assert stats()[2] > before[2], stats()  # given up, by a guard
    """
    )
