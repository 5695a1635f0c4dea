"""Code objects that no compiler makes behave as in the interpreter, if that survives them."""

from __future__ import annotations

import inspect
import opcode
import types
from pathlib import Path

import pytest
from support import enabled, python

import whipsnake

ROOT = Path(__file__).resolve().parents[3]


def assemble(*units: tuple[str, int]) -> bytes:
    """Bytecode with the caches that each instruction has."""
    code = b""
    for name, argument in units:
        cells = sum(opcode._cache_format.get(name, {}).values())  # type: ignore[attr-defined]
        code += bytes((opcode.opmap[name], argument)) + bytes(2 * cells)
    return code


def function(*units: tuple[str, int], **parts: object) -> types.FunctionType:
    """``def f(a, b)`` with that bytecode."""

    def f(a: object, b: object) -> object:
        c = a
        return c, b, 1, "text"

    return types.FunctionType(f.__code__.replace(co_code=assemble(*units), **parts), globals())  # type: ignore[arg-type]


END = ("RETURN_CONST", 0)
DECLINED = {
    "a stack deeper than sites can say": function(("RESUME", 0), END, co_stacksize=70000),
    "a deep stack that is used": function(
        ("RESUME", 0),
        ("LOAD_FAST", 0),
        ("EXTENDED_ARG", 255),
        ("UNPACK_SEQUENCE", 255),
        END,
        co_stacksize=70000,
    ),
    "a stack that is too small": function(
        ("RESUME", 0),
        ("LOAD_FAST", 0),
        ("LOAD_FAST", 1),
        ("BINARY_OP", 0),
        ("RETURN_VALUE", 0),
        co_stacksize=1,
    ),
    "a comparison by one operator whose outcomes are those of another": function(
        ("RESUME", 0),
        ("LOAD_FAST", 0),
        ("LOAD_FAST", 1),
        ("COMPARE_OP", 2 << 5 | 2),
        ("RETURN_VALUE", 0),
    ),
    "keys that are no tuple": function(
        ("RESUME", 0),
        ("LOAD_FAST", 0),
        ("LOAD_CONST", 1),
        ("BUILD_CONST_KEY_MAP", 1),
        ("RETURN_VALUE", 0),
    ),
    "a generator that begins with values on its stack": function(
        ("LOAD_FAST", 0),
        ("RETURN_GENERATOR", 0),
        ("POP_TOP", 0),
        ("RESUME", 0),
        END,
        co_flags=inspect.CO_OPTIMIZED | inspect.CO_NEWLOCALS | inspect.CO_GENERATOR,
    ),
    "a generator that is not said to be one": function(
        ("RETURN_GENERATOR", 0), ("POP_TOP", 0), ("RESUME", 0), END
    ),
    "a jump out of the code": function(("RESUME", 0), ("JUMP_FORWARD", 200), END),
    "EXTENDED_ARG at the end": function(("RESUME", 0), END, ("EXTENDED_ARG", 1)),
    "a table that is none": function(("RESUME", 0), END, co_exceptiontable=b"\x81\x40"),
    "a handler outside": function(("RESUME", 0), END, co_exceptiontable=b"\x80\x02\x3f\x00"),
}


@pytest.mark.parametrize("what", DECLINED)
def test_declined(what: str) -> None:
    with enabled():
        assert not whipsnake.compile(DECLINED[what])
        assert whipsnake.tier(DECLINED[what]) == "declined" and whipsnake.why(DECLINED[what])


def test_unreachable_nonsense_does_not_matter() -> None:
    with enabled():
        f = function(("RESUME", 0), ("LOAD_FAST", 0), ("RETURN_VALUE", 0), ("POP_TOP", 0), ("NOP", 0))
        assert f(7, 8) == 7
        whipsnake.compile(f)
        assert f(7, 8) == 7


def test_null_that_becomes_a_variable() -> None:
    """PUSH_NULL, STORE_FAST unbinds it, which the interpreter allows."""
    with enabled():
        f = function(
            ("RESUME", 0), ("PUSH_NULL", 0), ("STORE_FAST", 0), ("LOAD_FAST_CHECK", 0), ("RETURN_VALUE", 0)
        )
        for _ in range(2):
            with pytest.raises(UnboundLocalError):
                f(7, 8)
            whipsnake.compile(f)


@pytest.mark.parametrize("lasti", ["no int", 0])
def test_reraise_at_an_instruction_that_is_none(lasti: object) -> None:
    with enabled():
        raises = ("RESUME", 0), ("LOAD_FAST", 0), ("LOAD_FAST", 1), ("RAISE_VARARGS", 1)
        f = function(*raises, ("RERAISE", 1), co_exceptiontable=b"\x83\x01\x04\x02")
        expected = ValueError if lasti == 0 else SystemError
        for _ in range(2):
            with pytest.raises(expected):
                f(lasti, ValueError())
            assert whipsnake.compile(f)


def test_mutants() -> None:
    """Functions with a change or three: `make fuzz-bytecode` makes more."""
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tests.fuzz.bytecode.__main__ import main"
    ran = python(
        "-c", f"{program}; sys.argv[1:] = '--seed 1 --count 40'.split(); sys.exit(main())", timeout=280
    )
    assert ran.code == 0, str(ran)
    counts = dict(line.rsplit(None, 1) for line in ran.stdout.splitlines()[1:])
    assert int(counts["compiled"]) > 5 and int(counts["declined"]) > 5, counts
