"""``python -m tests.fuzz.bytecode.seeds FOLDER``: inputs for the fuzz target, from functions of the standard library.

The layout is that of ``hostile_code.h``.
"""

from __future__ import annotations

import dis
import hashlib
import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path

MODULES = (
    "argparse ast asyncio/tasks.py contextlib dataclasses difflib enum functools inspect typing _pydecimal"
)
MOST_BYTES = 1500
CACHE = dis.opmap["CACHE"]


def code_objects(code: types.CodeType) -> Iterator[types.CodeType]:
    """The code object and all inside it."""
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from code_objects(const)


def seed(code: types.CodeType) -> bytes | None:
    """The input for a code object, or None if it is too large for one."""
    units = [code.co_code[i : i + 2] for i in range(0, len(code.co_code), 2)]
    plain = b"".join(unit for unit in units if unit[0] != CACHE)
    cells = [name for name in code.co_cellvars if name not in code.co_varnames]
    counts = [len(code.co_varnames), len(cells), len(code.co_freevars), code.co_argcount]
    counts += [len(code.co_names), len(code.co_consts)]
    if len(plain) > MOST_BYTES or max(counts) > 255 or len(code.co_exceptiontable) > 255:
        return None
    generator, coroutine = 0x20, 0x80
    flags = 1 << 5
    flags |= (code.co_flags & generator != 0) << 1 | (code.co_flags & coroutine != 0) << 2
    header = bytes(counts) + code.co_stacksize.to_bytes(2, "little") + bytes([flags])
    return header + bytes([len(code.co_exceptiontable)]) + code.co_exceptiontable + plain


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    library = Path(os.__file__).parent
    for name in MODULES.split():
        source = library / (name if name.endswith(".py") else name + ".py")
        for code in code_objects(compile(source.read_bytes(), str(source), "exec", dont_inherit=True)):
            data = seed(code)
            if data is not None:
                (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
