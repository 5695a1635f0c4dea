"""Engines of other packages, found through entry points."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import whipsnake

PACKAGE = """
def engine_capsule():
    return "by-module"

def make():
    return "by-function"

def misnamed():
    return "something else"

def broken():
    raise RuntimeError("built for\\nanother version")

def wrong():
    return 42
"""

ENTRY_POINTS = """\
[whipsnake.engines]
by-module = acme_engines
by-function = acme_engines:make
misnamed = acme_engines:misnamed
broken = acme_engines:broken
wrong = acme_engines:wrong
absent = acme_no_such_module
nothing = acme_engines:nothing
"""


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake: ModuleType) -> Iterator[ModuleType]:
    """A package that offers engines, installed."""
    (tmp_path / "acme_engines.py").write_text(PACKAGE)
    info = tmp_path / "acme-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(tmp_path)
    yield fake
    sys.modules.pop("acme_engines", None)


@pytest.mark.parametrize("name", ["by-module", "by-function"])
def test_an_installed_engine_is_loaded_by_its_name(acme: ModuleType, name: str) -> None:
    assert name not in acme.engines()
    whipsnake.enable(engine=name)
    assert whipsnake.stats()["engine"] == name
    whipsnake.enable(engine=name)
    assert acme.engines().count(name) == 1


def test_names_are_listed(acme: ModuleType) -> None:
    names = whipsnake.engines()
    assert names[:2] == ["off", "baseline"]
    assert {"by-module", "by-function"} <= set(names)
    with pytest.raises(ValueError, match=r"^unknown engine 'tiered'; allowed: off, baseline, .*by-module"):
        whipsnake.enable(engine="tiered")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("misnamed", "registered itself under another name, 'something else'"),
        ("broken", r"\(acme_engines:broken\) could not be loaded: built for another version"),
        ("wrong", "could not be loaded: not an engine's capsule"),
        ("absent", "could not be loaded: No module named 'acme_no_such_module'"),
        ("nothing", "could not be loaded: module 'acme_engines' has no attribute 'nothing'"),
    ],
)
def test_an_engine_that_does_not_keep_to_the_rules(acme: ModuleType, name: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"^engine '{name}' .*{text}") as error:
        whipsnake.enable(engine=name)
    assert "\n" not in str(error.value)
    assert not whipsnake.is_enabled()
