"""The command ``whipsnake``: what its arguments mean.

    whipsnake [options] script.py [args] | -m module [args] | -c code [args] | - [args]
    whipsnake [options] opcodes | compile-time | info | options | autoload  [their options]

Long options are ours, a row of the option table each; short ones are the interpreter's own and go on to it
(``-O``, ``-u``, ``-X dev``, ...). Everything from the program on is the program's. A subcommand's word means
the subcommand only if no file of that name is there, so that a script named ``info`` can be run; ``./info``
always means the file.

Running a program is the common case and must start fast, so its path imports nothing it does not need: no
``argparse``.
"""

from __future__ import annotations

import os
import sys

from .options import OPTIONS, SWITCH, OptionError, by_flag, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_EXIT_USAGE = 2

# The interpreter's short options: those alone, those followed by a value, those followed by the program.
_ALONE = "bBdEiIOPqRsStuvx"
_WITH_VALUE = "WX"
_PROGRAM = "cm"

_USAGE = """\
usage: whipsnake [options] script.py [args]
       whipsnake [options] -m module [args]
       whipsnake [options] -c code [args]
       whipsnake [options] - [args]
       whipsnake [options] <command> [its options]
"""


class Request:
    """The command line, taken apart.

    Attributes:
        options: option name to text.
        flags: what goes to the interpreter.
        rest: the program and its arguments as the interpreter takes them, or a subcommand and its arguments.
        action: "program", "help" or "version".
    """

    __slots__ = ("action", "flags", "options", "rest")

    def __init__(self) -> None:
        self.options: dict[str, str] = {}
        self.flags: list[str] = []
        self.rest: list[str] = []
        self.action = "program"


def parse(arguments: list[str]) -> Request:
    """Take the command line apart.

    Raises OptionError for an option there is not, or one without its value.
    """
    request = Request()
    rest = list(arguments)
    while rest and request.action == "program":
        argument = rest[0]
        if argument == "--" or argument == "-" or not argument.startswith("-"):
            break
        if argument.startswith("--"):
            del rest[0]
            _long(argument, rest, request)
        elif _short(argument, rest, request):
            break
    request.rest = rest
    return request


def _long(argument: str, rest: list[str], request: Request) -> None:
    """Take a long option, and its value from *rest* if it stands there."""
    flag, equals, text = argument.partition("=")
    if flag in ("--help", "--version") and not equals:
        request.action = flag[2:]
        return
    if flag == "--check-hash-based-pycs":  # the one long option of the interpreter's that programs run under
        request.flags += [argument] if equals else [argument, *rest[:1]]
        if not equals:
            del rest[:1]
        return
    option = by_flag(flag)
    if not equals:
        if option.kind is SWITCH and rest[:1] not in (["0"], ["1"]):
            text = "1"
        elif rest:
            text = rest.pop(0)
        else:
            raise OptionError(f"option {flag} needs a value; allowed: {option.kind.allowed}")
    option.convert(text, flag)
    request.options[option.name] = text


def _short(argument: str, rest: list[str], request: Request) -> bool:
    """Take a cluster of the interpreter's short options; returns True when the program starts there."""
    for place, letter in enumerate(argument[1:], start=1):
        if letter in "h?V":
            request.action = "version" if letter == "V" else "help"
            return False
        if letter in _PROGRAM:
            return True
        if letter in _WITH_VALUE:
            taken = 1 if argument[place + 1 :] else 2
            if len(rest) < taken:
                raise OptionError(f"option -{letter} needs a value")
            request.flags += rest[:taken]
            del rest[:taken]
            return False
        if letter not in _ALONE:
            raise OptionError(f"unknown option -{letter}; see whipsnake --help")
    request.flags.append(rest.pop(0))
    return False


def main(arguments: list[str] | None = None) -> int:
    """Run the command with *arguments* (default: ``sys.argv[1:]``); returns its exit code, if it returns at
    all."""
    try:
        request = parse(sys.argv[1:] if arguments is None else arguments)
        if request.action == "help":
            _print_help()
            return 0
        if request.action == "version":
            _print_version()
            return 0
        resolve(request.options, os.environ)  # a bad value is found before anything starts
        command = _command(request.rest)
        if command is not None:
            return command(request)
        from ._launch import run

        run(request.options, request.flags, request.rest)
    except OptionError as error:
        print(f"whipsnake: {error}", file=sys.stderr)
        return _EXIT_USAGE
    except OSError as error:
        print(f"whipsnake: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _interrupted()


def _interrupted() -> int:
    """Die by SIGINT without a traceback of ours, as the interpreter would when interrupted in a program."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)
    return 128 + signal.SIGINT


def _command(rest: list[str]) -> Callable[[Request], int] | None:
    """The subcommand that *rest* starts with, unless a file of that name is there."""
    if not rest or rest[0] not in _COMMANDS or os.path.lexists(rest[0]):
        return None
    return _COMMANDS[rest[0]][0]


def _opcodes(request: Request) -> int:
    from ._inspect import opcodes

    return opcodes(request.rest[1:])


def _compile_time(request: Request) -> int:
    from ._compile_time import main

    return main(request.rest[1:])


def _info(request: Request) -> int:
    from ._inspect import info

    return info(request.rest[1:])


def _options(request: Request) -> int:
    from ._inspect import options

    return options(request.rest[1:], request.options)


def _autoload(request: Request) -> int:
    from ._pth import main

    return main(request.rest[1:])


_COMMANDS: dict[str, tuple[Callable[[Request], int], str]] = {
    "opcodes": (_opcodes, "list this interpreter's opcodes: compiled, or declined and why"),
    "compile-time": (_compile_time, "measure how long compiling the standard library's functions takes"),
    "info": (_info, "say what this build is and whether it works here"),
    "options": (_options, "list the options with their values and where they come from"),
    "autoload": (_autoload, "let the environment variable WHIPSNAKE enable Whipsnake in every program"),
}


def _print_help() -> None:
    out = [_USAGE]
    out.append("Runs a program as python does, with its hot functions compiled to machine code.\n")
    out.append("options (environment variable, default):")
    for option in OPTIONS:
        flag = f"{option.flag} {option.kind.metavar}"
        out.append(f"  {flag:<28} {option.help}")
        out.append(f"  {'':<28} ({option.env}, {option.kind.show(option.default)})")
    out.append(f"  {'-O, -u, -X dev, ...':<28} python's own short options go on to it")
    out.append(f"  {'-h, --help':<28} this text")
    out.append(f"  {'-V, --version':<28} versions of Whipsnake and Python")
    out.append("\ncommands (a file of the same name goes first):")
    out += [f"  {name:<28} {text}" for name, (_, text) in _COMMANDS.items()]
    print("\n".join(out))


def _print_version() -> None:
    import whipsnake

    print(f"Whipsnake {whipsnake.__version__} (Python {sys.version.split()[0]})")
