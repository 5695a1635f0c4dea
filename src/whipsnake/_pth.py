"""The file ``whipsnake-autoload.pth``, and ``whipsnake autoload`` that puts it where interpreters read it.

``site`` executes a line of a ``.pth`` file that starts with ``import`` at every start of the interpreter, so
ours does the least it can: look up one environment variable. If that asks for Whipsnake, a small extension
module is loaded from the package's folder beside the file, without importing anything: it starts the core a
few milliseconds later (``jit/module/late/late.cpp``), and a process as short as ``python -c pass`` is over by
then. Where the module is not there, or says that there is more to decide, the package does it at once. The
line stays quiet, too, when the package has been uninstalled and the file forgotten.
"""

from __future__ import annotations

import argparse
import os
import site
import sys
import sysconfig
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

FILE_NAME = "whipsnake-autoload.pth"
_MODULE = f"/whipsnake/_late{EXTENSION_SUFFIXES[0]}"

_PACKAGE = """\
try: from whipsnake._autoload import start
except ImportError: pass
else: start()
"""
# Runs among the variables of site.addpackage(), of which `sitedir` is the file's folder. What is inside a string
# is compiled only when it is needed; compiling is most of what the file costs.
_LATE = f"""\
try:
 import _imp, sys
 _imp.create_dynamic(type(sys.implementation)(name="_late", origin=sitedir+{_MODULE!r})).start()
except Exception: exec({_PACKAGE!r})
"""

# In a virtual environment `site` reads each file twice, but begins only one set of known paths.
LINE = (
    'import os; os.environ.get("WHIPSNAKE", "off") in ("", "off") or "whipsnake" in known_paths'
    f' or known_paths.add("whipsnake") or exec({_LATE!r})\n'
)
"""The file's contents."""


def directory(user: bool) -> Path:
    """The folder for the file: this environment's ``purelib``, or the user's site-packages."""
    if user:
        return Path(sysconfig.get_path("purelib", sysconfig.get_preferred_scheme("user")))
    return Path(sysconfig.get_path("purelib"))


def places() -> list[Path]:
    """Paths of the file in every folder that this interpreter reads ``.pth`` files from, whether it exists or
    not."""
    folders = [directory(user=False), *map(Path, site.getsitepackages())]
    if site.ENABLE_USER_SITE:
        folders.append(Path(site.getusersitepackages()))
    return [folder / FILE_NAME for folder in dict.fromkeys(folders)]


def install(user: bool) -> Path:
    """Write the file and return its path; raises OSError if that is not allowed."""
    path = directory(user) / FILE_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(LINE, encoding="utf-8")
    temporary.replace(path)  # interpreters that start meanwhile see all of it or nothing
    return path


def remove() -> list[Path]:
    """Delete the file from everywhere this interpreter reads it and return the paths.

    Raises OSError if that is not allowed.
    """
    removed = [path for path in places() if path.exists()]
    for path in removed:
        path.unlink()
    return removed


def main(arguments: list[str]) -> int:
    """``whipsnake autoload``: returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="whipsnake autoload",
        description="Let WHIPSNAKE=<engine> in the environment enable Whipsnake in every program "
        "that this Python environment runs.",
    )
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--install", action="store_true", help="put the .pth file into this environment")
    action.add_argument("--remove", action="store_true", help="take it away again")
    action.add_argument(
        "--status", action="store_true", help="say whether it is there (exit code 0) or not (1)"
    )
    parser.add_argument("--user", action="store_true", help="with --install: into the user's site-packages")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.install:
            print(f"installed {install(chosen.user)}")
        elif chosen.remove:
            removed = remove()
            print("\n".join(f"removed {path}" for path in removed) or "not installed")
        else:
            return status()
    except OSError as error:
        print(f"whipsnake: {error}", file=sys.stderr)
        return 1
    return 0


def status() -> int:
    """Print where the file is and what it does at present; returns 0 if it is somewhere, else 1."""
    found = [path for path in places() if path.exists()]
    if not found:
        print("not installed")
        return 1
    for path in found:
        current = path.read_text(encoding="utf-8") == LINE
        print(f"installed {path}" + ("" if current else " (from another version: install again)"))
    value = os.environ.get("WHIPSNAKE", "")
    print(f"WHIPSNAKE={value}: " + ("off" if value in ("", "off") else "enabled at start-up"))
    return 0
