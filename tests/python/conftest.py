"""Fixtures for the Python tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support import enabled
from tests.interrupts import take_interrupts

take_interrupts()


@pytest.fixture
def compiling() -> Iterator[None]:
    """Whipsnake is enabled, and compiles nothing but what the test asks for."""
    with enabled():
        yield
