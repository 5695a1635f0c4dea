"""What the Python tests share: comparing compiled code with the interpreter, here and in fresh processes.

Three ways to compare, from small to large:

* :func:`check` runs calls into a piece of source, interpreted and compiled, and compares everything that a
  caller can see of each call: value, exception with every position of its traceback, log, reference counts.
* :func:`hot` makes one function compiled, for tests that look at one thing by hand.
* :func:`plain_and_jit` runs a whole program in fresh processes and compares output, errors and exit code.

In this process Whipsnake is enabled with a threshold that is never reached (:func:`enabled`): machine code is
only what the test asked for, so that a wrong answer points at the code under test.
"""

from __future__ import annotations

import builtins
import contextlib
import gc
import itertools
import json
import linecache
import math
import os
import re
import subprocess
import sys
import textwrap
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import whipsnake

ENGINE = os.environ.get("WHIPSNAKE") or "baseline"
"""The engine under test."""

F = TypeVar("F", bound=Callable[..., Any])

NEVER = 2**31 - 1
"""A threshold that no test reaches."""

# ---- what a value, an exception, a call looks like from outside


def describe(value: object, depth: int = 12) -> str:
    """Text that is equal for two values exactly if a program could hardly tell them apart."""
    return _describe(value, depth, {})


_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_NAMED = (type, types.FunctionType, types.BuiltinFunctionType, types.MethodDescriptorType)


def _describe(value: object, depth: int, seen: dict[int, tuple[int, object]]) -> str:
    kind = type(value)
    if kind in (int, bool, str, bytes, type(None), type(...), range, complex, bytearray):
        return _ADDRESS.sub("", repr(value))
    if kind is float:
        assert isinstance(value, float)
        return repr(value) if value == value else f"nan({math.copysign(1.0, value):+.0f})"
    if issubclass(kind, _NAMED):
        return f"<{kind.__name__} {value.__qualname__}>"
    if issubclass(kind, types.ModuleType):  # holds half of the process
        return f"<module {getattr(value, '__name__', '?')}>"
    if id(value) in seen:
        return f"<again {seen[id(value)][0]}>"
    if depth == 0:
        return f"<{kind.__qualname__} ...>"
    seen[id(value)] = len(seen), value  # kept alive, or its id could come again

    def inner(part: object) -> str:
        return _describe(part, depth - 1, seen)

    if issubclass(kind, BaseException):
        return _describe_exception(value, depth, seen)
    if kind in (list, tuple):
        assert isinstance(value, (list, tuple))
        return f"{kind.__name__}[" + ", ".join(map(inner, value)) + "]"
    if kind in (set, frozenset):
        assert isinstance(value, (set, frozenset))
        return f"{kind.__name__}{{" + ", ".join(sorted(map(inner, value))) + "}"
    if kind in (dict, types.MappingProxyType):
        assert isinstance(value, Mapping)
        return f"{kind.__name__}{{" + ", ".join(f"{inner(k)}: {inner(v)}" for k, v in value.items()) + "}"
    if issubclass(kind, types.MethodType):
        return f"<method {value.__func__.__qualname__} of {inner(value.__self__)}>"
    if issubclass(kind, types.CellType):
        try:
            return f"<cell {inner(value.cell_contents)}>"
        except ValueError:
            return "<empty cell>"
    if issubclass(kind, (list, tuple, dict, set, frozenset, int, str, float, bytes)):
        base = next(cls for cls in kind.__mro__ if cls.__module__ == "builtins")
        return f"<{kind.__qualname__} {inner(base(value))} {inner(_attributes(value))}>"
    if _attributes(value):
        return f"<{kind.__qualname__} {inner(_attributes(value))}>"
    if kind.__module__ == "checked" or kind.__repr__ is object.__repr__:
        return f"<{kind.__qualname__}>"
    return _ADDRESS.sub("", repr(value))


def _attributes(value: object) -> dict[str, object]:
    """Instance attributes, read without running code of the instance's class."""
    try:
        found = dict(object.__getattribute__(value, "__dict__"))
    except AttributeError:
        found = {}
    for cls in type(value).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if isinstance(cls.__dict__.get(name), types.MemberDescriptorType):
                try:
                    found[name] = cls.__dict__[name].__get__(value)
                except AttributeError:
                    pass
    return found


