"""The extension module's contract with the Python package. Users call :mod:`whipsnake`, not this module."""

from collections.abc import Callable
from types import CodeType
from typing import Any, Literal, TypedDict

class OpcodeRow(TypedDict):
    """One opcode of the running interpreter."""

    number: int
    name: str
    handled: bool
    """Whether the baseline engine compiles it."""
    reason: str
    """Why not; empty when handled."""
    specializes: str | None
    """The generic opcode this one is a specialised form of."""
    caches: int
    """Inline cache cells, of two bytes each, behind the instruction."""

class Measurement(TypedDict):
    """What compiling one code object took."""

    instructions: int
    """Bytecode instructions, inline cache cells not counted."""
    nanoseconds: int
    bytes: int
    """Machine code made; 0 when declined."""
    declined: str | None
    """The reason, or None when it was compiled."""

class MachineCode(TypedDict):
    """The machine code of one function."""

    code: bytes
    address: int
    entries: list[tuple[int, int]]
    """(instruction, offset in code): where it can be entered."""
    symbols: dict[int, str]
    """Names of addresses that it may refer to."""

def supported() -> tuple[bool, str]:
    """Whether Whipsnake works in this interpreter; if not, a sentence that names what was found and what is
    supported."""

def enable(options: dict[str, Any], /) -> None:
    """Start compiling.

    *options* has every name of ``whipsnake.options``: engine, entry and code_heap are str; threshold,
    loop_threshold and budget int (calls, back edges, bytes); loops, watchers, perf_map and stats bool; of the
    stress options gc and without are str, caches is bool, all others int. The engine is never ``off``. Called
    again while enabled, it changes the options.

    Raises RuntimeError on an unsupported interpreter, ValueError for an engine that is not registered.
    """

def disable() -> None: ...
def is_enabled() -> bool: ...
def compile(func: Callable[..., object], /) -> bool: ...
def tier(func: Callable[..., object], /) -> str: ...
def mark(func: Callable[..., object], how: Literal["jit", "nojit"], /) -> None: ...
def why(func: Callable[..., object], /) -> str | None: ...
def exits(func: Callable[..., object], /) -> dict[str, int]: ...
def settings() -> dict[str, Any]:
    """The options in force, or those of last time: as :func:`enable` takes them, without perf_map and
    stats."""

def stats() -> dict[str, Any]: ...
def opcodes() -> list[OpcodeRow]: ...
def engines() -> list[str]: ...
def register_engine(capsule: object, /) -> str: ...
def measure_compile(code: CodeType, /) -> Measurement: ...
def machine_code(func: Callable[..., object], /) -> MachineCode | None: ...
def hot_sites(limit: int, /) -> list[tuple[int, str, int, str, str, int]]: ...
def fail_helper_in(calls: int, /) -> int:
    """The helper call after the next *calls* - 1 raises MemoryError (0: none), once, in code that was compiled with
    the option fail_every. Returns how many there have been that could."""

def build_info() -> dict[str, Any]: ...
