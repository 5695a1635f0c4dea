"""Every test has a process of its own, and finds the helpers in ``programs`` there."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, python

Hostile = Callable[..., Ran]

PROGRAMS = Path(__file__).with_name("programs")

LONG = int(os.environ.get("HOSTILE", "1"))
"""How many times as long as in ``make test``: HOSTILE=20 is what ``make hostile`` sets."""

PRELUDE = f"""\
import atexit, ctypes, gc, json, os, random, signal, sys, threading, time, types
sys.path.insert(0, {str(PROGRAMS)!r})
import whipsnake
LONG = {LONG}
"""


@pytest.fixture
def hostile(tmp_path: Path) -> Hostile:
    """Run source text in a fresh process; its assertions test. Whatever it prints to stderr is a failure."""

    def run(source: str, *args: str, timeout: float = 240, code: int | None = 0, **env: str) -> Ran:
        path = tmp_path / "script.py"
        path.write_text(PRELUDE + textwrap.dedent(source))
        ran = python("-X", "faulthandler", path, *args, env=env, timeout=timeout * max(1, LONG))
        assert code is None or (ran.code == code and not ran.stderr), str(ran)
        return ran

    return run
