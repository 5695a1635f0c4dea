"""The statistics that ``WHIPSNAKE_STATS=1`` prints at exit.

Whatever the core counts is printed, so that a new counter needs no change here; only units are known by the
key's ending.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TextIO

__all__ = ["format_report", "print_at_exit"]

_registered = False


def print_at_exit() -> None:
    """Arrange for the report to be printed to stderr when the interpreter exits; more calls change
    nothing."""
    global _registered
    if not _registered:
        import atexit

        atexit.register(_print)
        _registered = True


def _print(stream: TextIO | None = None) -> None:
    from whipsnake import stats

    out = stream or sys.stderr
    if out is None:
        return
    try:
        out.write(format_report(stats()))
        out.flush()
    except (OSError, ValueError):  # a closed pipe or file: nobody is there to read
        pass


def format_report(stats: Mapping[str, Any]) -> str:
    """The report as text: one line per counter, tables of counts by reason indented below their name, largest
    first."""
    lines = ["whipsnake statistics"]
    simple = {key: value for key, value in stats.items() if not isinstance(value, dict)}
    width = max((len(_label(key)) for key in simple), default=0)
    lines += [f"  {_label(key):<{width}}  {_value(key, value)}" for key, value in simple.items()]
    for key, table in stats.items():
        if isinstance(table, dict):
            lines += _table(_label(key), table)
    return "\n".join(lines) + "\n"


def _table(label: str, table: Mapping[str, Any]) -> list[str]:
    if not table:
        return [f"  {label}: none"]
    if all(isinstance(count, (int, float)) for count in table.values()):
        rows = sorted(table.items(), key=lambda row: (-row[1], row[0]))
    else:
        rows = list(table.items())
    texts = [(_value("", value), reason) for reason, value in rows]
    width = max(len(text) for text, _ in texts)
    return [f"  {label}", *(f"    {text:>{width}}  {reason}" for text, reason in texts)]


def _label(key: str) -> str:
    return key.removesuffix("_ns").replace("_", " ")


def _value(key: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key.endswith("_ns") and isinstance(value, (int, float)):
        return f"{value / 1e6:,.3f} ms"
    if "bytes" in key and isinstance(value, int):
        return f"{value:,} bytes"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)
