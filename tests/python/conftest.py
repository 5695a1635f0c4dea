"""Fixtures for the Python tests."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from support import enabled

# A shell makes what it puts into the background ignore SIGINT, and programs under test would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def compiling() -> Iterator[None]:
    """Whipsnake is enabled, and compiles nothing but what the test asks for."""
    with enabled():
        yield
