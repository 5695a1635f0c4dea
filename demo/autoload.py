"""The hook by which Whipsnake starts without a word on the command line, for as long as the demo takes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

COMMAND = (sys.executable, "-m", "whipsnake", "autoload")


@contextmanager
def installed() -> Iterator[None]:
    """Put the hook into this interpreter's environment, and take it out again unless it was there before.

    Raises subprocess.CalledProcessError where the environment cannot be written to.
    """
    if subprocess.run([*COMMAND, "--status"], capture_output=True, check=False).returncode == 0:
        yield
        return
    subprocess.run([*COMMAND, "--install"], capture_output=True, check=True)
    try:
        yield
    finally:
        subprocess.run([*COMMAND, "--remove"], capture_output=True, check=True)
