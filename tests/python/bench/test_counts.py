"""Instruction counts: read, compared, and within the committed baseline."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from bench import counts
from bench.environment import SetupError, probe


def test_parts_are_read_in_order(tmp_path: Path) -> None:
    for name, number in (("out", 9), ("out.1", 1), ("out.10", 3), ("out.2", 2)):
        (tmp_path / name).write_text(f"desc: x\ntotals: {number}\n")
    assert counts.read_parts(tmp_path) == [1, 2, 3, 9]
    (tmp_path / "out").write_text("")
    with pytest.raises(SetupError, match="no count"):
        counts.read_parts(tmp_path)


def test_what_is_longer_by_more_than_the_tolerance_is_told() -> None:
    baseline = {"a": 1_000_000, "b": 1_000_000, "c": 1_000_000}
    found = counts.regressions({"a": 1_050_000, "b": 1_020_000, "c": 500_000, "d": 1}, baseline, 0.025)
    assert found == ["a: 1,050,000 instructions, +5.0%", "d: no baseline"]


def test_writing_leaves_other_sections_alone(tmp_path: Path) -> None:
    path = tmp_path / "counts.json"
    counts.write_baseline("one", {"a": 1}, path)
    counts.write_baseline("two", {"a": 2}, path)
    counts.write_baseline("one", {"a": 3}, path)
    assert counts.read_baseline("one", path) == {"a": 3}
    assert counts.read_baseline("two", path) == {"a": 2}
    assert counts.read_baseline("three", path) is None


def test_a_process_that_fails_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SetupError, match="valgrind is not installed"):
        counts.callgrind([sys.executable, "-c", "pass"])


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_machine_code_has_not_become_longer() -> None:
    """If it has, and that is meant: ``python -m bench.counts --write``."""
    interpreter = probe(sys.executable)
    section = counts.section_for(interpreter)
    baseline = counts.read_baseline(section)
    if baseline is None:
        pytest.skip(f"no baseline for {section}; python -m bench.counts --write adds one")
    assert counts.regressions(counts.count(interpreter, sys.executable), baseline, counts.TOLERANCE) == []
