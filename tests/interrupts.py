"""SIGINT for test runs that a shell has put into the background."""

from __future__ import annotations

import signal


def take_interrupts() -> None:
    """Handle SIGINT as in the foreground.

    A shell makes what it puts into the background ignore SIGINT; programs under test would inherit that, and wait
    for ever for one that they send themselves.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
