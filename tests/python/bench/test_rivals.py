"""Rivals: against their own plain interpreter; missing ones are named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from bench import measure, report, rivals
from bench.environment import SetupError
from bench.rivals import Contender
from test_bench import micro
from test_results import some_results


def test_rivals_are_measured_and_missing_ones_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def here(folder: Path) -> Contender:
        return Contender(sys.executable, sys.executable, {"X": "1"})

    def absent(folder: Path) -> Contender:
        raise SetupError("no package")

    monkeypatch.setattr(rivals, "RIVALS", {"Same": here, "Other": absent})
    monkeypatch.setattr(rivals, "EFFORT", measure.Effort(0.01, 0.01, 0.005))
    store = measure.Store(tmp_path / "results.jsonl", {}, resume=False)
    found = rivals.measure_all([micro("fib"), micro("nonesuch")], tmp_path / "rivals", 60.0, store)
    assert [rival["name"] for rival in found] == ["Same", "Other"]
    assert 0.2 < found[0]["items"]["fib"]["plain"] / found[0]["items"]["fib"]["rival"] < 5
    assert "failure" in found[0]["items"]["nonesuch"]
    assert rivals.missing(found) == "Missing here: Other (no package)."
    assert "Other: missing: no package" in capsys.readouterr().out


def test_the_table_has_a_column_for_each_rival() -> None:
    items = {"fib": {"plain": 2.0, "rival": 0.5}, "go": {"failure": "status 1"}}
    whole = some_results()
    whole.rivals = [
        {"name": "PyPy", "against": "3.9.1", "items": items},
        {"name": "CinderX", "missing": "no CPython 3.14 here", "items": {}},
    ]
    assert report.rival_lines(whole) == [
        ["benchmark", "whipsnake", "PyPy (CPython 3.9.1)", ""],
        ["go", "-", "-", ""],
        ["fib", "2.000 1.12 s", "4.000 500 ms", ""],
        ["geometric mean", "2.000", "4.000", ""],
    ]
    assert "Missing here: CinderX (no CPython 3.14 here)." in report.page(whole)
