"""The extension asks of the interpreter only what every build of it exports.

Builds for distributions hide what the headers declare without PyAPI_FUNC or PyAPI_DATA.
"""

from __future__ import annotations

import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

import whipsnake

PACKAGE = Path(whipsnake.__file__).parent
EXPORTED = re.compile(r"PyAPI_(?:FUNC|DATA)\s*\([^()]*(?:\([^()]*\)[^()]*)*\)\s*(\w+)")


def exported_names() -> set[str]:
    headers = Path(sysconfig.get_path("include")).rglob("*.h")
    return {name for header in headers for name in EXPORTED.findall(header.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("extension", sorted(PACKAGE.glob("*.so")), ids=lambda path: path.name.split(".")[0])
def test_needs_exported_symbols_only(extension: Path) -> None:
    listed = subprocess.check_output(["nm", "-D", "--undefined-only", "--format=posix", extension], text=True)
    needed = {
        name for name in (line.split()[0] for line in listed.splitlines()) if re.match(r"_?Py[A-Z_]", name)
    }
    assert len(needed) > 5
    assert needed - exported_names() == set()
