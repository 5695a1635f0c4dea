"""The comparison of two runs knows the noise."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest
from bench import compare, results
from bench.measure import Row
from bench.results import Results
from test_bench import failed, row


def run(rows: list[Row], **facts: str) -> Results:
    return Results(facts, False, {"harness": "x"}, rows)


def noisy(name: str, ratio: float, scatter: float, source: random.Random, rounds: int = 3) -> Row:
    return row(name, [ratio * math.exp(source.gauss(0, scatter)) for _ in range(rounds)], [1.0] * rounds)


def words(before: list[Row], after: list[Row], least: float = 0.02) -> dict[str, str]:
    return {found.name: found.word for found in compare.compare(run(before), run(after), least)}


def test_chance_alone_is_no_change() -> None:
    source = random.Random(1)
    before, after = ([noisy(f"b{i}", 1.5, 0.01, source) for i in range(300)] for _ in range(2))
    found = list(words(before, after).values())
    assert found.count("same") >= 297


def test_a_change_larger_than_the_noise_is_found() -> None:
    source = random.Random(2)
    before = [noisy(f"b{i}", 1.5, 0.005, source) for i in range(40)]
    after = [
        noisy(f"b{i}", 1.5 * (0.95 if i < 10 else 1.05 if i < 20 else 1.0), 0.005, source) for i in range(40)
    ]
    found = words(before, after)
    assert [name for name, word in found.items() if word == "slower"] == sorted(
        (f"b{i}" for i in range(10)), key=list(found).index
    )
    assert sum(word == "faster" for word in found.values()) == 10


def test_a_noisy_benchmark_needs_a_larger_change() -> None:
    source = random.Random(3)
    quiet = [noisy(f"b{i}", 1.0, 0.005, source) for i in range(20)]
    before = [*quiet, row("wild", [1.0, 1.3, 0.8], [1.0] * 3)]
    after = [*quiet, row("wild", [0.9, 1.2, 0.7], [1.0] * 3)]
    verdicts = {found.name: found for found in compare.compare(run(before), run(after), 0.02)}
    assert (verdicts["wild"].word, verdicts["wild"].note) == ("same", "noisy")


def test_small_changes_are_none_however_sure() -> None:
    steady = ([1.0] * 20, [1.0] * 20)
    before, after = [row("a", *steady)], [row("a", [0.985] * 20, [1.0] * 20)]
    assert words(before, after) == {"a": "same"}
    assert words(before, after, least=0.01) == {"a": "slower"}


def test_one_round_decides_nothing() -> None:
    assert words([row("a", [2.0], [1.0])], [row("a", [1.0], [1.0])]) == {"a": "same"}


def test_failures_and_what_only_one_run_has() -> None:
    before = run([row("a", [2.0], [1.0]), failed("old", "x"), row("gone", [1.0], [1.0])], python="3.13.0")
    after = run([failed("a", "status 1"), row("old", [1.0], [1.0])], python="3.13.1")
    [found] = compare.compare(before, after, 0.02)
    assert (found.name, found.word, found.note) == ("a", "failed", "status 1")
    assert compare.remarks(before, after) == [
        "another python: 3.13.0 before, 3.13.1 after",
        "only before: gone",
        "failed before, and not compared: old",
    ]


@pytest.mark.parametrize(("ratio", "code"), [(1.0, 0), (1.2, 0), (0.8, 1)])
def test_the_exit_code_is_1_when_something_is_slower(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ratio: float, code: int
) -> None:
    rounds = [1.0, 1.001, 0.999]
    results.save(run([row("a", rounds, rounds)]), tmp_path / "before.json")
    results.save(run([row("a", [each * ratio for each in rounds], rounds)]), tmp_path / "after.json")
    assert compare.main([str(tmp_path / "before.json"), str(tmp_path / "after.json")]) == code
    out = capsys.readouterr().out
    assert f"{ratio - 1:+.1%}" in out
    assert f"{code} slower, 0 failed" in out


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    results.save(run([row("a", [1.0], [1.0])]), tmp_path / "a.json")
    results.save(run([row("b", [1.0], [1.0])]), tmp_path / "b.json")
    assert compare.main([str(tmp_path / "a.json"), str(tmp_path / "b.json")]) == 2
    assert compare.main([str(tmp_path / "a.json"), str(tmp_path / "nonesuch.json")]) == 2
