"""The report: intervals, summaries, Markdown, and the page with plots."""

from __future__ import annotations

import dataclasses
import json
import math
import random
import re
from pathlib import Path

import pytest
from bench import figures, html_page, report, results
from test_bench import failed, row
from test_results import some_results


def test_the_interval_has_the_ratio_in_the_middle() -> None:
    between = figures.interval(2.0, [math.log(2.1), math.log(2 / 1.05), math.log(2)], 0.01)
    assert between is not None
    assert between[0] < 2.0 < between[1]
    assert math.sqrt(between[0] * between[1]) == pytest.approx(2.0)


def test_rounds_that_agree_by_chance_do_not_make_a_narrow_interval() -> None:
    same = [math.log(2.0), math.log(2.0)]
    assert figures.interval(2.0, same, None) == pytest.approx((2.0, 2.0))
    between = figures.interval(2.0, same, 0.02)
    assert between is not None
    assert between[1] - between[0] > 0.05


def test_one_round_alone_has_no_interval() -> None:
    assert figures.interval(2.0, [0.7], None) is None
    assert figures.typical_scatter([[0.1], []]) is None


@pytest.mark.parametrize("rounds", [2, 3, 5])
def test_intervals_hold_what_they_promise(rounds: int) -> None:
    """About 95 % of intervals, or more, hold the true ratio, in a run whose scatter is 1 %."""
    source = random.Random(rounds)
    found = [[source.gauss(0, 0.01) for _ in range(rounds)] for _ in range(2000)]
    typical = figures.typical_scatter(found)
    assert typical == pytest.approx(0.01, rel=0.1)
    inside = 0
    for logs in found:
        between = figures.interval(math.exp(sum(logs) / rounds), logs, typical)
        assert between is not None
        inside += between[0] <= 1.0 <= between[1]
    assert 0.93 < inside / len(found) < 0.995


def test_a_summary_names_the_worst_and_counts_what_is_slower() -> None:
    rows = [row("a", [2.0], [1.0]), row("b", [0.97], [1.0]), row("c", [0.98], [1.0]), failed("d", "no")]
    [found] = report.summaries(rows)
    assert (found.title, found.measured, found.slower, found.failed) == ("pyperformance", 3, 1, 1)
    assert found.worst == "b 0.970"
    assert found.mean == pytest.approx((2.0 * 0.97 * 0.98) ** (1 / 3))


def test_a_summary_of_failures_alone() -> None:
    assert report.summary_lines([failed("d", "no")])[1] == ["pyperformance", "0", "-", "0", "1", "-"]


def test_the_page_has_all_parts() -> None:
    absent = failed("x", "no wheel")
    absent.absent = True
    whole = some_results()
    whole.rows += [absent, row("a", [2.0], [1.0])]
    text = report.page(whole)
    for part in (
        "\npython -m bench\n",
        "| cores | 2 |",
        "| a | 2 s | 1 s | 2.000 | - | - | 1.00 |",
        "| 2.000 | - | 3.000 | 1.00 | 2 | 1 ms | 0.0% | 100 |",
        "| fib | 2.25 s | 1.12 s | 2.000 |",
        "- go: status 1",
        "FAILED: status 1",
        "x (no wheel)",
        "| all | 2 | 2.000 | 0 | 1 |",
    ):
        assert part in text, part
    assert text.index("| go |") < text.index("| a |")


def test_the_page_of_html_holds_everything_itself() -> None:
    whole = some_results()
    whole.rows.append(row("a<b", [1.0, 1.1], [2.0, 2.0]))
    points = [[0.1, 0.01], [0.2, 0.01]]
    items = {"fib": {"plain": 2.0, "rival": 0.5, "ratio": 4.0}, "go": {"failure": "status 1"}}
    whole.rivals = [
        {"name": "PyPy", "against": "3.11.7", "items": items},
        {"name": "Other", "missing": "not here", "items": {}},
    ]
    whole.curves = [{"item": "fib", "side": side, "points": points} for side in ("plain", "whipsnake")]
    text = html_page.html_page(whole)
    assert text.count("<img ") == 5
    assert re.findall(r'(?:src|href)="(?!data:)', text) == []
    for part in (
        "a&lt;b",
        "status 1",
        "a CPU",
        "python -m bench",
        "<h2>Warm-up</h2>",
        "<h2>Rivals</h2>",
        "Other (not here)",
        "<h2>Short runs</h2>",
        "<h2>Failed</h2>",
    ):
        assert part in text, part


def test_the_report_is_written_next_to_the_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results.save(some_results(), tmp_path / "results.json")
    assert report.main([str(tmp_path), "--markdown", str(tmp_path / "page.md")]) == 0
    assert (tmp_path / "page.md").read_text() == report.page(some_results())
    assert (tmp_path / "report.html").is_file()
    assert json.loads((tmp_path / "results.json").read_text())["format"] == results.FORMAT
    assert capsys.readouterr().out.split() == [str(tmp_path / "page.md"), str(tmp_path / "report.html")]


def test_results_without_benchmarks_are_reported() -> None:
    assert "## Summary" in report.page(dataclasses.replace(some_results(), rows=[]))
