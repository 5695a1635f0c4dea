"""Whipsnake: a just-in-time compiler for the CPython you already have.

    import whipsnake
    whipsnake.enable()

Everything the program runs from here on may be compiled; it cannot tell, but for the speed. Programs need no
change at all when they are started with ``whipsnake script.py``, or with ``WHIPSNAKE=baseline`` in the
environment after ``whipsnake autoload --install``.

Importing the package works on every Python from 3.11 on and does nothing; :func:`enable` raises where
Whipsnake cannot work, and all other functions then answer truthfully for a program that runs interpreted.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal, TypeVar

    from ._core import OpcodeRow

    F = TypeVar("F")

__all__ = [
    "__version__",
    "compile",
    "disable",
    "enable",
    "engines",
    "exits",
    "get_cmake_dir",
    "get_include",
    "is_enabled",
    "jit",
    "nojit",
    "opcodes",
    "register_engine",
    "stats",
    "supported",
    "tier",
    "why",
]

__version__: str
"""The installed version; looked up when it is first asked for, because the look-up takes longer than all of
the import."""


def __getattr__(name: str) -> str:
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = version("whipsnake")
    except PackageNotFoundError:  # run from the source tree
        found = "0+unknown"
    globals()["__version__"] = found
    return found


_command_line: "dict[str, str | int | bool]" = {}
"""Options of the command that started this program; they hold for the program's own enable(), too."""


def _unavailable() -> "str | None":
    """Why the core cannot be used, as one sentence; None if it can."""
    try:
        from . import _core
    except ImportError as error:
        return _missing_core(error)
    ok, reason = _core.supported()
    return None if ok else reason


def _switched_off_at_build() -> bool:
    """Whether this build was asked to have no machine-code generation (WHIPSNAKE_JIT=OFF).

    It then behaves as the engine "off". An interpreter that is not supported has no machine-code generation
    either, but is an error to enable.
    """
    try:
        from . import _core
    except ImportError:
        return False
    return "WHIPSNAKE_JIT=OFF" in _core.build_info().get("reason", "")


def _missing_core(error: ImportError) -> str:
    import sys

    detail = " ".join(str(error).split())
    found = f"{sys.implementation.name} {sys.version.split()[0]}"
    return f"whipsnake's compiled part cannot be loaded into this interpreter ({found}): {detail}"


def _function(func: object) -> "Callable[..., object]":
    """The plain function behind a function, method, staticmethod or classmethod.

    Raises TypeError for anything else: classes, builtins and callable instances have no bytecode of their
    own.
    """
    plain = getattr(func, "__func__", func)
    if not isinstance(plain, type(_function)):
        raise TypeError(f"expected a Python function or method, got {type(func).__name__}")
    return plain


def supported() -> "tuple[bool, str]":
    """Whether Whipsnake works in this interpreter.

    Returns:
        ``(True, "")``, or False and one sentence that names what was found and what is supported.
    """
    reason = _unavailable()
    return (reason is None, reason or "")


def enable(**options: "str | int | bool") -> None:
    """Start compiling what the program runs.

    Args:
        options: rows of the option table, see ``docs/options.md`` or ``whipsnake options``: ``engine``,
            ``threshold`` (calls), ``loop_threshold`` (back edges), ``budget`` (bytes, or text like
            ``"64M"``), ``stats`` and so on. What is not given comes from the command line if the program was
            started by ``whipsnake``, then from the environment (``WHIPSNAKE``, ``WHIPSNAKE_THRESHOLD``, ...),
            then from the table's defaults.

    It may be called again to change options.

    With the engine ``"off"``, given here or by ``WHIPSNAKE=off``, this is the same as :func:`disable`. In a
    build without machine-code generation (``WHIPSNAKE_JIT=OFF``) it has no effect.

    Raises:
        ValueError: an option's name or value is not allowed, or no such engine exists; the message lists
            what is allowed.
        RuntimeError: Whipsnake does not support this interpreter; the message names what was found and what
            is supported.
    """
    import os

    from .options import AUTO, OFF, resolve

    values = resolve(_command_line | options, os.environ)
    if values["engine"] == OFF:
        disable()
        return
    reason = _unavailable()
    if reason is not None:
        if _switched_off_at_build():
            return
        raise RuntimeError(reason)
    from . import _core

    if values["engine"] not in _core.engines():
        from ._engines import ensure

        ensure(str(values["engine"]))
    if values["stress_seed"] == AUTO:
        values["stress_seed"] = _stress_seed(values)
    _core.enable(values)
    if values["stats"]:
        from .report import print_at_exit

        print_at_exit()


def _stress_seed(values: "dict[str, str | int | bool]") -> int:
    """A seed where none was given: by chance and told, so that a run can be repeated, if chance decides anything."""
    from .options import STRESS

    if not any(values[name] for name in STRESS):
        return 0
    import os
    import sys

    seed = int.from_bytes(os.urandom(3))
    if sys.stderr is not None:
        print(f"whipsnake: --stress-seed {seed}", file=sys.stderr)
    return seed


def disable() -> None:
    """Stop compiling and undo every process-wide effect; functions run interpreted again.

    Does nothing when not enabled.
    """
    if is_enabled():
        from . import _core

        _core.disable()


