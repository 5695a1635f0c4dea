"""The machine code of a dozen small functions is what ``tests/text/<name>.txt`` says.

``BLESS=1`` writes the files anew; the difference then shows in review what a change does to the code.
"""

from __future__ import annotations

import inspect
import os
import platform
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType

import pytest
from shapes import SHAPES

import whipsnake
from whipsnake import _core

FOLDER = Path(__file__).parent
JIT = FOLDER.parents[1] / "jit"
NEVER = 2**31 - 1

pytestmark = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="the texts are x86-64 assembly"
)


@pytest.fixture(scope="module", autouse=True)
def compiling() -> Iterator[None]:
    whipsnake.enable(
        engine="baseline",
        threshold=NEVER,
        loop_threshold=NEVER,
        loops=False,
        entry="vectorcall",
        watchers=True,
    )
    yield
    whipsnake.disable()


def assembly(name: str) -> str:
    """Source and machine code of one shape."""
    from assembly import listing

    function, warm_up = SHAPES[name]
    assert isinstance(function, FunctionType)
    for _ in range(20):
        warm_up()
    assert whipsnake.compile(function), whipsnake.why(function)
    source = textwrap.dedent(inspect.getsource(function))
    # Sites that ask the shared table of attributes have a number, by how many there were before them in this process.
    text = re.sub(r"(add     rcx, )0x[0-9a-f]+(\n +and     ecx, )", r"\1@name\2", listing(function))
    text = re.sub(r"(cmp     dword ptr \[rcx \+ 4\], )(0x)?[0-9a-f]+", r"\1@site", text)
    return textwrap.indent(source, "# ") + "\n" + text


@pytest.mark.parametrize("name", SHAPES)
def test_machine_code_is_as_expected(name: str) -> None:
    path = FOLDER / f"{name}.txt"
    text = assembly(name)
    if os.environ.get("BLESS") == "1":
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"no {path.name}: BLESS=1 writes it"
    assert text == path.read_text(encoding="utf-8"), "BLESS=1 accepts the difference"


def test_there_is_a_shape_for_each_text() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(SHAPES)


def test_no_address_is_left() -> None:
    for path in FOLDER.glob("*.txt"):
        assert not re.search(r"0x[0-9a-f]{9,}", path.read_text(encoding="utf-8")), path.name


def test_every_opcode_helper_has_a_name() -> None:
    header = (JIT / "runtime/ops/ops.h").read_text(encoding="utf-8")
    helpers = re.findall(r"^OpFunction (\w+);", header, re.MULTILINE)
    named = (JIT / "observe/disassembly.cpp").read_text(encoding="utf-8")
    assert helpers
    assert [helper for helper in helpers if f"NAMED({helper})" not in named] == []


def test_an_interpreted_function_has_no_machine_code() -> None:
    def interpreted() -> None: ...

    assert _core.machine_code(interpreted) is None
    with pytest.raises(TypeError):
        _core.machine_code(len)


def test_only_large_functions_unpack_by_shared_code() -> None:
    from assembly import listing

    for lines, shared in ((20, False), (120, True)):
        namespace: dict[str, FunctionType] = {}
        padding = " if n > 10**9: a = n*2+b-c\n" * lines
        exec(f"def f(n, t):\n a=b=c=d=0\n{padding} a,b,c,d = t\n return a,b,c,d", namespace)
        f = namespace["f"]
        for _ in range(20):
            assert f(1, (1, 2, 3, 4)) == (1, 2, 3, 4)
        assert whipsnake.compile(f), whipsnake.why(f)
        assert bool(re.search(r"call +unpack\n", listing(f))) is shared
        assert f(1, [1, 2, 3, 4]) == (1, 2, 3, 4) and whipsnake.tier(f) == "baseline"
