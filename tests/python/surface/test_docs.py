"""``docs/usage.md`` names only what there is."""

import re
from pathlib import Path

import whipsnake
from whipsnake import _cli
from whipsnake.options import OPTIONS

PAGE = Path(__file__).parents[3] / "docs" / "usage.md"


def test_usage_names_what_there_is() -> None:
    text = PAGE.read_text(encoding="utf-8")
    functions = set(re.findall(r"whipsnake\.(\w+)\(", text)) | set(re.findall(r"@whipsnake\.(\w+)", text))
    assert functions and functions <= set(whipsnake.__all__)
    assert set(re.findall(r"WHIPSNAKE\w*", text)) <= {option.env for option in OPTIONS}
    for line in re.findall(r"^whipsnake .*--.*$", text, re.MULTILINE):
        _cli.parse(line.split()[1:])


def test_usage_tells_of_everything_public() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [
        name for name in whipsnake.__all__ if f"{name}(" not in text and f"@whipsnake.{name}" not in text
    ] == ["__version__"]
    assert [name for name in _cli._COMMANDS if f"whipsnake {name}" not in text] == []
