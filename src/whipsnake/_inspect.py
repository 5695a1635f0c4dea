"""The subcommands that look and do nothing: ``opcodes``, ``info`` and ``options``."""

from __future__ import annotations

import argparse
import json
import os
import sys

from .options import OPTIONS, resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any


def _parser(name: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"whipsnake {name}", description=description)
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print columns as wide as their widest cell, the last one without padding."""
    table = [header, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(header) - 1)]
    for row in table:
        print(
            "  ".join(
                [*(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)), row[-1]]
            ).rstrip()
        )


def opcodes(arguments: list[str]) -> int:
    """``whipsnake opcodes``: returns the exit code."""
    import whipsnake

    chosen = _parser("opcodes", "List this interpreter's opcodes: compiled, or declined and why.").parse_args(
        arguments
    )
    rows = whipsnake.opcodes()
    if chosen.json:
        print(json.dumps(rows, indent=1))
    elif rows:
        _print_table(
            ("number", "name", "state", "specialises / reason"),
            [
                (
                    f"{row['number']:>6}",
                    row["name"],
                    "compiled" if row["handled"] else "declined",
                    row["reason"] if not row["handled"] else row["specializes"] or "",
                )
                for row in rows
            ],
        )
        handled = sum(row["handled"] for row in rows)
        print(f"{len(rows)} opcodes: {handled} compiled, {len(rows) - handled} declined")
    if not rows:
        _, reason = whipsnake.supported()
        print(f"whipsnake: {reason or 'this build lists no opcodes'}", file=sys.stderr)
        return 1
    return 0


def info(arguments: list[str]) -> int:
    """``whipsnake info``: returns the exit code, 0 where Whipsnake works and 1 where it does not."""
    import whipsnake

    chosen = _parser("info", "Say what this build is and whether it works here.").parse_args(arguments)
    ok, reason = whipsnake.supported()
    facts: dict[str, Any] = {
        "version": whipsnake.__version__,
        "python": sys.version,
        "executable": sys.executable,
        "supported": ok,
        "reason": reason,
        "engines": whipsnake.engines(),
        "autoload": _autoload_files(),
    }
    try:
        from . import _core
    except ImportError:
        pass
    else:
        facts["build"] = _core.build_info()
    if chosen.json:
        print(json.dumps(facts, indent=1))
    else:
        _print_facts(facts)
    return 0 if ok else 1


def _autoload_files() -> list[str]:
    from ._pth import places

    return [str(path) for path in places() if path.exists()]


def _print_facts(facts: Mapping[str, Any], indent: str = "") -> None:
    for name, value in facts.items():
        if isinstance(value, dict):
            print(f"{indent}{name}:")
            _print_facts(value, indent + "  ")
        else:
            shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            if isinstance(value, bool):
                shown = "yes" if value else "no"
            if shown:
                print(f"{indent}{name}: {shown}")


def options(arguments: list[str], given: Mapping[str, str]) -> int:
    """``whipsnake options``: returns the exit code."""
    parser = _parser("options", "List the options with their values and where they come from.")
    parser.add_argument("--markdown", action="store_true", help="print the page docs/options.md")
    chosen = parser.parse_args(arguments)
    if chosen.markdown:
        print(markdown(), end="")
        return 0
    values = resolve(given, os.environ)
    rows = []
    for option in OPTIONS:
        origin = "default"
        if option.name in given:
            origin = "command line"
        elif os.environ.get(option.env):
            origin = "environment"
        rows.append((option.flag, option.env, option.kind.show(values[option.name]), origin))
    if chosen.json:
        print(json.dumps(values, indent=1))
    else:
        _print_table(("flag", "environment", "value", "from"), rows)
    return 0


def markdown() -> str:
    """The page ``docs/options.md``."""
    lines = [
        "# Options",
        "",
        "<!-- Made from src/whipsnake/options.py; do not edit, run `whipsnake options --markdown`. -->",
        "",
        "Each option is a flag of the command `whipsnake`, an environment variable, and a keyword of",
        "`whipsnake.enable()`. The flag or keyword goes before the environment variable, and that before the",
        "default.",
        "An environment variable that is set to nothing counts as not set.",
        "",
        "`whipsnake options` prints the values that are in force.",
        "",
        "| flag | environment variable | keyword | allowed | default | meaning |",
        "|---|---|---|---|---|---|",
    ]
    for option in OPTIONS:
        cells = (
            f"`{option.flag}`",
            f"`{option.env}`",
            f"`{option.name}`",
            option.kind.allowed,
            f"`{option.kind.show(option.default)}`",
            option.help,
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