def positions(error: BaseException, skip: Iterable[str] = ()) -> list[tuple[object, ...]]:
    """Every entry of an exception's traceback: function, lines and columns of the failing instruction."""
    found = []
    entry = error.__traceback__
    while entry is not None:
        code = entry.tb_frame.f_code
        if code.co_filename not in skip:
            where = next(itertools.islice(code.co_positions(), entry.tb_lasti // 2, None), None)
            found.append((code.co_name, entry.tb_lineno, where))
        entry = entry.tb_next
    return found


def _describe_exception(error: BaseException, depth: int, seen: dict[int, tuple[int, object]]) -> str:
    def inner(part: object) -> str:
        return _describe(part, depth - 1, seen)

    text = _ADDRESS.sub("", str(error))
    lines = [f"{type(error).__qualname__}{inner(error.args)} {text!r}"]
    for name in ("name", "obj", "key", "value", "code", "__notes__", "exceptions"):
        if hasattr(error, name):
            lines.append(f"{name}={inner(getattr(error, name))}")
    for name, line, where in positions(error, (CALL, __file__)):
        lines.append(f"in {name} line {line} at {where}")
    entry = error.__traceback__
    while entry is not None:
        code = entry.tb_frame.f_code
        if code.co_filename.startswith("<check") and code.co_flags & 0x1:  # a function, not a namespace
            lines.append(f"locals {inner(dict(entry.tb_frame.f_locals))}")
        entry = entry.tb_next
    if error.__cause__ is not None:
        lines.append(f"cause ({inner(error.__cause__)})")
    if error.__context__ is not None:
        lines.append(f"context ({inner(error.__context__)}) suppressed={error.__suppress_context__}")
    return "\n    ".join(lines)


# ---- compiling on request


@contextlib.contextmanager
def enabled(**options: str | int | bool) -> Iterator[None]:
    """Whipsnake is enabled, and compiles nothing but what a test asks for (unless *options* say otherwise).

    Options that are given nowhere come from the environment: WHIPSNAKE_ENTRY=pep523 runs the tests that way.
    """
    quiet: dict[str, str | int | bool] = {"threshold": NEVER, "loop_threshold": NEVER, "loops": False}
    whipsnake.enable(engine=ENGINE, **{**quiet, **options})
    try:
        yield
    finally:
        whipsnake.disable()


def made(source: str) -> Callable[..., object]:
    """Return the function `f` that *source* defines."""
    namespace: dict[str, object] = {}
    exec(compile(source, "<made>", "exec"), namespace)
    function = namespace["f"]
    assert isinstance(function, types.FunctionType)
    return function


def outcome(function: Callable[..., object], *arguments: object) -> str:
    """Return what *function* answers, or raises, in words."""
    try:
        return describe(function(*arguments))
    except Exception as error:
        return f"{type(error).__name__} {error}"


def hot(function: F, *args: object, calls: int = 6) -> F:
    """Call *function* so that the interpreter specialises it, and compile it."""
    for _ in range(calls):
        function(*args)
    compile_tree(function)
    return function


def compile_tree(function: Callable[..., Any], strict: bool = True) -> None:
    """Compile *function* and the functions, generators and comprehensions written inside it.

    Raises:
        AssertionError: one of them was declined (if *strict*).
    """
    plain = getattr(function, "__func__", function)
    assert isinstance(plain, types.FunctionType), plain
    whipsnake.compile(plain)
    tier = whipsnake.tier(plain)
    assert tier == ENGINE or not strict, f"{plain.__qualname__}: {tier}: {whipsnake.why(plain)}"
    for code in plain.__code__.co_consts:
        if isinstance(code, types.CodeType) and code.co_flags & 0x1:  # CO_OPTIMIZED: not a class body
            cells = tuple(types.CellType() for _ in code.co_freevars)
            compile_tree(types.FunctionType(code, plain.__globals__, closure=cells), strict)


def functions_of(namespace: Mapping[str, object]) -> Iterator[types.FunctionType]:
    """Functions that the source of *namespace* defined, methods and what decorators wrap included."""
    seen: set[int] = set()
    todo = list(namespace.values())
    while todo:
        value = todo.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, types.FunctionType):
            if value.__code__.co_filename.startswith("<check"):
                yield value
            todo += [getattr(value, "__wrapped__", None), *_cells(value)]
        elif isinstance(value, type) and value.__module__ == "checked":
            todo += [type(value), *vars(value).values()]
        elif isinstance(value, (staticmethod, classmethod, types.MethodType)):
            todo.append(value.__func__)
        elif isinstance(value, property):
            todo += [value.fget, value.fset, value.fdel]


def _cells(function: types.FunctionType) -> Iterator[object]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:
            pass


# ---- check(): source and calls, interpreted and compiled

CALL = "<call>"
WARM = 6
"""Calls before compiling: the interpreter specialises at the second."""
AGAIN = 3

_numbers = itertools.count(1)


def check(
    source: str, *calls: str, warm: Sequence[int] | None = None, leaks: bool = True, all_compiled: bool = True
) -> None:
    """Compare compiled code with the interpreter on *source*.

    The source is executed afresh for each run, so that caches, classes and types are new; *calls* are
    expressions over its names.  One run compiles everything the source defines before the first call.  The
    others make one of the calls a few times, so that the interpreter specialises for it, and then compile.
    Then all calls are made, twice, so that the guards meet what they were not made for, and the first one
    again.  In the last run functions and loops are compiled when they get hot by themselves.  The interpreter
    makes the same calls in the same order, and each must look the same from outside.

    Names at the source's disposal: ``log`` (a list, compared after each call), ``run`` (drives a coroutine).

    Args:
        source: statements; indentation in common is removed.
        calls: expressions, evaluated anew each time; several in one string are separated by ;; or on lines.
        warm: indexes of the calls to specialise for; all by default.
        leaks: whether reference counts of the source's global objects are compared after each call.
        all_compiled: whether each function of the source must be compiled; else one is enough.
    """
    calls = tuple(call.strip() for text in calls for call in re.split(r"\n|;;", text) if call.strip())
    filename = f"<check {next(_numbers)}>"
    text = textwrap.dedent(source).strip("\n") + "\n"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    code = [compile(call, CALL, "eval") for call in calls]
    everything = list(range(len(calls)))
    sequences = [("compiled cold", [], [0] * AGAIN + everything * 2 + [0])]
    for i in everything if warm is None else warm:
        sequences.append((f"specialised for {calls[i]}", [i] * WARM, [i] * AGAIN + everything * 2 + [i]))
    sequences.append((HOT, [], everything * 5))
    for how, before, after in sequences:
        plain = _Run(text, filename, code, leaks)
        expected = [plain.call(step) for step in before + after]
        run = _Run(text, filename, code, leaks)
        got = [run.call(step) for step in before]
        with enabled(**({"threshold": 2, "loop_threshold": 3, "loops": True} if how == HOT else {})):
            if how != HOT:
                run.compile(all_compiled)
            got += [run.call(step) for step in after]
        for step, want, have in zip(before + after, expected, got, strict=True):
            if have != want:
                both = f"--- interpreted ---\n{want}\n--- compiled ---\n{have}\n--- source ---\n{text}"
                raise AssertionError(f"{calls[step]} differs, {how}\n{both}")


HOT = "compiled when hot"


class _Run:
    """A source executed in a namespace of its own, and calls into it."""

    def __init__(self, text: str, filename: str, calls: Sequence[types.CodeType], leaks: bool) -> None:
        self.namespace: dict[str, Any] = {"__name__": "checked", "__builtins__": builtins}
        self.namespace |= {"log": [], "run": run_coroutine}
        self.calls = calls
        self.leaks = leaks
        exec(compile(text, filename, "exec", dont_inherit=True), self.namespace)

    def compile(self, all_compiled: bool) -> None:
        """Compile the functions that the source has defined."""
        functions = list(functions_of(self.namespace))
        for function in functions:
            compile_tree(function, strict=all_compiled)
        assert any(whipsnake.tier(function) == ENGINE for function in functions), "no function was compiled"

    def call(self, step: int) -> str:
        """Make a call: what it returned or raised, logged, and did to reference counts."""
        return _call(self.calls[step], self.namespace, self.leaks)


def _call(call: types.CodeType, namespace: dict[str, Any], leaks: bool) -> str:
    before = _counts(namespace) if leaks else {}
    try:
        seen = describe(eval(call, namespace))
    except BaseException as error:
        seen = describe(error)
        error.__traceback__ = None
        del error
    if namespace["log"]:
        seen += f"\nlog: {describe(namespace['log'])}"
        namespace["log"].clear()
    after = _counts(namespace) if leaks else {}
    moved = {name: count - before[name] for name, count in after.items() if count != before.get(name, count)}
    return seen + (f"\nreference counts: {moved}" if moved else "")


_CODE = (type, types.FunctionType, types.ModuleType, types.BuiltinFunctionType)
_UNCOUNTED = (*_CODE, int, str, float, tuple, type(None))


def _counts(namespace: dict[str, Any]) -> dict[str, int]:
    return {
        name: sys.getrefcount(value)
        for name, value in namespace.items()
        if not isinstance(value, _UNCOUNTED) and name not in ("__builtins__", "log")
    }


def run_coroutine(coroutine: Any, *sent: object) -> tuple[object, list[object]]:
    """Drive a coroutine to its end without an event loop: its value, and what it yielded on the way."""
    yielded = []
    values = iter(sent)
    try:
        yielded.append(coroutine.send(None))
        while True:
            yielded.append(coroutine.send(next(values, None)))
    except StopIteration as stop:
        return stop.value, yielded


# ---- whole programs

REPORTING = Path(__file__).with_name("reporting")

MODES: dict[str, dict[str, str]] = {
    "everything": {"threshold": "0", "loop_threshold": "0"},
    "evaluator": {"threshold": "0", "loop_threshold": "0", "entry": "pep523"},
    "tier-up": {"threshold": "3", "loop_threshold": "20"},
}
"""Ways to compile a program, by name: options of the command ``whipsnake``."""


@dataclass(frozen=True)
class Ran:
    """What one run of a program left behind."""

    stdout: str
    stderr: str
    code: int
    stats: dict[str, Any] = field(default_factory=dict, compare=False)
    """Whipsnake's statistics at exit; empty when the process ended without one, or ran plain."""

    def __str__(self) -> str:
        return f"exit code {self.code}\n-- stdout\n{_ends(self.stdout)}\n-- stderr\n{_ends(self.stderr)}"


def _ends(text: str, limit: int = 6000) -> str:
    return text if len(text) <= limit else f"{text[: limit // 2]}\n[...]\n{text[-limit // 2 :]}"


def python(
    *command: str | Path,
    options: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    timeout: float = 60,
    report: Path | None = None,
) -> Ran:
    """Run ``python *command`` in a fresh process, under ``whipsnake`` with *options* if they are not None."""
    ours = ("WHIPSNAKE", "_WHIPSNAKE")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environ |= {"PYTHONHASHSEED": "0", "PYTHONPATH": str(REPORTING), "PYTHONDONTWRITEBYTECODE": "1"}
    if report is not None:
        environ["WHIPSNAKE_TEST_REPORT"] = str(report)
    environ |= env or {}
    launcher: list[str] = []
    if options is not None:
        launcher = ["-m", "whipsnake", "--engine", ENGINE]
        for name, value in options.items():
            launcher += ["--" + name.replace("_", "-"), value]
    with subprocess.Popen(
        [sys.executable, *launcher, *map(str, command)],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="backslashreplace",
        start_new_session=True,
    ) as process:
        try:
            stdout, stderr = process.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)  # children of the program too
            stdout, stderr = process.communicate()
            stderr += f"\n[killed after {timeout} s]"
    stats = json.loads(report.read_text()) if report is not None and report.exists() else {}
    return Ran(stdout, stderr, process.returncode, stats)


