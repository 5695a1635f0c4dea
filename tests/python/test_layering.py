"""The folder list of jit/ is the architecture: this checks that the includes keep to it.

The order is read from cmake/layers.cmake, which also decides what links with what.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# What may be named in one folder only, and why it is there.
CPYTHON_ONLY = re.compile(r"\b(PY_VERSION_HEX|Py_GIL_DISABLED|pycore_\w*)")
INTERNAL_HEADER = re.compile(r"(^|/)internal/|(^|/)pycore_")
ASSEMBLER_HEADER = re.compile(r"(^|/)(xbyak|vixl)/|^aarch64/|-vixl\.h$")
PYTHON_HEADER = re.compile(r"(^|/)(Python|structmember|frameobject|datetime)\.h$|^cpython/")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)
# A comment, or something in which // and /* start none.
COMMENT_OR_LITERAL = re.compile(
    r"(?P<comment>//[^\n]*|/\*.*?\*/)"
    r'|R"(?P<delimiter>[^\s()\\]{0,16})\(.*?\)(?P=delimiter)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<!\w)'(?:\\.|[^'\\\n])*'",
    re.DOTALL,
)


@dataclass(frozen=True)
class Layers:
    order: list[str]
    without_python: list[str]


def read_layers(cmake: str) -> Layers:
    def listed(name: str) -> list[str]:
        match = re.search(rf"^set\({name}\s+([^)]*)\)", cmake, re.MULTILINE)
        assert match, f"cmake/layers.cmake sets no {name}"
        return match[1].split()

    return Layers(listed("WHIPSNAKE_LAYERS"), listed("WHIPSNAKE_LAYERS_WITHOUT_PYTHON"))


def without_comments(text: str) -> str:
    """The text with comments blanked, lines kept."""

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match[0]) if match["comment"] else match[0]

    return COMMENT_OR_LITERAL.sub(blank, text)


def violations(root: Path, layers: Layers) -> Iterator[str]:
    """Each breach of the rules below root/jit, as `file:line: what`."""
    for path in sorted((root / "jit").rglob("*")):
        if path.suffix not in {".h", ".cpp", ".inc"}:
            continue
        name = path.relative_to(root).as_posix()
        layer = path.relative_to(root / "jit").parts[0]
        if layer not in layers.order:
            yield f"{name}:1: jit/{layer} is not in WHIPSNAKE_LAYERS"
            continue
        code = without_comments(path.read_text(encoding="utf-8"))
        found = list(include_violations(name, layer, code, layers))
        if layer != "cpython":
            # Includes are judged above; blanking them keeps the positions.
            rest = INCLUDE.sub(lambda match: " " * len(match[0]), code)
            found += [(m.start(), f"{m[0]} belongs into jit/cpython") for m in CPYTHON_ONLY.finditer(rest)]
        for position, what in found:
            yield f"{name}:{code.count(chr(10), 0, position) + 1}: {what}"


def include_violations(name: str, layer: str, code: str, layers: Layers) -> Iterator[tuple[int, str]]:
    stub = name.startswith("jit/module/stub/")
    for match in INCLUDE.finditer(code):
        included = match[1] or match[2]
        if included.startswith("jit/"):
            target = included.split("/")[1]
            if stub:
                yield match.start(), f"the stub includes {included}: it must build without the rest of jit/"
            elif target not in layers.order:
                yield match.start(), f"includes {included}, which is in no layer"
            elif layers.order.index(target) > layers.order.index(layer):
                yield match.start(), f"jit/{layer} includes {included}, from a layer below it"
            elif layer in layers.without_python and target not in layers.without_python:
                yield match.start(), f"jit/{layer} includes {included}, from a layer that needs Python.h"
        elif match[1] and included.startswith("."):
            yield match.start(), f"includes {included}: includes start at the repository's root"
        if INTERNAL_HEADER.search(included) and layer != "cpython":
            yield match.start(), f"includes {included}: CPython's internals belong into jit/cpython"
        if ASSEMBLER_HEADER.search(included) and layer != "asm":
            yield match.start(), f"includes {included}: assemblers belong into jit/asm"
        if PYTHON_HEADER.search(included) and layer in layers.without_python:
            yield match.start(), f"includes {included}: jit/{layer} knows no Python"


@pytest.fixture(scope="module")
def layers() -> Layers:
    return read_layers((ROOT / "cmake/layers.cmake").read_text(encoding="utf-8"))


def test_order_is_the_agreed_one(layers: Layers) -> None:
    # A folder may be added to the list; the order among these is the design.
    agreed = "support asm cpython runtime baseline opcodes engine observe module".split()
    assert [layer for layer in layers.order if layer in agreed] == agreed
    assert {"support", "asm"} <= set(layers.without_python)
    assert "cpython" not in layers.without_python


def test_sources_keep_to_the_layers(layers: Layers) -> None:
    assert list((ROOT / "jit").rglob("*.cpp")), "no sources found: the check would be empty"
    found = list(violations(ROOT, layers))
    assert not found, "\n" + "\n".join(found)


# ---- the checker itself

GOOD = {
    "jit/support/arena.h": "#pragma once\n#include <cstddef>\n",
    "jit/support/arena.cpp": '#include "jit/support/arena.h"\n',
    "jit/asm/x64/masm.cpp": '#include <xbyak/xbyak.h>\n#include "jit/support/arena.h"\n',
    "jit/asm/a64/masm.cpp": '#include "vixl/aarch64/macro-assembler-aarch64.h"\n',
    "jit/cpython/port.h": (
        "#include <Python.h>\n#include <internal/pycore_frame.h>\n#if PY_VERSION_HEX < 1\n#endif\n"
    ),
    # Comments may name the origin of a fact; strings are not comments.
    "jit/runtime/frames.cpp": (
        "// 3.13 Include/internal/pycore_frame.h, PY_VERSION_HEX\n"
        "/* #include <xbyak/xbyak.h>\n   pycore_frame.h */\n"
        'const char* url = "http://x"; const char quote = \'"\';\n'
        '#include "jit/cpython/port.h"\n'
    ),
    "jit/module/module.cpp": '#include <Python.h>\n#include "jit/engine/engine.h"\n',
    "jit/module/stub/module.cpp": "#include <Python.h>\n",
}

BAD = [
    ("jit/support/a.cpp", '\n#include "jit/asm/masm.h"\n', 2, "from a layer below"),
    ("jit/runtime/a.h", '#include "jit/engine/engine.h"\n', 1, "from a layer below"),
    ("jit/engine/a.h", '  #  include "jit/module/options.h"\n', 1, "from a layer below"),
    ("jit/runtime/a.cpp", '#include "jit/nowhere/a.h"\n', 1, "no layer"),
    ("jit/nowhere/a.cpp", "", 1, "not in WHIPSNAKE_LAYERS"),
    ("jit/runtime/a.cpp", '#include "../engine/engine.h"\n', 1, "repository's root"),
    ("jit/runtime/a.cpp", "\n\n#include <internal/pycore_frame.h>\n", 3, "internals"),
    ("jit/baseline/a.cpp", '#include "pycore_frame.h"\n', 1, "internals"),
    ("jit/engine/a.cpp", "#define X\n#if PY_VERSION_HEX >= 0x030d0000\n#endif\n", 2, "PY_VERSION_HEX"),
    ("jit/engine/a.cpp", "#ifdef Py_GIL_DISABLED\n#endif\n", 1, "Py_GIL_DISABLED"),
    ("jit/module/stub/a.cpp", '#include "jit/support/arena.h"\n', 1, "stub"),
    ("jit/baseline/a.cpp", "#include <xbyak/xbyak.h>\n", 1, "assemblers"),
    ("jit/opcodes/a.cpp", '#include "vixl/aarch64/disasm-aarch64.h"\n', 1, "assemblers"),
    ("jit/support/a.h", "#include <Python.h>\n", 1, "knows no Python"),
    ("jit/asm/a.h", '#include "Python.h"\n', 1, "knows no Python"),
    # A string with // in it hides nothing, and neither does an apostrophe between digits.
    ("jit/runtime/a.cpp", 'auto s = "//"; int v = PY_VERSION_HEX;\n', 1, "PY_VERSION_HEX"),
    ("jit/runtime/a.cpp", "int n = 1'000;\n#include <xbyak/xbyak.h>\nint m = 2'000;\n", 2, "assemblers"),
]


def write_tree(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def test_checker_accepts_a_good_tree(tmp_path: Path, layers: Layers) -> None:
    write_tree(tmp_path, GOOD)
    assert list(violations(tmp_path, layers)) == []


@pytest.mark.parametrize(("name", "text", "line", "complaint"), BAD)
def test_checker_rejects(
    tmp_path: Path, layers: Layers, name: str, text: str, line: int, complaint: str
) -> None:
    write_tree(tmp_path, {**GOOD, name: text})
    (found,) = violations(tmp_path, layers)
    assert found.startswith(f"{name}:{line}: ")
    assert complaint in found


def test_ir_may_not_reach_python_through_another_layer(tmp_path: Path) -> None:
    layers = Layers("support asm cpython ir".split(), "support asm ir".split())
    write_tree(tmp_path, {"jit/ir/node.h": '#include "jit/cpython/port.h"\n', "jit/cpython/port.h": ""})
    (found,) = violations(tmp_path, layers)
    assert "needs Python.h" in found
