"""Rivals: against their own plain interpreter; missing ones are named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from bench import measure, report, rivals
from bench.catalogue import Item
from bench.environment import SetupError
from bench.rivals import Contender
from test_bench import micro
from test_results import some_results


def test_rivals_are_measured_and_missing_ones_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def here(folder: Path) -> Contender:
        return Contender(sys.executable, sys.executable, {"RIVAL": "1"})

    def absent(folder: Path) -> Contender:
        raise SetupError("no package")

    program = tmp_path / "bench" / "micro" / "choice.py"
    program.parent.mkdir(parents=True)
    program.write_text(
        "import os\nN = 20_000 if 'RIVAL' in os.environ else 60_000\n"
        "def run(n: no_such_name) -> int:\n    return sum(sum(range(N)) for _ in range(n)) and n\n"
    )
    (tmp_path / "rivals" / "packages").mkdir(parents=True)
    monkeypatch.setattr(rivals, "RIVALS", {"Same": here, "Other": absent})
    monkeypatch.setattr(rivals, "MICRO", measure.Effort(0.01, 0.03, 0.005))
    store = measure.Store(tmp_path / "results.jsonl", {}, resume=False)
    other = program.with_name("other.py")
    other.write_text("import os\ndef run(n):\n    return 'RIVAL' in os.environ\n")
    items = [
        Item("choice", "micro", program),
        Item("other", "micro", other),
        micro("nonesuch"),
        Item("startup_pass", "startup", Path()),
    ]
    found = rivals.measure_all(items, tmp_path / "rivals", 60.0, store)
    assert [rival["name"] for rival in found] == ["Same", "Other"]
    assert found[0]["items"]["choice"]["ratio"] > 1.5
    assert found[0]["items"]["other"] == {"failure": "the result differs"}
    assert "failure" in found[0]["items"]["nonesuch"]
    assert rivals.missing(found) == "Missing here: Other (no package)."
    assert "Other: missing: no package" in capsys.readouterr().out


def test_rivals_run_what_needs_no_packages(tmp_path: Path) -> None:
    for name in ("html5lib", "chaos", "json_dumps"):
        (tmp_path / f"bm_{name}").mkdir()
    (tmp_path / "bm_html5lib" / "requirements.txt").touch()
    needs, alone, native = (
        Item(name, "pyperf", tmp_path / f"bm_{name}" / "run_benchmark.py")
        for name in ("html5lib", "chaos", "json_dumps")
    )
    web, std = (Item(name, "workload", tmp_path / f"{name}.py") for name in ("web", "std_text"))
    start = Item("startup_pass", "startup", Path())
    assert rivals.suitable([needs, alone, native, web, std, start, micro("fib")]) == [
        alone,
        std,
        micro("fib"),
    ]


def test_the_table_has_a_column_for_each_rival() -> None:
    items = {"fib": {"plain": 2.0, "rival": 0.5, "ratio": 4.0}, "go": {"failure": "status 1"}}
    whole = some_results()
    whole.rivals = [
        {"name": "PyPy", "against": "3.9.1", "items": items},
        {"name": "CinderX", "missing": "no CPython 3.14 here", "items": {}},
    ]
    assert report.rival_lines(whole) == [
        ["benchmark", "whipsnake", "PyPy (CPython 3.9.1)", ""],
        ["go", "-", "-", "PyPy: status 1"],
        ["fib", "2.000 1.12 s", "4.000 500 ms", ""],
        ["geometric mean", "2.000", "4.000", ""],
    ]
    assert "Missing here: CinderX (no CPython 3.14 here)." in report.page(whole)
