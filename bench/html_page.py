"""One page of HTML with everything in it: summary, plots, tables, facts and commands; needs matplotlib."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from bench import curve, plots, report, rivals
from bench.results import Results

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Whipsnake: benchmarks</title>
<style>
body {{ font: 15px/1.45 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; color: #222; }}
table {{ border-collapse: collapse; font-size: 13px; margin: 1rem 0; }}
th, td {{ padding: .15rem .6rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }}
th:first-child, td:first-child, th:last-child, td:last-child {{ text-align: left; white-space: normal; }}
tr.bad td {{ background: #fbe6e2; }}
pre {{ background: #f4f4f4; padding: .6rem; white-space: pre-wrap; word-break: break-all; font-size: 12px; }}
img {{ max-width: 100%; }}
</style>
</head>
<body>
<h1>Whipsnake: benchmarks</h1>
{body}
</body>
</html>
"""


def html_page(results: Results) -> str:
    """Return the page."""
    shown = [row for row in results.rows if not row.absent]
    absent = [[row.part.name, row.failure or ""] for row in results.rows if row.absent]
    failed = [[row.part.name, row.failure] for row in shown if row.failure is not None]
    body = [
        "<p>Ratios are times of the plain interpreter over times with Whipsnake: above 1 is faster. "
        "Lines on the bars are 95 % confidence intervals.</p>",
        table(report.summary_lines(shown)),
        section("Failed", table([["benchmark", "why"], *failed]) if failed else None),
    ]
    for kind, title in report.KINDS.items():
        rows = [row for row in shown if row.part.item.kind == kind]
        if rows:
            body.append(section(title, image(plots.ratios(rows)), table(report.row_lines(rows))))
    body += [
        section("Rivals", *rival_parts(results)),
        section("Memory", image(plots.memory(shown))),
        section("Warm-up", image(plots.curves(results))),
        section("Short runs", *short_runs(results)),
        section("Targets", table(report.target_lines(shown, results.pgo, results.pgo_rows))),
        section("Not run", table([["benchmark", "cannot be installed here"], *absent]) if absent else None),
        section(
            "Conditions", table([["", ""], *([name, str(what)] for name, what in results.facts.items())])
        ),
        section("Commands", *(f"<pre>{escape(text)}</pre>" for text in results.commands.values())),
    ]
    return PAGE.format(body="\n".join(filter(None, body)))


def rival_parts(results: Results) -> list[str]:
    """Return what the section on rivals has: nothing if they were not measured."""
    if not results.rivals:
        return []
    missing = f"<p>{escape(rivals.missing(results.rivals))}</p>"
    introduction = f"<p>{escape(report.RIVALS)}</p>"
    plot = image(plots.rivals(results)) or ""
    return [introduction, plot, table(report.rival_lines(results)), missing]


def short_runs(results: Results) -> list[str]:
    """Return what the section on short runs has: nothing if they were not measured."""
    if not results.curves:
        return []
    return [f"<p>{escape(report.SHORT_RUNS)}</p>", table(curve.lines(results.curves))]


def section(title: str, *parts: str | None) -> str:
    """Return a heading with what belongs to it; nothing if there is nothing."""
    there = [part for part in parts if part]
    return "\n".join([f"<h2>{escape(title)}</h2>", *there]) if there else ""


def table(lines: Sequence[Sequence[str | None]]) -> str:
    """Return cells as a table; a line whose last cell tells of a failure is marked."""
    rows = []
    for number, cells in enumerate(lines):
        tag = "th" if number == 0 else "td"
        bad = number > 0 and any(word in (cells[-1] or "") for word in ("FAILED", "MISSED"))
        columns = "".join(f"<{tag}>{escape(cell or '')}</{tag}>" for cell in cells)
        rows.append(f"<tr{' class=bad' if bad else ''}>{columns}</tr>")
    return "<table>\n" + "\n".join(rows) + "\n</table>"


def image(svg: str | None) -> str | None:
    """Return a plot as an image that is part of the page."""
    if svg is None:
        return None
    data = base64.b64encode(svg.encode()).decode("ascii")
    return f'<img alt="plot" src="data:image/svg+xml;base64,{data}">'