def plain_and_jit(
    program: str | Path,
    *args: str,
    tmp_path: Path,
    modes: Iterable[str] = MODES,
    options: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    timeout: float = 60,
    compiled: int = 1,
) -> Ran:
    """Run a program plain and compiled and compare stdout, stderr and exit code, to the letter.

    Args:
        program: a path, or source text, which is written to a file.
        args: the program's arguments.
        tmp_path: an empty directory.
        modes: names of :data:`MODES`.
        options: more options, on top of the mode's.
        env: more environment variables.
        stdin: what the program can read.
        timeout: seconds per run; the plain run, too, must keep it.
        compiled: how many functions must have been compiled at least (unless the program ended by a signal
            or ``os._exit``, which leave no statistics).

    Returns:
        The last compiled run.
    """
    if isinstance(program, str):
        path = tmp_path / "program.py"
        path.write_text(textwrap.dedent(program).lstrip("\n"))
        program = path
    expected = python(program, *args, env=env, stdin=stdin, timeout=timeout)
    assert "[killed after" not in expected.stderr, f"the plain run did not end:\n{expected}"
    got = expected
    for mode in modes:
        report = tmp_path / f"report-{mode}.json"
        chosen = {**MODES[mode], **(options or {})}
        got = python(program, *args, options=chosen, env=env, stdin=stdin, timeout=timeout, report=report)
        if got != expected:
            difference = f"=== plain: {expected}\n=== compiled: {got}"
            raise AssertionError(f"{program} differs in mode {mode!r}\n{difference}")
        if got.stats:
            count = got.stats["functions_compiled"]
            assert count >= compiled, f"only {count} functions compiled: {got.stats}"
    return got


# ---- leaks


def growth(action: Callable[[], object], calls: int = 50, rounds: int = 40) -> list[int]:
    """Memory blocks gained by each round of *calls* calls of *action*, up to the first round that gains none.

    A leak gains in every round; what fills up (a pool of free objects, say) does not for long.
    """
    gains: list[int] = []
    while len(gains) < rounds and (not gains or gains[-1] > 0):
        gc.collect()
        before = sys.getallocatedblocks()
        for _ in range(calls):
            action()
        gc.collect()
        gains.append(sys.getallocatedblocks() - before)
    return gains
