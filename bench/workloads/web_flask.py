"""Flask answers requests in process: routing, sessions, Jinja templates, JSON."""

from __future__ import annotations

import unicodedata

from flask import Flask, jsonify, render_template_string, request, session
from flask.typing import ResponseReturnValue

PAGE = """<!doctype html><title>{{ title }}</title>
<table>{% for row in rows %}<tr class="{{ loop.cycle('odd', 'even') }}">
<td>{{ row.code }}</td><td>{{ row.name|title }}</td><td>{{ '%.3f'|format(row.weight) }}</td>
{% if row.letter %}<td>{{ row.char|e }}</td>{% endif %}</tr>{% endfor %}</table>
<p>visits: {{ visits }}</p>"""

app = Flask(__name__)
app.secret_key = "only for the benchmark"


def rows(start: int, count: int) -> list[dict[str, object]]:
    return [
        {
            "code": f"U+{code:04X}",
            "name": unicodedata.name(chr(code), "?"),
            "char": chr(code),
            "letter": chr(code).isalpha(),
            "weight": code / 7,
        }
        for code in range(start, start + count)
    ]


@app.before_request
def count_visits() -> None:
    session["visits"] = (session.get("visits", 0) + 1) % 5


@app.get("/table/<int:start>")
def table(start: int) -> str:
    shown = rows(start, int(request.args.get("count", "10")))
    return render_template_string(PAGE, title=f"from {start}", rows=shown, visits=session["visits"])


@app.post("/search")
def search() -> ResponseReturnValue:
    wanted = request.get_json()
    found = [row for row in rows(wanted["start"], 80) if wanted["word"] in str(row["name"])]
    return jsonify(found=found, count=len(found))


@app.errorhandler(404)
def lost(error: Exception) -> ResponseReturnValue:
    return jsonify(error=str(error)), 404


def run(n: int) -> int:
    total = 0
    client = app.test_client()
    for _ in range(n):
        for start in (64, 0x390, 0x410):
            total += len(client.get(f"/table/{start}?count=12").data)
            total += len(client.post("/search", json={"start": start, "word": "CAPITAL"}).data)
        total += client.get("/nowhere").status_code
    return total
