#!/usr/bin/env bash
# Tests the compile-time switch: installs a build without machine code into an environment of its own and
# asks it what it says. BUILD is the build directory; its venv has the build tools.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tools=$BUILD/venv/bin
venv=$BUILD/off/venv

rm -rf "$BUILD/off/dist"
PATH=$tools:$PATH "$tools/python" -m pip --disable-pip-version-check wheel -q --no-deps --no-build-isolation --no-index \
  -w "$BUILD/off/dist" -C build-dir="$BUILD/off/cmake" -C cmake.define.WHIPSNAKE_JIT=OFF .
"$tools/python" -m venv --clear "$venv"
"$venv/bin/python" -m pip --disable-pip-version-check install -q --no-deps --no-index "$BUILD"/off/dist/*.whl
cd "$BUILD/off"
"$venv/bin/python" - <<'PY'
import re
from pathlib import Path

from whipsnake import _core

ok, reason = _core.supported()
assert ok is False and "WHIPSNAKE_JIT=OFF" in reason, (ok, reason)
try:
    _core.enable({})
except RuntimeError as error:
    assert str(error) == reason, error
else:
    raise AssertionError("enable() worked in a build without machine code")
assert _core.is_enabled() is False
assert _core.stats()["engine"] == "off"

# The contract with the package is the same as the real module's.
stub = (Path(_core.__file__).parent / "_core.pyi").read_text()
missing = {name for name in re.findall(r"^def (\w+)\(", stub, re.M) if not hasattr(_core, name)}
assert not missing, f"the inert extension lacks {missing}"
print(f"whipsnake: {reason}")
PY
