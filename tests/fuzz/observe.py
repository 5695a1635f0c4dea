"""What a program under test can use to show what happened: everything goes into a log, line by line.

Two runs are equal if their logs are. So nothing here may depend on addresses, on time or on what else runs.
"""

from __future__ import annotations

import builtins
import gc
import re
import sys
import types
import zlib
from collections.abc import Callable, Iterator
from typing import Any

globals()["__builtins__"] = dict(vars(builtins))  # ours, since programs change the others

FILENAME = "<fuzz>"
"""The file name of every program's code."""

LIMIT = 5000
"""Lines of a log: a program that writes more is not compared."""


class Discard(BaseException):
    """The program takes too long, or says too much, to be compared, also if it swallows or replaces this."""

    reason = ""
    """Of the program that is running, why it is not to be compared; "" if it is."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        Discard.reason = reason


LINES: list[str] = []
"""The log of the program that is running."""

_collecting = False
"""Whether garbage is being collected, where that must not show: what a generator does when it ends in it is done
earlier under ``--gc each-call``, and may be more than to log."""

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_TOOL = 3


def emit(line: str) -> None:
    """Add a line to the log."""
    if _collecting:
        Discard.reason = "garbage that runs code"
        return
    if len(LINES) >= LIMIT:
        raise Discard("too many lines")
    LINES.append(line)


def describe(value: object, depth: int = 4) -> str:
    """Text for a value, without addresses, and without running the program's own code."""
    kind = type(value)
    if kind is int:
        assert isinstance(value, int)
        return (
            repr(value) if value.bit_length() < 500 else f"int {value.bit_length()} bits % {value % 1000003}"
        )
    if kind in (float, complex, bool, type(None), type(...), range, slice):
        return repr(value)
    if kind in (str, bytes, bytearray):
        text = _ADDRESS.sub("", repr(value))
        return text if len(text) < 200 else f"{text[:60]}... {len(text)} {zlib.crc32(text.encode())}"
    if isinstance(value, BaseException):
        return f"{kind.__qualname__}{describe(list(value.args), depth - 1)}"
    if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType)):
        return f"<{kind.__name__} {value.__qualname__}>"
    if isinstance(value, types.MethodType):
        return f"<method {value.__func__.__qualname__}>"
    if depth <= 0:
        return f"<{kind.__qualname__}>"
    for base in (list, tuple, dict, set, frozenset, int, float, str):
        if isinstance(value, base):
            return _describe_builtin(value, base, depth)
    attributes = _attributes(value) if kind.__module__ in (FILENAME, __name__) else {}
    inner = ", ".join(f"{name}={describe(part, depth - 1)}" for name, part in attributes.items())
    return f"<{kind.__qualname__} {inner}>" if inner else f"<{kind.__qualname__}>"


def _describe_builtin(value: Any, base: Any, depth: int) -> str:
    name = "" if type(value) is base else type(value).__qualname__
    if base in (int, float, str):
        return f"<{name} {describe(base(value) if base is not str else str.__str__(value), depth)}>"
    if base is dict:
        parts = [
            f"{describe(k, depth - 1)}: {describe(v, depth - 1)}" for k, v in list(dict.items(value))[:40]
        ]
    else:
        parts = [describe(part, depth - 1) for part in list(base.__iter__(value))[:40]]
    if base in (set, frozenset):
        parts.sort()
    return f"{name or base.__name__}({len(value) if not name else base.__len__(value)})[{', '.join(parts)}]"


def _attributes(value: object) -> dict[str, object]:
    """Instance attributes, read without running code of the instance's class."""
    try:
        found = dict(object.__getattribute__(value, "__dict__"))
    except (AttributeError, TypeError):
        found = {}
    for cls in type(value).__mro__:
        for name, slot in cls.__dict__.items():
            if isinstance(slot, types.MemberDescriptorType) and cls.__module__ == FILENAME:
                try:
                    found[name] = slot.__get__(value)
                except AttributeError:
                    pass
    return found


