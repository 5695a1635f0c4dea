"""Plots of results, as SVG; needs matplotlib."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

from matplotlib import rcParams
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench import report
from bench.measure import Row
from bench.results import Results

ROW_HEIGHT = 0.19
WIDTH = 9.5
COLOURS = {"better": "#2a9d5c", "worse": "#c8442f", "near": "#8a8f98"}
LINES = {"plain": "#8a8f98", "whipsnake": "#2a9d5c"}
# The same file for the same figures.
rcParams["svg.hashsalt"] = "whipsnake"
rcParams["svg.fonttype"] = "none"
rcParams["font.family"] = "sans-serif"


def svg(figure: Figure) -> str:
    """Return a figure as text."""
    out = io.StringIO()
    figure.savefig(out, format="svg", bbox_inches="tight", metadata={"Date": None})
    return out.getvalue()


def bars(rows: Sequence[Row], value: Callable[[Row], float], label: str, more_is_better: bool) -> Any:
    """Draw a bar from 1 for each row, the first on top; return figure and axes."""
    figure = Figure(figsize=(WIDTH, ROW_HEIGHT * len(rows) + 1.2))
    axes = figure.subplots()
    values = [value(row) for row in rows]
    axes.set_xscale("log")
    axes.barh(
        range(len(rows)),
        [found - 1 for found in values],
        left=1.0,
        height=0.7,
        color=[colour(found, more_is_better) for found in values],
    )
    for place, found in enumerate(values):
        side = "left" if found >= 1 else "right"
        axes.annotate(
            f"{found:.2f}",
            (found, place),
            xytext=(12 if found >= 1 else -12, 0),
            textcoords="offset points",
            ha=side,
            va="center",
            fontsize=7,
        )
    axes.set_yticks(range(len(rows)), [row.part.name for row in rows], fontsize=7)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_xlabel(label)
    low, high = min([*values, 0.95]), max([*values, 1.05])
    axes.set_xlim(low / 1.15, high * 1.25)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
    axes.xaxis.set_minor_formatter(
        FuncFormatter(lambda number, _: f"{number:g}") if high / low < 8 else NullFormatter()
    )
    axes.tick_params(axis="x", which="both", labelsize=7)
    axes.grid(axis="x", which="major", linewidth=0.4)
    axes.set_axisbelow(True)
    for spine in ("top", "right", "left"):
        axes.spines[spine].set_visible(False)
    return figure, axes


def colour(value: float, more_is_better: bool) -> str:
    """Return the colour of a bar: what is within 2 % of 1 is neither good nor bad."""
    if abs(value - 1) < 1 - report.SLOWER:
        return COLOURS["near"]
    return COLOURS["better" if (value > 1) == more_is_better else "worse"]


def ratios(rows: Sequence[Row]) -> str | None:
    """Plot the ratio of each row with its interval, the worst on top; None if there is nothing to plot."""
    good = [row for row in report.worst_first(rows) if row.failure is None]
    if not good:
        return None
    figure, axes = bars(good, report.ratio_of, "plain / whipsnake (more is better)", more_is_better=True)
    typical = report.scatter(rows)
    for place, row in enumerate(good):
        between = report.interval(row, typical)
        if between is not None:
            axes.plot(between, (place, place), color="black", linewidth=1.0, solid_capstyle="butt")
    return svg(figure)


def memory(rows: Sequence[Row]) -> str | None:
    """Plot peak memory of each row, the most additional memory on top; None if there is nothing to plot."""
    known = [
        (quotient, row) for row in rows if (quotient := report.memory_ratio(row)) and row.failure is None
    ]
    if not known:
        return None
    known.sort(key=lambda pair: -pair[0])
    quotients = {row.part.name: quotient for quotient, row in known}
    figure, _ = bars(
        [row for _, row in known],
        lambda row: quotients[row.part.name],
        "peak memory, whipsnake / plain (less is better)",
        more_is_better=False,
    )
    return svg(figure)


def rivals(results: Results) -> str | None:
    """Plot a column for Whipsnake and for each rival, the worst of Whipsnake's on top; None without rivals."""
    there = {rival["name"]: rival["items"] for rival in results.rivals if rival["items"]}
    if not there:
        return None
    columns = {
        name: {item: found["ratio"] for item, found in items.items() if "failure" not in found}
        for name, items in there.items()
    }
    ours = {row.part.name: report.ratio_of(row) for row in results.rows if row.failure is None}
    names = sorted(set().union(*columns.values()), key=lambda name: (ours.get(name, 0.0), name))
    columns = {"Whipsnake": ours} | columns
    size = (WIDTH, ROW_HEIGHT * len(names) + 1.2)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(1, len(columns), sharey=True, squeeze=False)
    for axes, (title, ratios) in zip(grid.flat, columns.items(), strict=True):
        for place, name in enumerate(names):
            if name in ratios:
                colour_of = colour(ratios[name], more_is_better=True)
                axes.barh(place, ratios[name] - 1, left=1.0, height=0.7, color=colour_of)
        axes.set_title(title, fontsize=8)
        axes.set_xscale("log")
        axes.set_xlim(0.4, max(5.0, *ratios.values()) * 1.1)
        axes.axvline(1.0, color="black", linewidth=0.8)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.tick_params(axis="both", which="both", labelsize=6)
    grid[0, 0].set_yticks(range(len(names)), names, fontsize=6)
    grid[0, 0].set_ylim(len(names) - 0.4, -0.6)
    figure.supxlabel("own plain interpreter / rival (more is better)", fontsize=8)
    return svg(figure)


def curves(results: Results) -> str | None:
    """Plot the time of each iteration from the start of the process on; None if it was not measured."""
    items = list(dict.fromkeys(curve["item"] for curve in results.curves if curve["points"]))
    if not items:
        return None
    columns = min(3, len(items))
    lines = -(-len(items) // columns)
    figure = Figure(figsize=(WIDTH, 2.3 * lines), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes, item in zip(grid.flat, items, strict=False):
        for curve in results.curves:
            if curve["item"] == item and curve["points"]:
                ends, seconds = zip(*curve["points"], strict=True)
                axes.plot(ends, [each * 1e3 for each in seconds], color=LINES[curve["side"]], linewidth=1.0)
        axes.set_title(item, fontsize=8)
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.tick_params(labelsize=6)
    for axes in grid.flat[len(items) :]:
        axes.set_visible(False)
    figure.supxlabel("processor seconds since the process started", fontsize=8)
    figure.supylabel("ms per iteration", fontsize=8)
    return svg(figure)