def is_enabled() -> bool:
    """Whether Whipsnake is compiling in this process."""
    if _unavailable() is not None:
        return False
    from . import _core

    return _core.is_enabled()


def jit(func: "F", /) -> "F":
    """Decorator: compile *func* at its first call, whatever the threshold says. Returns *func* itself.

    Takes functions, and staticmethod and classmethod objects.  Has no effect while Whipsnake is not enabled.

    Raises:
        TypeError: *func* is not a Python function.
    """
    return _mark(func, "jit")


def nojit(func: "F", /) -> "F":
    """Decorator: never compile *func*. Returns *func* itself; see :func:`jit` for what it takes."""
    return _mark(func, "nojit")


def _mark(func: "F", how: "Literal['jit', 'nojit']") -> "F":
    plain = _function(func)
    if _unavailable() is None:
        from . import _core

        _core.mark(plain, how)
    return func


def compile(func: "Callable[..., object]", /) -> bool:
    """Compile *func* at once.

    Returns:
        True if it runs as machine code from its next call on; False if it was declined (see :func:`why`) or
        Whipsnake is not enabled.

    Raises:
        TypeError: *func* is not a Python function or method.
    """
    plain = _function(func)
    if not is_enabled():
        return False
    from . import _core

    return _core.compile(plain)


def tier(func: "Callable[..., object]", /) -> str:
    """How *func* runs.

    Returns:
        ``"interpreter"``, an engine's name such as ``"baseline"``, ``"declined"`` or ``"disabled"``.

    Raises:
        TypeError: *func* is not a Python function or method.
    """
    plain = _function(func)
    if _unavailable() is not None:
        return "interpreter"
    from . import _core

    return _core.tier(plain)


def why(func: "Callable[..., object]", /) -> "str | None":
    """Why *func* was declined, as a short text; None if it was not.

    Raises:
        TypeError: *func* is not a Python function or method.
    """
    plain = _function(func)
    if _unavailable() is not None:
        return None
    from . import _core

    return _core.why(plain)


def exits(func: "Callable[..., object]", /) -> "dict[str, int]":
    """How often *func*'s machine code was left for the interpreter, by reason.

    Raises:
        TypeError: *func* is not a Python function or method.
    """
    plain = _function(func)
    if _unavailable() is not None:
        return {}
    from . import _core

    return _core.exits(plain)


def stats() -> "dict[str, Any]":
    """What Whipsnake has done so far in this process, as a dictionary that ``json.dumps`` takes.

    Among its keys: ``enabled``, ``engine``, ``functions_compiled``, ``functions_declined`` (reason to count),
    ``compile_ns`` (nanoseconds), ``code_bytes`` (alive), ``code_bytes_peak``, ``cache_hits``,
    ``cache_misses``, ``exits`` (reason to count), ``memory_refused`` (requests for executable memory that the
    system refused). On an unsupported interpreter: ``enabled`` (False) and ``unsupported`` (why).
    """
    reason = _unavailable()
    if reason is not None:
        return {"enabled": False, "unsupported": reason}
    from . import _core

    return _core.stats()


def opcodes() -> "list[OpcodeRow]":
    """One row per opcode of this interpreter: whether it is compiled, and if not, why.

    Empty where Whipsnake is unsupported.
    """
    if _unavailable() is not None:
        return []
    from . import _core

    return _core.opcodes()


def engines() -> "list[str]":
    """Names that the option ``engine`` takes: ``"off"``, the engines built in, and those that installed
    packages offer."""
    if _unavailable() is not None:
        return ["off"]
    from ._engines import available

    return available()


def register_engine(capsule: object, /) -> str:
    """Register a third-party engine, for programs that bring their own.

    Installed packages need no call: they have an entry point of the group ``whipsnake.engines``.

    Args:
        capsule: the PyCapsule that the C++ engine interface makes.

    Returns:
        The engine's name, which the option ``engine`` takes from then on.

    Raises:
        RuntimeError: Whipsnake does not support this interpreter.
        ValueError: the engine was built for another version of the interface, or its name is taken.
        TypeError: *capsule* is not an engine's capsule.
    """
    reason = _unavailable()
    if reason is not None:
        raise RuntimeError(reason)
    from . import _core

    return _core.register_engine(capsule)


def get_include() -> str:
    """Directory to put on a C++ compiler's include path to build an engine (``#include
    "jit/engine/..."``)."""
    return _installed("include")


def get_cmake_dir() -> str:
    """Directory for ``CMAKE_PREFIX_PATH`` or ``whipsnake_DIR``, so that ``find_package(whipsnake)`` finds the
    engine interface."""
    return _installed("cmake")


def _installed(folder: str) -> str:
    """Absolute path of a folder installed with the package.

    An editable install keeps sources and built files apart, so the folder is looked for next to both.
    """
    import os

    places = list(__path__)
    try:
        from . import _core
    except ImportError:
        pass
    else:
        places.append(os.path.dirname(_core.__file__ or ""))
    for place in places:
        path = os.path.join(os.path.abspath(place), folder)
        if os.path.isdir(path):
            return path
    raise FileNotFoundError(
        f"whipsnake was installed without its folder {folder!r} (looked in: {', '.join(places)})"
    )
