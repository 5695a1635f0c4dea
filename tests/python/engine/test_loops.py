"""Loops that the interpreter is already running."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import python

from .conftest import Script

PROGRAM = Path(__file__).with_name("programs") / "loops.py"


@pytest.mark.parametrize("entry", ["vectorcall", "pep523"])
@pytest.mark.parametrize(
    ("threshold", "loop_threshold"), [(10**6, 0), (10**6, 20), (3, 20), (0, 0), (10**6, 250)]
)
def test_every_way_in_and_out(entry: str, threshold: int, loop_threshold: int, tmp_path: Path) -> None:
    options = {"entry": entry, "threshold": str(threshold), "loop_threshold": str(loop_threshold)}
    report = tmp_path / "report.json"
    expected = python(PROGRAM)
    assert expected.code == 0 and not expected.stderr, expected
    got = python(PROGRAM, options=options, report=report)
    assert got == expected
    assert not threshold or not got.stats or got.stats["loops_entered"] > 20, got.stats


def test_module_level_loop_is_entered_in_mid_run(script: Script) -> None:
    script("""
        whipsnake.enable(loop_threshold=100)
        exec("total = 0\\nfor i in range(20000):\\n    total += i", globals())
        assert total == 199990000
        stats = whipsnake.stats()
        assert stats["loops_entered"] == 1, stats
    """)


def test_loop_that_was_running_before_enable(script: Script) -> None:
    script("""
        def run(n):
            s = 0
            for i in range(n):
                s += i
                if i == 10:
                    whipsnake.enable(loop_threshold=100)
            return s
        assert run(10000) == 49995000
        assert whipsnake.stats()["loops_entered"] == 1 and whipsnake.tier(run) == "baseline"
    """)


def test_tool_id_taken(script: Script) -> None:
    script("""
        M.use_tool_id(5, "theirs")
        whipsnake.enable(threshold=5, loop_threshold=10)
        def f(n):
            for i in range(n): pass
            return i
        assert f(1000) == 999
        stats = whipsnake.stats()
        assert stats["loops_entered"] == 0
        assert stats["unavailable"] == {"loops": "sys.monitoring tool id 5 is taken"}
        calls(f, 10, 3)
        assert whipsnake.tier(f) == "baseline"
        whipsnake.disable()
        assert M.get_tool(5) == "theirs"
        M.free_tool_id(5)
        whipsnake.enable(threshold=10**6, loop_threshold=10)
        assert M.get_tool(5) == "whipsnake"
        def g(n):
            for i in range(n): pass
            return i
        g(1000)
        assert whipsnake.stats()["loops_entered"] == 1
        M.free_tool_id(5)                 # rude, but survived
        M.use_tool_id(5, "late")
        def h(n):
            for i in range(n): pass
            return i
        assert h(1000) == 999
        whipsnake.disable()
        assert M.get_tool(5) == "late"
    """)


def test_loop_events_end_when_code_is_declined(script: Script) -> None:
    script("""
        whipsnake.enable(threshold=10**6, loop_threshold=50, code_heap="fail")
        def f(n):
            s = 0
            for i in range(n): s += i
            return s
        f(30)
        assert M.get_local_events(5, f.__code__) == M.events.JUMP
        f(30)
        assert whipsnake.tier(f) == "declined" and M.get_local_events(5, f.__code__) == 0
    """)


def test_exits_lead_back_into_compiled_code(script: Script) -> None:
    script("""
        whipsnake.enable(threshold=10**6, loop_threshold=50)
        M.use_tool_id(1, "other")
        M.register_callback(1, M.events.LINE, lambda *a: None)
        def f(n):
            s = 0
            for i in range(n):
                s += i
                if i % 1000 == 999:
                    M.set_local_events(1, f.__code__, M.events.LINE)
                    M.set_local_events(1, f.__code__, 0)
            return s
        assert f(20000) == 199990000
        entered = whipsnake.stats()["loops_entered"]
        assert entered >= 15, entered
    """)


def test_generator_bodies_do_not_pay_for_every_value(script: Script) -> None:
    script("""
        whipsnake.enable(threshold=10**6, loop_threshold=50)
        def values(n):
            for i in range(n):
                yield i
        def consume(n):
            s = 0
            for x in values(n): s += x
            return s
        whipsnake.nojit(consume)
        assert consume(100000) == 4999950000
        assert whipsnake.stats()["loops_entered"] < 1000, whipsnake.stats()
    """)


def test_other_tools_keep_their_events(script: Script) -> None:
    script("""
        seen = []
        M.use_tool_id(2, "other")
        M.register_callback(2, M.events.JUMP, lambda code, a, b: seen.append(b < a))
        whipsnake.enable(threshold=10**6, loop_threshold=20)
        def f(n):
            for i in range(n):
                if i % 2: continue
            return i
        def count(n):
            seen.clear()
            f(n)
            return seen.count(True)
        assert count(500) == 0 and whipsnake.tier(f) == "baseline"
        M.set_local_events(2, f.__code__, M.events.JUMP)
        assert count(500) == 500
        assert M.get_local_events(2, f.__code__) == M.events.JUMP
        whipsnake.disable()
        assert count(500) == 500 and M.get_local_events(2, f.__code__) == M.events.JUMP
        whipsnake.enable(threshold=0, loop_threshold=0)
        assert count(500) == 500  # set before we came
        M.set_local_events(2, f.__code__, 0)
        entries = whipsnake.stats()["entries"]
        assert count(500) == 0 and whipsnake.stats()["entries"] > entries
    """)


def test_enabling_below_a_class_call_of_the_interpreter(script: Script) -> None:
    """The interpreter runs ``__init__`` above a frame of its own, whose code is in read-only memory."""
    script("""
        class Thing:
            def __init__(self, act): act()
        def make(act): return Thing(act)
        for _ in range(100): make(int)
        make(lambda: whipsnake.enable(threshold=20, loop_threshold=20))
        assert whipsnake.is_enabled()
        calls(make, 100, int)
        assert whipsnake.tier(make) == "baseline"
    """)
