"""How the command ``whipsnake`` runs a program: the interpreter itself runs it, in this very process.

``python script.py`` does a great deal that a program can see: the contents of ``__main__``, ``sys.path[0]``,
``sys.argv``, ``sys.orig_argv``, a call stack that ends at the script, tracebacks, exit codes, death by
SIGINT, ``-i``, the prompt, the wording of "can't open file". Rebuilding that in Python gets close, but never
equal: the launcher's own frames stay underneath. So the command replaces itself with ``python [flags]
script.py [args]`` by ``execve``; process id, file descriptors, standard input and the terminal stay as they
are, and from there on there is nothing to imitate.

What is left to do is to enable Whipsnake in the fresh interpreter before the program starts, without having
installed anything and without a trace that children would inherit. A folder with a ``sitecustomize.py`` at
the front of PYTHONPATH does that: it takes the folder out of ``sys.path``, restores PYTHONPATH, and imports
the user's own ``sitecustomize`` (``_boot/sitecustomize.py``). Ways that were not chosen: a ``.pth`` file is
only there once the user has installed it; ``-X`` and ``-c`` stay visible in ``sys``; calling ``Py_BytesMain``
again in this process needs a second initialisation that extension modules do not survive.

The price is one more interpreter start, about 12 ms, in which ``site`` runs once more, with the user's
``.pth`` files and ``sitecustomize``. Users to whom that matters have autoload, which costs none.

Interpreters that read neither PYTHONPATH nor ``sitecustomize`` (``-E``, ``-I``, ``-S``) are handed the script
``_inprocess.py`` instead, which does imitate.
"""

from __future__ import annotations

import os
import sys

from ._autoload import LAUNCH_VARIABLE, PYTHONPATH_VARIABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

_COERCED_LOCALES = ("C.UTF-8", "C.utf8", "UTF-8")


def run(options: Mapping[str, str], flags: list[str], program: list[str]) -> NoReturn:
    """Replace this process with an interpreter that runs *program*, with Whipsnake in it. Does not return.

    Args:
        options: option name to text, as given on the command line.
        flags: the interpreter's own flags, given to our command.
        program: what to run and its arguments, as the interpreter's command line has them.

    Raises:
        OSError: the interpreter cannot be started.
    """
    if not sys.executable:
        raise OSError("the interpreter does not know its own path (sys.executable is empty)")
    here = os.path.dirname(os.path.abspath(__file__))
    boot = os.path.join(here, "_boot")
    flags = [*interpreter_flags(sys.orig_argv, len(sys.argv) - 1), *flags]
    environ = initial_environment()
    environ[LAUNCH_VARIABLE] = "\n".join(f"{name}={value}" for name, value in options.items())
    command = [sys.orig_argv[0], *flags, *program]
    more = leading_flags(program)
    if not letters([*flags, *more]) & set("EIS") and os.pathsep not in boot:
        saved = environ.get("PYTHONPATH")
        if saved is not None:
            environ[PYTHONPATH_VARIABLE] = saved
        environ["PYTHONPATH"] = boot + os.pathsep + saved if saved else boot
    else:
        command = [sys.orig_argv[0], *flags, *more, os.path.join(here, "_inprocess.py"), *program]
    if os.name != "posix":  # execve there starts a second process and lets the shell go on
        import subprocess

        sys.exit(subprocess.call(command, executable=sys.executable, env=environ))
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os.execve(sys.executable, command, environ)


def interpreter_flags(orig_argv: list[str], arguments: int) -> list[str]:
    """The flags that this interpreter itself was started with.

    Args:
        orig_argv: ``sys.orig_argv``: interpreter, flags, our script or ``-m whipsnake``, and our arguments.
        arguments: how many arguments of ours there are at its end.
    """
    head = orig_argv[1 : len(orig_argv) - arguments]
    if not head:
        return []
    last = head.pop()
    if last.startswith("-"):  # -mwhipsnake, perhaps with flags in front of the m, as in -Omwhipsnake
        cluster = last[: last.index("m", 1)] if "m" in last else "-"
    elif head and head[-1].startswith("-") and not head[-1].startswith("--") and head[-1].endswith("m"):
        cluster = head.pop()[:-1]
    else:  # the path of our script
        cluster = "-"
    if cluster != "-":
        head.append(cluster)
    if head and head[-1] == "--":
        head.pop()
    return head


def letters(flags: list[str]) -> set[str]:
    """The one-letter flags among *flags*; what follows ``-W`` and ``-X`` is their value."""
    found: set[str] = set()
    rest = iter(flags)
    for flag in rest:
        if flag.startswith("--"):
            continue
        for place, letter in enumerate(flag[1:], start=2):
            found.add(letter)
            if letter in "WX":
                if not flag[place:]:
                    next(rest, None)
                break
    return found


def leading_flags(program: list[str]) -> list[str]:
    """The interpreter's flags in front of the letter in a program such as ``-Oc code`` or ``-uIm module``, if
    any."""
    first = program[0] if program else ""
    if not first.startswith("-") or first.startswith("--"):
        return []
    flags = first[1:].split("c", 1)[0].split("m", 1)[0]
    return ["-" + flags] if flags else []


def initial_environment() -> dict[str, str]:
    """The environment as it was when this interpreter started.

    In the C locale CPython sets LC_CTYPE for itself and its children (PEP 538), and turns its UTF-8 mode on
    only where it had to do that; so an interpreter started from here must not find it set.
    """
    environ = dict(os.environ)
    if sys.flags.utf8_mode and environ.get("LC_CTYPE") in _COERCED_LOCALES:
        try:
            with open("/proc/self/environ", "rb") as file:
                coerced = not any(entry.startswith(b"LC_CTYPE=") for entry in file.read().split(b"\0"))
        except OSError:
            coerced = "LC_ALL" not in environ and "LANG" not in environ
        if coerced:
            del environ["LC_CTYPE"]
    return environ
