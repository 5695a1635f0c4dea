"""The engine framework is process-wide, so nearly every test has a process of its own."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, python

Script = Callable[..., str]

PRELUDE = """\
import ctypes, gc, os, sys, threading, time, types
import whipsnake

M = sys.monitoring


def vectorcall(func):
    return ctypes.c_void_p.from_address(id(func) + 128).value


def version(func):
    return ctypes.c_uint32.from_address(id(func) + 136).value


def calls(func, n, *args):
    for _ in range(n):
        result = func(*args)
    return result


def empty():
    pass


PLAIN = vectorcall(empty)
"""


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Run source text in a fresh process, behind :data:`PRELUDE`; its assertions test. Returns stdout."""

    def run(source: str, *args: str, timeout: float = 120, code: int = 0, **env: str) -> str:
        path = tmp_path / "script.py"
        path.write_text(PRELUDE + textwrap.dedent(source))
        ran: Ran = python("-X", "faulthandler", path, *args, env=env, timeout=timeout)
        assert ran.code == code and not ran.stderr, str(ran)
        return ran.stdout

    return run