def where(error: BaseException) -> str:
    """The traceback: function, line and columns of each entry that is the program's."""
    found = []
    entry = error.__traceback__
    while entry is not None:
        code = entry.tb_frame.f_code
        if code.co_filename == FILENAME:
            position = list(code.co_positions())[entry.tb_lasti // 2]
            found.append(
                f"{code.co_name}:{entry.tb_lineno}:{position[0]}-{position[1]}:{position[2]}-{position[3]}"
            )
        entry = entry.tb_next
    return " ".join(found)


def describe_error(error: BaseException, depth: int = 4) -> str:
    """An exception: type, arguments, notes, traceback, members, cause and context."""
    text = f"{describe(error)} {_ADDRESS.sub('', _text(error))!r} at {where(error)}"
    if depth > 0:
        if isinstance(error, BaseExceptionGroup):
            text += (
                " members (" + "; ".join(describe_error(part, depth - 1) for part in error.exceptions) + ")"
            )
        if error.__cause__ is not None:
            text += f" cause ({describe_error(error.__cause__, depth - 1)})"
        if error.__context__ is not None:
            text += f" context ({describe_error(error.__context__, depth - 1)})"
        if error.__suppress_context__:
            text += " suppressed"
    return text


def _text(error: BaseException) -> str:
    kind = type(error)
    return str(error) if kind.__module__ == "builtins" and kind is not KeyError else kind.__name__


def log(*values: object) -> None:
    """Log values."""
    emit("log " + ", ".join([describe(value) for value in values]))


def call(function: Callable[..., Any], *args: object, **kwargs: object) -> Any:
    """Call and log what came out, value or exception; returns the value, or the exception's type name."""
    name = getattr(function, "__name__", type(function).__name__)
    try:
        value = function(*args, **kwargs)
    except Discard:
        raise
    except MemoryError as error:
        raise Discard("memory") from error
    except BaseException as error:
        emit(f"call {name} raised {describe_error(error)}")
        return type(error).__name__
    emit(f"call {name} = {describe(value)}")
    return value


def steps(iterator: Any, *sent: object) -> None:
    """Drive a generator or coroutine by hand: None for next(), an exception to throw, "close", else a value to send."""
    for value in (None, *sent):
        try:
            if value == "close":
                emit(f"closed {describe(iterator.close())}")
                continue
            got = iterator.throw(value) if isinstance(value, BaseException) else iterator.send(value)
        except StopIteration as stop:
            emit(f"step returned {describe(stop.value)}")
        except Discard:
            raise
        except BaseException as error:
            emit(f"step raised {describe_error(error)}")
        else:
            emit(f"step {describe(got)}")


def drive(coroutine: Any) -> object:
    """Run a coroutine to its end, sending it numbers; its value."""
    try:
        for number in range(200):
            emit(f"awaited {describe(coroutine.send(number if number else None))}")
    except StopIteration as stop:
        return stop.value
    raise Discard("endless coroutine")


@types.coroutine
def pause(value: object) -> Any:
    """An awaitable that yields *value* and gives back what it is sent."""
    return (yield value)


class Noisy:
    """Logs its end."""

    def __init__(self, name: object) -> None:
        self.name = name

    def __del__(self) -> None:
        emit(f"del {describe(self.name)}")

    def __repr__(self) -> str:
        return f"Noisy({self.name!r})"


def hide_lifetimes() -> None:
    """From now on nothing is logged that depends on when garbage is collected."""

    def note(phase: str, info: dict[str, int]) -> None:
        global _collecting
        _collecting = phase == "start"

    gc.callbacks.append(note)
    gc.freeze()  # what is here already takes the most time to look at
    Noisy.__del__ = lambda self: None  # type: ignore[method-assign]
    sys.getrefcount = lambda value: 0


class Manager:
    """A context manager that logs, and swallows exceptions of one type."""

    def __init__(self, name: object, swallows: type[BaseException] | None = None) -> None:
        self.name = name
        self.swallows = swallows

    def __enter__(self) -> object:
        emit(f"enter {self.name}")
        return self.name

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, entries: object
    ) -> bool:
        emit(f"exit {self.name} {describe(error)}")
        return self.swallows is not None and kind is not None and issubclass(kind, self.swallows)

    async def __aenter__(self) -> object:
        emit(f"aenter {self.name}")
        return await pause(self.name)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, entries: object
    ) -> bool:
        await pause("aexit")
        return self.__exit__(kind, error, entries)


def local_names() -> None:
    """Log the caller's local variables and line."""
    frame = sys._getframe(1)
    emit(f"locals {frame.f_code.co_name}:{frame.f_lineno} {describe(dict(frame.f_locals))}")


def callers() -> None:
    """Log the callers within the program, each with its line and number of locals."""
    found = []
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename == FILENAME:
            found.append(f"{frame.f_code.co_name}:{frame.f_lineno}:{len(frame.f_locals)}")
        frame = frame.f_back
    emit("callers " + " ".join(found[:20]))


_last_lines: dict[types.CodeType, int] = {}
_RESUMED = 0x20 | 0x80 | 0x200
"""Code flags of generators, coroutines and asynchronous generators (3.13 Include/cpython/code.h)."""


def _is_told_again(code: types.CodeType, line: int) -> bool:
    """Whether a line event may be left out: one may or may not come twice.

    Where an exception is thrown into a generator, its line is told again if the instruction that it would have
    gone on with has never been run by the interpreter, which marks it then (3.13 Python/instrumentation.c,
    _Py_call_instrumentation_line, and RESUME in Python/bytecodes.c).
    """
    again = code.co_flags & _RESUMED != 0 and _last_lines.get(code) == line
    _last_lines[code] = line
    return again


