"""What holds for all tests of this folder."""

import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    """Sources under test do odd things on purpose."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
