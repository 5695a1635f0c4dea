"""The option table: one row per option, read by everything that takes options.

A row gives an option's keyword for :func:`whipsnake.enable`, its environment variable, its command-line flag,
the values it takes, its default and its help line. The command line, the environment, the keywords,
``whipsnake options`` and ``docs/options.md`` are all made from these rows, so adding an option means adding
one row (and reading it in the core).

Values are looked up in this order: command-line flag or keyword, environment variable, default. An
environment variable that is set to the empty string counts as not set.

The module is imported at interpreter start-up by the autoload hook, so it imports nothing that a bare
interpreter has not loaded already: no ``dataclasses``, no ``enum``, no ``re``, no ``typing``, and no
``__future__`` either, so some annotations are in quotes.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Value = str | int | bool

__all__ = ["OFF", "OPTIONS", "Kind", "Option", "OptionError", "by_flag", "by_name", "resolve"]

OFF = "off"
"""The engine name that means: leave the interpreter alone."""

AUTO = "auto"
"""The threshold that means: samples of the running program find what is hot."""

DEFAULT_BUDGET = 64 << 20
"""Bytes of machine code that may be alive at one time."""

_MAX_COUNT = 2**31 - 1
_MAX_BYTES = 2**47
_SIZE_SUFFIXES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


class OptionError(ValueError):
    """An option or its value is not one of those allowed; the message is one line that says what is."""


def _integer(text: str) -> int:
    """Read *text* as a plain decimal number.

    Raises ValueError for signs, spaces, underscores and other digits.
    """
    if not (text.isascii() and text.isdigit()) or len(text) > 19:
        raise ValueError(text)
    return int(text)


class Kind:
    """What values an option takes.

    (An object with functions, not a class for each kind: making a class takes longer than all else here.)

    Attributes:
        metavar: what stands for a value in ``--help``.
        allowed: which values are allowed, as part of a sentence.
        convert: turns text, or a Python value of the right type, into the option's value; raises ValueError
            if it is not allowed.
        show: writes a value the way a user would.
    """

    __slots__ = ("allowed", "convert", "metavar", "show")

    def __init__(
        self,
        metavar: str,
        allowed: str,
        convert: "Callable[[object], Value]",
        show: "Callable[[Value], str]" = str,
    ) -> None:
        self.metavar = metavar
        self.allowed = allowed
        self.convert = convert
        self.show = show


def _words(*words: str) -> Kind:
    """One of a few words."""

    def convert(value: object) -> "Value":
        if isinstance(value, str) and value in words:
            return value
        raise ValueError(value)

    return Kind("WORD", " or ".join(words), convert)


def _engine_name(value: object) -> "Value":
    if (
        isinstance(value, str)
        and value.isprintable()
        and value
        and not any(c.isspace() or c in ",;=" for c in value)
    ):
        return value
    raise ValueError(value)


def _count_or_auto(value: object) -> "Value":
    if value == AUTO:
        return AUTO
    if isinstance(value, bool):
        raise ValueError(value)
    number = value if isinstance(value, int) else _integer(value) if isinstance(value, str) else -1
    if not 0 <= number <= _MAX_COUNT:
        raise ValueError(value)
    return number


def _switch(value: object) -> "Value":
    """Read 1 or 0 as text, True or False in Python."""
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    if isinstance(value, str) and value in ("0", "1"):
        return value == "1"
    raise ValueError(value)


def _size(value: object) -> "Value":
    """Read a number of bytes, as text optionally with a suffix K, M or G (1024, 1024**2, 1024**3)."""
    if isinstance(value, bool):
        raise ValueError(value)
    if isinstance(value, str):
        unit = _SIZE_SUFFIXES.get(value[-1:].upper())
        number = _integer(value) if unit is None else _integer(value[:-1]) * unit
    elif isinstance(value, int):
        number = value
    else:
        number = -1
    if not 0 <= number <= _MAX_BYTES:
        raise ValueError(value)
    return number


def _show_size(value: "Value") -> str:
    number = int(value)
    for suffix in "GMK":
        unit = _SIZE_SUFFIXES[suffix]
        if number and number % unit == 0:
            return f"{number // unit}{suffix}"
    return str(number)


def _code_heap(value: object) -> "Value":
    if isinstance(value, str):
        head, colon, count = value.partition(":")
        if value in ("ok", "fail") or (head == "fail" and colon and _integer(count) <= _MAX_COUNT):
            return value
    raise ValueError(value)


# Which engines exist is known to whipsnake._engines; here only the form of a name is checked.
ENGINE_NAME = Kind("NAME", "off, baseline, or the name of an installed engine", _engine_name)
THRESHOLD = Kind("N|auto", f"auto, or a whole number from 0 to {_MAX_COUNT}", _count_or_auto)
SWITCH = Kind("[0|1]", "0 or 1", _switch, lambda value: "1" if value else "0")
SIZE = Kind("SIZE", "a number of bytes, optionally with the suffix K, M or G", _size, _show_size)
# How the code heap gets executable memory: really, or refused as a hardened system would refuse it.
CODE_HEAP = Kind(
    "ok|fail|fail:N", "ok, fail, or fail:N (from the N-th request for executable memory on)", _code_heap
)


FAMILIES = ("attributes", "calls", "containers", "globals", "iteration", "numbers", "truth")
"""Fast paths in machine code that can be left out together."""


def _families(value: object) -> "Value":
    if isinstance(value, str) and (value == "none" or all(name in FAMILIES for name in value.split(","))):
        return value
    raise ValueError(value)


def _count(value: object) -> "Value":
    if value == AUTO:
        raise ValueError(value)
    return _count_or_auto(value)


COUNT = Kind("N", f"a whole number from 0 to {_MAX_COUNT}", _count)
WITHOUT = Kind("NAMES", f"none, or some of {','.join(FAMILIES)}", _families)


class Option:
    """One row of the table.

    Attributes:
        name: keyword of :func:`whipsnake.enable`, and key of the dictionary the core is given.
        kind: the values it takes.
        default: its value when nobody says anything.
        help: one line for ``--help`` and the documentation.
        env: name of the environment variable.
        flag: the command-line flag, with its two dashes.
    """

    __slots__ = ("default", "env", "flag", "help", "kind", "name")

    def __init__(
        self, name: str, kind: Kind, default: "Value", help: str, *, env: "str | None" = None
    ) -> None:
        self.name = name
        self.kind = kind
        self.default = default
        self.help = help
        self.env = env or "WHIPSNAKE_" + name.upper()
        self.flag = "--" + name.replace("_", "-")

    def convert(self, value: object, origin: str) -> "Value":
        """Check *value* and return it in its proper type.

        Raises:
            OptionError: it is not allowed; the message names *origin* (where it came from) and what is
            allowed.
        """
        try:
            return self.kind.convert(value)
        except ValueError:
            shown = repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "..."
            raise OptionError(f"{origin}={shown} is not allowed; allowed: {self.kind.allowed}") from None


OPTIONS: tuple[Option, ...] = (
    Option("engine", ENGINE_NAME, "baseline", "the engine that compiles, or off", env="WHIPSNAKE"),
    Option(
        "threshold",
        THRESHOLD,
        AUTO,
        "calls of a function before it is compiled; 0 compiles at the first call; auto looks now and then at what"
        " runs, and compiles what is hot",
    ),
    Option(
        "loop_threshold",
        THRESHOLD,
        AUTO,
        "back edges of a running loop before it is compiled and entered in mid-run; auto as above, or 400 where the"
        " other threshold is a number (which is 250 where only this one is)",
    ),
    Option(
        "entry",
        _words("vectorcall", "pep523"),
        "vectorcall",
        "how calls reach machine code: each function's vectorcall slot, or PEP 523's evaluator",
    ),
    Option("loops", SWITCH, True, "whether loops that are already running are compiled"),
    Option(
        "watchers",
        SWITCH,
        True,
        "whether CPython's dict, type and function watchers are used; 0 acts as if none were free",
    ),
    Option("budget", SIZE, DEFAULT_BUDGET, "bytes of machine code that may be alive at one time"),
    Option("code_heap", CODE_HEAP, "ok", "simulates that the system refuses executable memory"),
    Option(
        "perf_map", SWITCH, False, "whether a map of compiled functions is written to /tmp for Linux perf"
    ),
    Option("stats", SWITCH, False, "whether statistics are printed to stderr at exit"),
    # Stress: for tests of programs and of Whipsnake.
    Option(
        "exit_every",
        COUNT,
        0,
        "stress: so many instructions of machine code, on average, between exits from it; 0: none",
    ),
    Option("slow_every", COUNT, 0, "stress: of so many guards, on average, one fails that holds; 0: none"),
    Option(
        "jettison_every",
        COUNT,
        0,
        "stress: after so many calls and back edges, on average, all machine code is thrown away; 0: never",
    ),
    Option("fail_every", COUNT, 0, "stress: of so many helpers, on average, one raises MemoryError; 0: none"),
    Option(
        "gc",
        _words("normal", "each-call"),
        "normal",
        "stress: whether each call of a helper collects garbage",
    ),
    Option("caches", SWITCH, True, "stress: whether inline caches are filled"),
    Option("without", WITHOUT, "none", "stress: fast paths in machine code that are left out"),
    Option(
        "stress_seed", THRESHOLD, AUTO, "stress: what chance begins with; auto: any number, printed to stderr"
    ),
)

STRESS = ("exit_every", "slow_every", "jettison_every", "fail_every")
"""Those that leave something to chance."""

_BY_NAME = {option.name: option for option in OPTIONS}
_BY_FLAG = {option.flag: option for option in OPTIONS}


def by_name(name: str) -> Option:
    """The row of a keyword; raises OptionError for an unknown one, listing those there are."""
    try:
        return _BY_NAME[name]
    except KeyError:
        raise OptionError(f"unknown option {name!r}; allowed: {', '.join(_BY_NAME)}") from None


def by_flag(flag: str) -> Option:
    """The row of a command-line flag (with dashes).

    Raises OptionError for an unknown one, listing those there are.
    """
    try:
        return _BY_FLAG[flag]
    except KeyError:
        raise OptionError(f"unknown option {flag}; allowed: {', '.join(_BY_FLAG)}") from None


def resolve(given: "Mapping[str, object]", environ: "Mapping[str, str]") -> "dict[str, Value]":
    """Every option's value: from *given* (keywords and flags), else from the environment, else the default.

    Args:
        given: option name to value, as text or in its Python type.
        environ: the environment, usually ``os.environ``.

    Raises:
        OptionError: a name is unknown or a value is not allowed.
    """
    for name in given:
        by_name(name)
    values: dict[str, Value] = {}
    for option in OPTIONS:
        if option.name in given:
            values[option.name] = option.convert(given[option.name], option.name)
        elif text := environ.get(option.env):
            values[option.name] = option.convert(text, option.env)
        else:
            values[option.name] = option.default
    return values
