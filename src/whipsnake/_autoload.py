"""Starting Whipsnake while the interpreter starts, before the program.

Two callers, both on the way of ``site``'s start-up, so everything here is silent unless told otherwise,
quick, and never raises:

* :func:`start`, from the one line of ``whipsnake-autoload.pth`` (see :mod:`whipsnake._pth`), when
  ``WHIPSNAKE`` names an engine;
* :func:`start_launched`, from ``_boot/sitecustomize.py``, when the process was started by the command
  ``whipsnake`` (see :mod:`whipsnake._launch`).
"""

import os
import sys

LAUNCH_VARIABLE = "_WHIPSNAKE_LAUNCH"
"""Carries the command line's options, one ``name=value`` per line, from the command to the interpreter it
starts."""

PYTHONPATH_VARIABLE = "_WHIPSNAKE_PYTHONPATH"
"""Carries the user's PYTHONPATH, if there was one, likewise."""


_started = False


def start() -> None:
    """Enable Whipsnake as the environment says; more calls change nothing.

    (In a virtual environment, ``site`` executes each ``.pth`` file twice.)

    An unsupported interpreter is left alone without a word; a bad value costs one line on stderr, and
    Whipsnake stays off.
    """
    global _started
    if _started or LAUNCH_VARIABLE in os.environ or _is_command():
        return  # where the command is at work, its command line goes first
    _started = True
    try:
        import whipsnake

        whipsnake.enable()
    except ValueError as error:
        _say(f"whipsnake: warning: {error}; not enabled")
    except Exception:
        pass


def _is_command() -> bool:
    """Whether this interpreter runs the command ``whipsnake``, which only starts another one."""
    for place, argument in enumerate(sys.orig_argv):
        if place and not argument.startswith("-"):
            return os.path.basename(argument) == "whipsnake"
    return False


def start_launched() -> None:
    """Enable Whipsnake as the command line says, and take its message out of the environment.

    A bad value or an unsupported interpreter ends the process with one line on stderr and exit code 2:
    nothing of the program has run, and its user asked for Whipsnake by name.
    """
    spec = os.environ.pop(LAUNCH_VARIABLE, None)
    if spec is None:
        return
    try:
        import whipsnake

        for line in spec.splitlines():
            name, _, text = line.partition("=")
            whipsnake._command_line[name] = text
        whipsnake.enable()
    except Exception as error:
        if sys.stdout is not None:
            sys.stdout.flush()
        _say(f"whipsnake: {error}")
        os._exit(2)


def _say(line: str) -> None:
    """Print a line to stderr, if there is one."""
    try:
        print(line, file=sys.stderr, flush=True)
    except Exception:
        pass
