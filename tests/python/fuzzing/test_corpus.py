"""Programs that once showed a difference, or could: the same as in the interpreter, in every mode.

A program whose first lines are ``# known: <reason>`` is expected to differ in some mode, and must.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from tests.fuzz import runner
from tests.fuzz.runner import MODES, compare, make_mode, plain_logs

CORPUS = Path(runner.__file__).with_name("corpus")
PATHS = sorted(CORPUS.glob("*.py"))
KNOWN = {path: match[1] for path in PATHS if (match := re.match(r"# known: (.*)", path.read_text()))}
SOUND = [path for path in PATHS if path not in KNOWN]


@pytest.fixture(scope="module")
def logs() -> runner.Plain:
    return plain_logs([path.read_text() for path in SOUND])


def test_plain(logs: runner.Plain) -> None:
    """Each program ends by itself, soon, and says something."""
    assert [path.name for path, log in zip(SOUND, logs, strict=True) if not log or len(log) < 2] == []


@pytest.mark.parametrize("name", MODES)
def test_corpus(name: str, logs: runner.Plain) -> None:
    findings, _ = compare(make_mode(name, random.Random(name)), [path.read_text() for path in SOUND], logs)
    assert not findings, "\n".join(map(str, findings))


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, marks=pytest.mark.xfail(strict=True, reason=why), id=path.stem)
        for path, why in KNOWN.items()
    ],
)
def test_known_differences(path: Path) -> None:
    programs = [path.read_text()]
    logs = plain_logs(programs)
    if logs[0] is None:
        pytest.fail("the program does not end in the interpreter", pytrace=False)
    for name in MODES:
        findings, _ = compare(make_mode(name, random.Random(name)), programs, logs)
        assert not findings, "\n".join(map(str, findings))
