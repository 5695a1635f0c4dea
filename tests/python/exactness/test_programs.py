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


RUNS = [
    pytest.param(program, mode, id=f"{program.stem}-{mode}")
    for program in PROGRAMS
    for mode in settings(program).get("modes", " ".join(MODES)).split()
]


@pytest.mark.parametrize(("program", "mode"), RUNS)
def test_program(program: Path, mode: str, tmp_path: Path) -> None:
    chosen = settings(program)
    plain_and_jit(
        program,
        tmp_path=tmp_path,
        modes=[mode],
        options=dict(pair.split("=", 1) for pair in chosen.get("options", "").split()),
        timeout=float(chosen.get("timeout", "60")),
        compiled=int(chosen.get("compiled", "1")),
    )
