"""Warm-up curves and short runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from bench import curve, measure
from test_bench import micro, setup  # noqa: F401


def curve_of(side: str, start: float, seconds: list[float]) -> dict[str, Any]:
    ends = [start + sum(seconds[: number + 1]) for number in range(len(seconds))]
    return {"item": "x", "side": side, "points": list(zip(ends, seconds, strict=True))}


def test_short_runs_come_from_the_curves() -> None:
    plain = curve_of("plain", 0.02, [0.1] * 12)
    jit = curve_of("whipsnake", 0.03, [0.2, *[0.05] * 11])
    found = curve.short_runs(plain, jit)
    assert found == {0.1: pytest.approx((0.12, 0.23)), 1.0: pytest.approx((1.02, 0.03 + 0.2 + 9 * 0.05))}
    assert curve.lines([plain, jit])[1] == [
        "x",
        "120 ms / 230 ms = 0.522",
        "1.02 s / 680 ms = 1.500",
        "-",
        "",
    ]


def test_failures_are_told() -> None:
    lost: dict[str, Any] = {"item": "x", "side": "whipsnake", "points": [], "failure": "status 1"}
    assert curve.lines([curve_of("plain", 0.0, [0.1]), lost])[1] == ["x", "-", "-", "-", "FAILED: status 1"]


def test_curves_are_measured(setup: measure.Setup, tmp_path: Path) -> None:  # noqa: F811
    store = measure.Store(tmp_path / "results.jsonl", {}, resume=False)
    same = dataclasses.replace(setup, noise=True)
    both = curve.measure_all([micro("fib"), micro("nonesuch")], same, store, work=0.3)
    assert [(found["item"], found["side"]) for found in both] == [
        ("fib", "plain"),
        ("fib", "whipsnake"),
        ("nonesuch", "plain"),
    ]
    assert "failure" in both[2]
    ends = [end for end, _ in both[0]["points"]]
    assert len(ends) >= 5
    assert ends == sorted(ends)
    assert ends[0] > 0.01
    assert 0.1 in curve.short_runs(both[0], both[1])