def _is_end_with_value(error: object) -> bool:
    """Whether an exception need not be told of: a generator ended with a value, and whether that raises
    StopIteration for a moment depends on whether the interpreter has specialised the loop (FOR_ITER_GEN)."""
    return isinstance(error, StopIteration) and bool(error.args)


def _tracer(frame: types.FrameType, event: str, arg: object) -> Any:
    if frame.f_code.co_filename != FILENAME:
        return None
    if event == "exception" and _is_end_with_value(arg[1]):  # type: ignore[index]
        return _tracer
    if event == "line" and _is_told_again(frame.f_code, frame.f_lineno):
        return _tracer
    shown = describe(arg[1]) if event == "exception" else describe(arg)  # type: ignore[index]
    emit(f"trace {event} {frame.f_code.co_name}:{frame.f_lineno} {shown}")
    return _tracer


def trace(here: bool = False) -> None:
    """Trace calls from here on; with *here* also the lines of the function that calls this."""
    sys.settrace(_tracer)
    if here:
        sys._getframe(1).f_trace = _tracer


def untrace() -> None:
    """Trace no more."""
    sys.settrace(None)


def _profiler(frame: types.FrameType, event: str, arg: object) -> None:
    if frame.f_code.co_filename == FILENAME:
        emit(f"profile {event} {frame.f_code.co_name}:{frame.f_lineno} {describe(arg)}")


def profile() -> None:
    """Profile from here on."""
    sys.setprofile(_profiler)


def unprofile() -> None:
    """Profile no more."""
    sys.setprofile(None)


EVENTS = """PY_START PY_RESUME PY_RETURN PY_YIELD PY_THROW PY_UNWIND CALL C_RETURN C_RAISE LINE JUMP BRANCH
    STOP_ITERATION RAISE EXCEPTION_HANDLED RERAISE""".split()


def _listener(event: str) -> Callable[..., None]:
    def listen(code: types.CodeType, *args: object) -> None:
        if code.co_filename == FILENAME:
            # An exception's offset depends on how far the interpreter has specialised the calls around it, and so
            # does whether a method of a class with __getattr__ is called as such.
            shown = args[1:] if event in ("RAISE", "RERAISE", "PY_UNWIND", "EXCEPTION_HANDLED") else args
            if event == "RAISE" and _is_end_with_value(args[1]):
                return
            if event == "LINE" and _is_told_again(code, args[0]):  # type: ignore[arg-type]
                return
            if event == "CALL" and isinstance(args[1], types.MethodType):
                shown = (args[0], args[1].__func__, args[1].__self__)
            emit(f"monitor {event} {code.co_name} {describe(shown)}")

    return listen


def monitor(*events: str, code: types.CodeType | None = None) -> None:
    """Listen to events from here on, of all code or of one code object."""
    monitoring = sys.monitoring
    if monitoring.get_tool(_TOOL) is None:
        monitoring.use_tool_id(_TOOL, "fuzz")
    wanted = 0
    for name in events:
        wanted |= getattr(monitoring.events, name)
        monitoring.register_callback(_TOOL, getattr(monitoring.events, name), _listener(name))
    if code is None:
        monitoring.set_events(_TOOL, wanted)
    else:
        monitoring.set_local_events(_TOOL, code, wanted)


def unmonitor() -> None:
    """Listen no more."""
    if sys.monitoring.get_tool(_TOOL) is not None:
        for event in EVENTS:
            sys.monitoring.register_callback(_TOOL, getattr(sys.monitoring.events, event), None)
        sys.monitoring.set_events(_TOOL, 0)
        sys.monitoring.free_tool_id(_TOOL)


def collect() -> None:
    """Collect garbage."""
    gc.collect()


def numbers(count: int) -> Iterator[int]:
    """A generator that is not the program's."""
    yield from range(count)


NAMES = {
    function.__name__: function
    for function in (
        log, call, steps, drive, pause, Noisy, Manager, local_names, callers, trace, untrace, profile,
        unprofile, monitor, unmonitor, collect, numbers,
    )
}  # fmt: skip
"""What programs find in their globals."""


def unraisable(what: Any) -> None:
    """Logs an exception that nobody could catch (sys.unraisablehook)."""
    if isinstance(what.exc_value, Discard):
        return
    emit(f"unraisable {describe_error(what.exc_value)} in {describe(what.object)}")


def reset() -> None:
    """Undo what a program may have left switched on."""
    _last_lines.clear()
    sys.settrace(None)
    sys.setprofile(None)
    sys.setrecursionlimit(1000)
    unmonitor()
