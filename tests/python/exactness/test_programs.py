"""Whole programs, each about one way in which a program could notice that it is compiled.

Every file in ``programs`` is run plain and compiled (see ``support.MODES``), and must print the same, to the
letter.  Its first comment lines may say ``# options: name=value ...`` (more of them), ``# modes: ...``,
``# timeout: seconds`` and ``# compiled: at least so many functions``.
"""

import re
from pathlib import Path

import pytest
from support import MODES, plain_and_jit

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.py"))


def settings(program: Path) -> dict[str, str]:
    """The ``# name: value`` lines at the top of a program."""
    found = {}
    for line in program.read_text().splitlines():
        match = re.fullmatch(r"# (options|modes|timeout|compiled): (.*)", line)
        if not line.startswith("#"):
            break
        if match:
            found[match[1]] = match[2]
    return found


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_program(program: Path, mode: str, tmp_path: Path) -> None:
    chosen = settings(program)
    if mode not in chosen.get("modes", mode).split():
        pytest.skip(f"the program is about other modes: {chosen['modes']}")
    plain_and_jit(
        program,
        tmp_path=tmp_path,
        modes=[mode],
        options=dict(pair.split("=", 1) for pair in chosen.get("options", "").split()),
        timeout=float(chosen.get("timeout", "60")),
        compiled=int(chosen.get("compiled", "1")),
    )
