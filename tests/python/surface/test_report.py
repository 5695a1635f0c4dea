"""The statistics printed at exit."""

import io
from types import ModuleType

import pytest

from whipsnake import report

EXPECTED = """\
whipsnake statistics
  enabled             no
  engine              off
  functions compiled  12
  compile             1.235 ms
  code bytes          65,536 bytes
  code bytes peak     131,072 bytes
  cache hits          1,000,000
  cache misses        3
  functions declined
    20  generator
     1  too large
  exits: none
"""


def test_report(fake: ModuleType) -> None:
    assert report.format_report(fake.stats()) == EXPECTED


def test_any_counter_is_printed() -> None:
    found = report.format_report(
        {"new_thing": 5, "names": ["a", "b"], "ratio": 0.5, "by_name": {"x": "y"}, "none": []}
    )
    assert "new thing  5" in found and "names      a, b" in found and "ratio      0.5" in found
    assert "by name\n    y  x" in found and "none       none" in found
    assert report.format_report({}) == "whipsnake statistics\n"


def test_nobody_to_read_it(fake: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A closed or missing stderr at exit is no error."""
    stream = io.StringIO()
    report._print(stream)
    assert stream.getvalue() == EXPECTED
    stream.close()
    report._print(stream)
    monkeypatch.setattr("sys.stderr", None)
    report._print()
