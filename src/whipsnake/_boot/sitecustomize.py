"""Runs in the interpreter that the command ``whipsnake`` starts, ahead of the user's own ``sitecustomize``.

The command puts this folder at the front of PYTHONPATH (see ``whipsnake/_launch.py``). Here the folder leaves
``sys.path`` again, PYTHONPATH gets its old value back, Whipsnake is enabled, and the module this one stood in
front of is imported in its place; when there is none, the ImportError that ``site`` expects and ignores
arises by itself.
"""

import os
import sys


def _start() -> None:
    boot = os.path.dirname(__file__)
    sys.path[:] = [entry for entry in sys.path if entry != boot]
    sys.path_importer_cache.pop(boot, None)
    if "_WHIPSNAKE_LAUNCH" not in os.environ:
        return  # a sub-interpreter: its environment is clean already, and Whipsnake stays out of it
    saved = os.environ.pop("_WHIPSNAKE_PYTHONPATH", None)
    if saved is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = saved
    try:
        from whipsnake._autoload import start_launched
    except ImportError:
        # The command found the package through the current directory or the like: not searched at start-up.
        parent = os.path.dirname(os.path.dirname(boot))
        sys.path.insert(0, parent)
        try:
            from whipsnake._autoload import start_launched
        finally:
            sys.path.remove(parent)
    start_launched()


_start()
del sys.modules["sitecustomize"]
import sitecustomize  # type: ignore[import-not-found] # noqa: E402, F401
