"""Fixtures for the Python tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support import ENGINE, NEVER

import whipsnake


@pytest.fixture(scope="module")
def compiling() -> Iterator[None]:
    """Whipsnake is enabled, and compiles nothing but what a test asks for.

    Options that are not set here come from the environment: WHIPSNAKE_ENTRY=pep523 runs the tests that way.
    """
    whipsnake.enable(engine=ENGINE, threshold=NEVER, loop_threshold=NEVER, loops=False)
    yield
    whipsnake.disable()
