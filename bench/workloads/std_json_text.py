"""json's decoder and encoder in pure Python."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pydoc_data.topics import topics

from demo.programs.std_json import PurePythonDecoder

from bench.workloads._pieces import repeat, some

TEXT = json.dumps(
    {
        "topics": some(topics, 8),
        "rows": [{"id": i, "weight": i / 7, "tags": ["a", None, True], "empty": {}} for i in range(200)],
    }
)
json.encoder.c_make_encoder = None  # type: ignore[attr-defined]


def round_trip(text: str) -> Iterator[str]:
    value = PurePythonDecoder().decode(text)
    yield from json.JSONEncoder(indent=1, sort_keys=True).iterencode(value)


def run(n: int) -> str:
    return repeat(n, round_trip, TEXT)
