"""The pages name only what there is: paths, functions, tags, and files that they link to."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "ARCHITECTURE.md", ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]

FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
FOLDERS = "jit src tests docs tools cmake demo examples bench".split()
# A path of ours starts with one of these, or with a folder of jit/, or is the name of a source file.
STARTS = {*FOLDERS, *(folder.name for folder in (ROOT / "jit").iterdir())}
FILE_NAME = re.compile(r"[\w-]+\.(?:h|cpp|py|md|toml)")
CALL = re.compile(r"(?!sys\.)(?:[\w:.]*(?:::|\.))?(\w+)\(\)")
TAG = re.compile(r"\[[a-z][a-z^-]*\]")
SOURCES = [
    "Makefile",
    *(f"{folder}/**/*{ext}" for folder in FOLDERS for ext in (".h", ".cpp", ".py", ".pyi", ".cmake")),
]


def quoted(page: Path) -> set[str]:
    """What stands in back quotes, outside of code blocks."""
    return set(QUOTED.findall(FENCE.sub("", page.read_text(encoding="utf-8"))))


def names_a_path(text: str) -> bool:
    in_folder = "/" in text and text.split("/")[0] in STARTS
    return " " not in text and (in_folder or bool(FILE_NAME.fullmatch(text)))


def exists(path: str) -> bool:
    """Whether a path exists, from the root or from jit/. ``<name>`` and ``*`` stand for anything; a file name
    alone may be in any folder."""
    pattern = re.sub(r"<\w+>", "*", path).rstrip("/")
    bases = [ROOT, ROOT / "jit"]
    if "/" not in pattern:
        bases += [ROOT / f"{folder}/**" for folder in FOLDERS]
    return any(True for base in bases for _ in ROOT.glob(f"{base.relative_to(ROOT)}/{pattern}"))


@cache
def words() -> frozenset[str]:
    """Every word of the sources."""
    found: set[str] = set()
    for pattern in SOURCES:
        for path in ROOT.glob(pattern):
            found.update(re.findall(r"\w+", path.read_text(encoding="utf-8")))
    return frozenset(found)


@pytest.fixture(params=PAGES, ids=lambda page: page.name)
def page(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_paths_exist(page: Path) -> None:
    assert [text for text in sorted(quoted(page)) if names_a_path(text) and not exists(text)] == []


def test_functions_exist(page: Path) -> None:
    calls = [match[1] for text in sorted(quoted(page)) if (match := CALL.fullmatch(text))]
    assert [name for name in calls if name not in words()] == []


def test_links_lead_somewhere(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_tags_are_in_the_sources() -> None:
    listed = {text for text in quoted(ROOT / "ARCHITECTURE.md") if TAG.fullmatch(text)}
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "jit").rglob("*.[hc]*"))
    assert listed
    assert [tag for tag in sorted(listed) if tag not in sources] == []


def test_the_picture_of_the_folders_is_right() -> None:
    """ARCHITECTURE.md lists the folders of jit/ in the order in which they may include each other."""
    layers = (ROOT / "cmake" / "layers.cmake").read_text(encoding="utf-8")
    order = re.search(r"set\(WHIPSNAKE_LAYERS\s+([\w\s]+)\)", layers)
    assert order is not None
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `?jit/(\w+)/`? \|", text, re.MULTILINE) == order[1].split()


def test_the_story_of_one_function_is_what_it_prints() -> None:
    """ARCHITECTURE.md shows, in this order and nothing else, what docs/one_function.py prints."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("WHIPSNAKE")}
    script = ROOT / "docs" / "one_function.py"
    printed = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=True, cwd="/", env=environ
    ).stdout
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert "".join(block for block in shown if block.startswith("-- ")) == printed
