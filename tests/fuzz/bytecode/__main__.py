"""``python -m tests.fuzz.bytecode``: functions with hostile bytecode, interpreted and compiled.

Each mutant is called in a child process, a few times interpreted, then a few times more; in another child it is
compiled in between. If the interpreter alone survives, both must log the same; if not, compiling at least must not
end the process.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import re
import signal
import sys
import time
import types
from dataclasses import dataclass, field

from tests.fuzz.bytecode.mutants import Mutant, mutant
from tests.python.hostile.programs import work

import whipsnake

CALLS = 3
MARK = b"\n--\n"
SECONDS = 3


@dataclass
class Result:
    """What came of a run: mutants by outcome, and the differences."""

    counts: dict[str, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)


def outcome(target: Mutant) -> str:
    """What one call gives, as text without addresses: objects of different processes stand at different ones."""
    return re.sub("0x[0-9a-f]{6,}", "0x...", outcome_with_addresses(target))


def outcome_with_addresses(target: Mutant) -> str:
    """What one call gives, as text."""
    try:
        result = target.function(*target.arguments)
        if isinstance(result, types.GeneratorType):
            result = [item for item, _ in zip(result, range(50), strict=False)]
        elif isinstance(result, types.CoroutineType):
            try:
                while True:
                    result.send(None)
            except StopIteration as stop:
                result = stop.value
        return repr(result)[:2000]
    except BaseException as error:
        lines = []
        entry = error.__traceback__
        while entry is not None and len(lines) < 20:
            lines.append((entry.tb_frame.f_code.co_name, entry.tb_lineno))
            entry = entry.tb_next
        return f"{type(error).__name__} {str(error)[:300]} {lines}"


def plain_child(seed: int, log: int) -> None:
    target = mutant(seed)
    before = references(target)
    for _ in range(2 * CALLS):
        os.write(log, outcome(target).encode("utf-8", "replace") + b"\n")
    # A stack that was too small has become a part of other frames, and what comes of that is chance.
    assert references(target) == before


def references(target: Mutant) -> list[int]:
    """How many there are to each code object of the program: the first thing in a frame to be overwritten."""
    functions = [
        value for value in target.function.__globals__.values() if isinstance(value, types.FunctionType)
    ]
    return [sys.getrefcount(function.__code__) for function in functions]


def compiled_child(seed: int, log: int) -> None:
    target = mutant(seed)
    for _ in range(CALLS):
        os.write(log, outcome(target).encode("utf-8", "replace") + b"\n")
    os.write(log, MARK)
    compile_all(target)
    if declined(target.function.__code__):  # so nothing of ours runs
        os.write(log, b"declined")
        return
    os.write(log, b"compiled" + MARK)
    for _ in range(CALLS):
        os.write(log, outcome(target).encode("utf-8", "replace") + b"\n")


def declined(code: types.CodeType) -> bool:
    """Whether the compiler makes nothing of the code, or of code in it."""
    inner = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return bool(whipsnake._core.measure_compile(code)["declined"]) or any(map(declined, inner))


def making_child(seed: int, log: int) -> None:
    """CPython's constructor reads and writes what the bytecode says, past the end if it says so."""
    target = mutant(seed)
    os.write(log, str(target).encode("utf-8", "replace"))
    gc.collect()
    assert work.run(1)


def compiling_child(seed: int, log: int) -> None:
    target = mutant(seed)
    compile_all(target)
    whipsnake._core.measure_compile(target.function.__code__)


def compile_all(target: Mutant) -> None:
    """The function, and those that it defines or that its program has."""
    for value in target.function.__globals__.values():
        if isinstance(value, types.FunctionType):
            whipsnake.compile(value)
    for const in target.function.__code__.co_consts:
        if isinstance(const, types.CodeType) and not const.co_freevars:
            whipsnake.compile(types.FunctionType(const, target.function.__globals__))


def in_child(action, seed: int) -> tuple[int, str]:  # type: ignore[no-untyped-def]
    """Exit code (0: good), and what the child has written."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        signal.alarm(SECONDS)
        os.close(read)
        try:
            action(seed, write)
        except BaseException:
            os._exit(3)
        os._exit(0)
    os.close(write)
    with os.fdopen(read, errors="replace") as file:
        text = file.read()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text


def try_out(seed: int, result: Result) -> None:
    """One mutant."""

    def count(what: str) -> None:
        result.counts[what] = result.counts.get(what, 0) + 1

    code, expected = in_child(plain_child, seed)
    if code == -signal.SIGALRM:
        count("endless")
        return
    if code != 0:
        count("the interpreter does not survive")
        code, _ = in_child(compiling_child, seed)
        made, what = in_child(making_child, seed)
        if code not in (0, 3) and made == 0:
            result.findings.append(f"{seed}: compiling ends with {code}: {what}")
        return
    # What is undefined may come out differently each time.
    if in_child(plain_child, seed) != (0, expected):
        count("different each time")
        return
    code, text = in_child(compiled_child, seed)
    before, tier, after = (text + 2 * MARK.decode()).split(MARK.decode())[:3]
    half = "".join(expected.splitlines(True)[:CALLS])
    if before != half:  # nothing was compiled yet
        count("different each time")
        return
    count(tier if code == 0 else "crash")
    if code == 0 if tier == "declined" else code == 0 and before + after == expected:
        return
    what = in_child(making_child, seed)[1]
    result.findings.append(f"{seed}: exit code {code}: {what}\n-- expected\n{expected}-- got\n{text}")


def run(seed: int, count: int | None, seconds: float) -> Result:
    """Mutants from *seed* on: *count* of them, or as many as *seconds* allow."""
    whipsnake.enable(threshold=2**31 - 1, loop_threshold=2**31 - 1, loops=False)
    result = Result()
    end = time.monotonic() + seconds
    tried = 0
    while tried < count if count is not None else time.monotonic() < end:
        try_out(seed + tried, result)
        tried += 1
    whipsnake.disable()
    return result


def main() -> int:
    """Returns 0 when there is no finding."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.bytecode", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--count", type=int)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    result = run(arguments.seed, arguments.count, arguments.minutes * 60)
    for finding in result.findings:
        print(finding)
    for what, number in sorted(result.counts.items()):
        print(f"{what:34} {number:7}")
    print(f"{'findings':34} {len(result.findings):7}")
    return 1 if result.findings else 0


if __name__ == "__main__":
    sys.exit(main())
