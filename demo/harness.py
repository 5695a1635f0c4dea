"""What the demo's programs share: print everything, close with a digest, leave the figures behind.

A program ends with ``run(work, data)``. ``work(data)`` gives its whole result as pieces of text,
which go to standard output, followed by one line with their SHA-256; so two runs are equal when
their standard output is. Nothing that differs between two runs (times, addresses, memory) is printed.

The figures of a run go to the JSON file that the environment variable ``DEMO_STATS`` names, so that
neither output stream is touched:

``work_seconds``  seconds inside ``work`` (imports and reading the input are outside)
``native``        extension modules in use that do not belong to the standard library
``whipsnake``     ``whipsnake.stats()``, or null where Whipsnake is not switched on
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter
from typing import Any

STATS_VARIABLE = "DEMO_STATS"
EXTENSION_SUFFIXES = (".so", ".pyd")


def run(work: Callable[[Any], Iterable[str]], data: Any) -> None:
    """Do the work, print its pieces and their digest, and record the figures of this process."""
    digest = hashlib.sha256()
    size = 0
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")  # type: ignore[union-attr]
    start = perf_counter()
    for piece in work(data):
        encoded = piece.encode()
        digest.update(encoded)
        size += len(encoded)
        sys.stdout.write(piece)
    seconds = perf_counter() - start
    print(f"\n-- {size:,} bytes, sha256 {digest.hexdigest()}", flush=True)
    if path := os.environ.get(STATS_VARIABLE):
        figures = {"work_seconds": seconds, "native": _native_modules(), "whipsnake": _jit_stats()}
        Path(path).write_text(json.dumps(figures), encoding="utf-8")


def _jit_stats() -> dict[str, Any] | None:
    """Return ``whipsnake.stats()`` of this process, or None where Whipsnake is not at work."""
    if "whipsnake" not in sys.modules and os.environ.get("WHIPSNAKE", "off") == "off":
        return None
    whipsnake = importlib.import_module("whipsnake")  # started late, it is no module that a program sees
    stats: dict[str, Any] | None = whipsnake.stats() if whipsnake.is_enabled() else None
    return stats


def _native_modules() -> list[str]:
    """Name the third-party extension modules in use; a pure-Python demo expects (nearly) none."""
    names = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if (
            file.endswith(EXTENSION_SUFFIXES)
            and "lib-dynload" not in file
            and not name.startswith("whipsnake")
        ):
            names.append(name)
    return sorted(names)
