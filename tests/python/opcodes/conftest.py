"""All tests of this folder run with Whipsnake enabled."""

import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _compiling(compiling: None) -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sources under test do odd things on purpose
        yield
