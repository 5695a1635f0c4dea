"""Random programs behave as in the interpreter; and the fuzzer finds, isolates and shrinks what does not."""

from __future__ import annotations

import random
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fuzz import __main__ as fuzz
from tests.fuzz import runner
from tests.fuzz.generate import generate
from tests.fuzz.runner import MODES, PLAIN, Mode, compare, make_mode, plain_logs
from tests.fuzz.shrink import shrink

SEED = 20_000
PROGRAMS = 30
FEW = 6
SLOW_MODES = ("collections", "jettison")
COMPILED = {"no-memory": -1, "small-budget": 1}
"""A mode compiles more functions per program than this, others more than 5."""


@pytest.fixture(scope="module")
def fixed() -> tuple[list[str], runner.Plain]:
    """The same random programs in every mode, and what the interpreter says to them."""
    programs = [generate(SEED + i) for i in range(PROGRAMS)]
    return programs, plain_logs(programs)


@pytest.mark.parametrize("name", MODES)
def test_random_programs(name: str, fixed: tuple[list[str], runner.Plain]) -> None:
    programs, logs = fixed
    count = FEW if name in SLOW_MODES else PROGRAMS
    mode = make_mode(name, random.Random(SEED))
    findings, happened = compare(mode, programs[:count], logs[:count], timeout=240)
    assert not findings, "\n".join(map(str, findings))
    assert happened["compiled"] > COMPILED.get(name, 5) * count
    assert not runner.idle(name, happened), happened


def test_random_programs_do_something(fixed: tuple[list[str], runner.Plain]) -> None:
    """Few are left out, and calls return values, raise, log, and are traced."""
    _, logs = fixed
    kept = [log for log in logs if log is not None]
    assert len(kept) >= 0.8 * PROGRAMS  # some take too long where others use the processor
    lines = [line for log in kept for line in log]
    for start in ("call ", "log ", "del ", "step ", "awaited ", "trace ", "monitor ", "enter ", "profile "):
        assert any(line.startswith(start) for line in lines), start
    returned = sum(line.startswith("call ") and " = " in line for line in lines)
    assert returned > 100


def test_a_seed_is_a_program() -> None:
    assert generate(7) == generate(7) != generate(8)


# ---- it would notice

TELLS = """
import sys
def helper(x):
    return x + 1
for i in range(3):
    log(helper(i))
if 'whipsnake' in sys.modules:
    log('different')
def unused():
    return 1
log(unused())
"""
CRASHES = TELLS.replace("log('different')", "import ctypes; ctypes.string_at(8)")
HANGS = TELLS.replace("log('different')", "while True: pass")
HARMLESS = "log(1)\n"


def everything() -> Mode:
    return make_mode("everything", random.Random(0))


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize(("program", "kind"), [(TELLS, "output"), (CRASHES, "crash")])
def test_a_difference_is_found_and_shrunk(
    program: str, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = fuzz.Run(seconds_to_shrink=600, work=tmp_path)  # ends when nothing gets smaller
    run.batch([HARMLESS, program, HARMLESS], [everything()], 100)
    (finding,) = run.findings
    assert finding.kind == kind and finding.seed == 101
    (shrunk,) = finding.programs
    assert "whipsnake" in shrunk and "unused" not in shrunk and "helper" not in shrunk
    assert runner.differs(everything(), [shrunk], kind)
    saved = (tmp_path / "everything-101.txt").read_text()
    assert shrunk.strip() in saved and "seed 101, mode everything" in saved and "--threshold 0" in saved
    assert saved in capsys.readouterr().out
    row = run.table().splitlines()[-1].split()
    assert row[:3] == ["everything", "3", "1"]


def test_a_hang_is_found() -> None:
    programs = [HARMLESS, HANGS, HARMLESS]
    findings, _ = compare(everything(), programs, plain_logs(programs), timeout=3)
    assert [(found.kind, found.programs[-1]) for found in findings] == [("hang", HANGS)]


def test_a_difference_that_needs_another_program_first() -> None:
    before = "import math, sys\nmath.fuzzed = 'whipsnake' in sys.modules\n"
    program = "import math\nlog(getattr(math, 'fuzzed', False))\n"
    programs = [HARMLESS, before, HARMLESS, program]
    (finding,), _ = compare(everything(), programs, plain_logs(programs))
    small = runner.isolate(finding, runner.judge_of(finding))
    assert small.programs == (before, program)


def test_another_interpreter_is_noticed() -> None:
    """A mode is a command line: one that optimises asserts away differs."""
    program = "def f(x):\n    assert x\n    return 1\ncall(f, 0)\n"
    mode = Mode("optimised", (sys.executable, "-O"))
    assert compare(PLAIN, [program], plain_logs([program]))[0] == []
    assert runner.differs(mode, [program])


def test_slow_programs_are_left_out() -> None:
    programs = ["while True: pass\n", HARMLESS, "x = 'a'\nwhile True: x += x\n"]
    logs = plain_logs(programs)
    assert [log is None for log in logs] == [True, False, True]
    assert compare(everything(), programs, logs)[0] == []


def test_slow_programs_that_swallow_it_are_left_out() -> None:
    swallows = "try:\n    while True: pass\nfinally: raise ValueError(1)"
    assert runner.run_batch(runner.PLAIN, [swallows, "log(1)"]).logs == [None]


def test_garbage_that_runs_code_is_left_out_where_lifetimes_must_not_show() -> None:
    cycle = """
        def ends():
            try:
                me = yield
                yield
            finally:
                log("ends")
        def cycle():
            it = ends()
            next(it)
            it.send(it)
        call(cycle)
        collect()
    """
    programs = [HARMLESS, textwrap.dedent(cycle)]
    seen, hidden = plain_logs(programs), plain_logs(programs, lifetimes=False)
    assert seen[1] is not None and any("ends" in line for line in seen[1])
    assert hidden[0] is not None and hidden[1] is None


def test_ignored_lines() -> None:
    mode = replace(PLAIN, ignored=("trace exception ",))
    assert runner.visible(mode, ["trace exception f", "trace line f"]) == ("trace line f",)


def test_shrinking_keeps_what_is_needed() -> None:
    text = "x = 1\nfor i in range(3):\n    if i:\n        y = [i, x + 2]\n        print(y)\ndef f(a):\n    return a\n"
    small = shrink(text, lambda candidate: "print" in candidate, seconds=10)
    assert small.strip() in ("print", "print(y)", "print()")
