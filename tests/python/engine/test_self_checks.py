"""The build whose machine code checks itself (``make checked``): it does, and notices what is wrong."""

from __future__ import annotations

import pytest
from support import python

from whipsnake import _core

from .conftest import PRELUDE, Script

pytestmark = pytest.mark.skipif(
    not _core.build_info().get("self_checks"), reason="built without WHIPSNAKE_SELF_CHECKS"
)

FUNCTION = """
def f(spoil):
    number = [12345678]
    other = number[0] + 1
    spoil(id(other), id(number))
    return other
whipsnake.enable(threshold=0, stress_seed=1)
f(lambda a, b: None)
"""


def test_instructions_are_checked(script: Script) -> None:
    script(
        FUNCTION + "for _ in range(100): f(lambda a, b: None)\nassert whipsnake.stats()['self_checks'] > 1000"
    )


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            "ctypes.c_ssize_t.from_address(a).value = 0",
            "object with an impossible reference count (variable 2: ",
        ),
        ("ctypes.c_ssize_t.from_address(a + 8).value = 0", "object whose type is no address (variable 2: "),
        (
            "ctypes.c_ssize_t.from_address(a + 16).value = 7",
            "int with a tag that means nothing (variable 2: ",
        ),
        (
            "ctypes.c_ssize_t.from_address(b + 16).value = 99",
            "list that is larger than its memory (variable 1: ",
        ),
    ],
)
def test_violations_end_the_process(spoil: str, message: str, tmp_path: object) -> None:
    """The report says what, where, and in which function."""
    program = f"{PRELUDE}{FUNCTION}\ndef spoil(a, b):\n    {spoil}\nf(spoil)\n"
    ran = python("-c", program)
    assert ran.code == -6, str(ran)
    assert f"whipsnake: self-check failed: {message}" in ran.stderr
    assert "before instruction " in ran.stderr and " of f, <string>" in ran.stderr
