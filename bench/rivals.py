"""Other ways to run Python faster, on the same work: each against its own plain interpreter.

Their environments are made below the build directory: CPython's own JIT is in Debian's 3.14, where it is
switched off unless it is asked for; CinderX comes from PyPI, for the same interpreter; PyPy is Debian's;
Pyston lite comes from PyPI for a CPython 3.10 of this machine. What cannot be had is named with the reason.

They run what needs no packages: micro-benchmarks, workloads of the standard library, and those programs of
pyperformance that spend their time in Python code and have no requirements.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from bench import debian, environment, figures, measure
from bench.catalogue import PURE_PYTHON, Item
from bench.environment import Environment, SetupError
from bench.measure import Effort, Part, Row, Run, Setup, Side, Store

PYSTON = ("pyston_lite==2.3.5", "pyston_lite_autoload==2.3.5")
CINDERX = ("cinderx==2026.11.2.0",)
# Of the interpreters that this machine may lack, where Debian has them.
RELEASES = {"3.11": "bookworm", "3.13": "trixie", "3.14": "sid"}
# Tracing JITs take longer to warm up than Whipsnake does.
EFFORT = Effort(warm=0.8, measured=0.3, value=0.04)
MICRO = Effort(warm=0.4, measured=0.2, value=0.02)
ROUNDS = 1
NOTE_LENGTH = 80


@dataclass(frozen=True)
class Contender:
    """A rival that can run: the interpreters of both sides, and variables that switch the rival on."""

    plain: str
    rival: str
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class InPlace(Environment):
    """An environment whose interpreter was not made by the harness."""

    path: str

    @property
    def python(self) -> str:
        return self.path


def find_cpython(version: str, folder: Path) -> str:
    """Return a CPython of a version (``3.11``): one of this machine, or Debian's. Raises SetupError."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    candidates = [shutil.which(f"python{version}")]
    candidates += [str(path) for path in sorted(pyenv.glob(f"{version}.*/bin/python{version}"))]
    code = "import sys; print(sys.implementation.name, '%d.%d' % sys.version_info[:2], sys.executable)"
    for candidate in filter(None, candidates):
        done = subprocess.run([candidate, "-c", code], capture_output=True, text=True, check=False)
        name, _, rest = done.stdout.strip().partition(" ")
        # The name it gives itself: what was asked may be a script that starts it.
        found, _, executable = rest.partition(" ")
        if (name, found) == ("cpython", version):
            return executable
    if version not in RELEASES:
        raise SetupError(f"no CPython {version} here")
    return debian.python(folder, RELEASES[version], version)


def pypy(folder: Path) -> Contender:
    """PyPy: the one that is installed, or Debian's. Raises SetupError."""
    found = shutil.which("pypy3") or debian.pypy(folder, "trixie")
    version = debian.run([found, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], folder).strip()
    return Contender(find_cpython(version, folder), found)


def pyston_lite(folder: Path) -> Contender:
    """Pyston lite, in an environment of CPython 3.10. Raises SetupError."""
    base = find_cpython("3.10", folder)
    return Contender(base, with_packages(base, folder / "pyston", PYSTON))


def cpython_jit(folder: Path) -> Contender:
    """CPython's own JIT. Raises SetupError."""
    base = find_cpython("3.14", folder)
    code = "import sys; print(sys._jit.is_available())"
    if debian.run([base, "-c", code], folder).strip() != "True":
        raise SetupError(f"{base} was built without its JIT")
    return Contender(base, base, {"PYTHON_JIT": "1"})


def cinderx(folder: Path) -> Contender:
    """CinderX, switched on by a line that the interpreter reads at its start. Raises SetupError."""
    base = find_cpython("3.14", folder)
    python = with_packages(base, folder / "cinderx", CINDERX)
    start = environment.site_packages(folder / "cinderx") / "start-cinderx.pth"
    start.write_text("import cinderx.jit; cinderx.jit.auto()\n", encoding="utf-8")
    code = "import cinderx.jit; print(cinderx.jit.is_enabled())"
    if debian.run([python, "-c", code], folder).strip() != "True":
        raise SetupError("its JIT does not start")
    return Contender(base, python)


RIVALS: dict[str, Callable[[Path], Contender]] = {
    "CPython 3.14 JIT": cpython_jit,
    "CinderX": cinderx,
    "PyPy": pypy,
    "Pyston lite": pyston_lite,
}


def with_packages(base: str, venv: Path, packages: Sequence[str]) -> str:
    """Return the interpreter of an environment with packages from PyPI. Raises SetupError."""
    done, python = venv / "done", str(venv / "bin" / "python")
    if not (done.is_file() and done.read_text(encoding="utf-8").split() == list(packages)):
        environment.make_venv(base, venv)
        environment.pip(python, *packages)
        done.write_text("\n".join(packages), encoding="utf-8")
    return python


def suitable(items: Iterable[Item]) -> list[Item]:
    """Return those benchmarks that need no packages."""
    return [
        item
        for item in items
        if item.kind != "startup" and not item.needs_packages and (item.kind != "pyperf" or alone(item))
    ]


def alone(item: Item) -> bool:
    """Whether a program of pyperformance is of interest here, and needs no packages."""
    return item.name in PURE_PYTHON and not environment.needs_of(item.path.parent)


def measure_all(items: Sequence[Item], folder: Path, timeout: float, store: Store) -> list[dict[str, Any]]:
    """Measure each rival on each item; return ``name``, ``against`` and ``items`` of each, or ``missing``.

    ``items`` has the seconds of both sides and their ratio, or ``failure``, by the names of benchmarks.
    """
    items = suitable(items)
    found: list[dict[str, Any]] = []
    for name, make in RIVALS.items():
        try:
            contender = make(folder / "files")
            plain, rival = setups(contender, folder, timeout)
        except SetupError as error:
            print(f"{name}: missing: {error}", flush=True)
            found.append({"name": name, "missing": str(error), "items": {}})
            continue
        interpreter = plain.environment.interpreter
        against = f"{interpreter.version}{' with PGO' if interpreter.pgo else ''}"
        print(f"{name} against CPython {against}: {len(items)} benchmarks", flush=True)
        measured: dict[str, dict[str, Any]] = {}
        for item in items:
            key = f"rival {name} {item.name}"
            measured |= store.get(key, functools.partial(measure_item, item, plain, rival))
        found.append({"name": name, "against": against, "items": measured})
    return found


def setups(contender: Contender, folder: Path, timeout: float) -> tuple[Setup, Setup]:
    """Return the set-ups of both sides. Raises SetupError."""
    packages = folder / "packages"
    if not packages.is_dir():
        # The one package that pyperformance's programs need; it is all Python.
        versions = environment.common_pins([environment.REQUIREMENTS.read_text(encoding="utf-8")])
        [pyperf] = [pin for pin in versions if pin.startswith("pyperf==")]
        environment.pip(contender.plain, "--no-deps", "--target", str(packages), pyperf)
    spec = {"lazy": True, "packages": str(packages)}
    plain, rival = (
        Setup(InPlace(folder, environment.probe(python), "", python), engine="", timeout=timeout, spec=spec)
        for python in (contender.plain, contender.rival)
    )
    return plain, replace(rival, extra_env=contender.variables)


def measure_item(item: Item, plain: Setup, rival: Setup) -> dict[str, dict[str, Any]]:
    """Return the seconds of both sides of each part of an item, and their ratio, or its failure."""
    effort = MICRO if item.kind == "micro" else EFFORT
    calibrated = measure.calibrate(item, plain, effort)
    if measure.failed(calibrated):
        return {item.name: calibrated}
    found = {}
    for row in measure.rows_of(item, calibrated["parts"], effort):
        found[row.part.name] = measure_part(row.part, plain, rival)
    return found


def measure_part(part: Part, plain: Setup, rival: Setup) -> dict[str, Any]:
    """Return the seconds of both sides of a benchmark, and their ratio, or its failure."""
    row = Row(part)
    for number in range(ROUNDS):
        sides = measure.run_round(part, number, plain, rival)
        if measure.failed(sides):
            return sides
        row.runs += [Run(side, **sides[side.value]) for side in Side]
    if why := measure.difference(row.runs):
        return {"failure": why}
    seconds = {name: median(row.of(side)) for name, side in zip(("plain", "rival"), Side, strict=True)}
    return seconds | {"ratio": row.ratio()}


def lines(rivals: Sequence[dict[str, Any]], ours: dict[str, tuple[float, float]]) -> list[list[str]]:
    """Return the cells of the table, a heading first: ratio to the own plain interpreter, and time.

    *ours* has the ratio and Whipsnake's seconds of each benchmark.
    """
    there = [rival for rival in rivals if "missing" not in rival]
    heading = [f"{rival['name']} (CPython {rival['against']})" for rival in there]
    rows = [["benchmark", "whipsnake", *heading, ""]]
    ratios: list[list[float]] = [[] for _ in range(len(there) + 1)]
    names = dict.fromkeys(name for rival in there for name in rival["items"])
    for name in sorted(names, key=lambda name: ours[name][0] if name in ours else 0.0):
        found = [rival["items"].get(name, {"failure": "not run"}) for rival in there]
        pairs = [ours.get(name), *(each.get("ratio") and (each["ratio"], each["rival"]) for each in found)]
        cells = []
        for pair, column in zip(pairs, ratios, strict=True):
            if pair is None:
                cells.append("-")
                continue
            column.append(pair[0])
            cells.append(f"{pair[0]:.3f} {figures.human_seconds(pair[1])}")
        notes = [
            f"{rival['name']}: {each['failure'][:NOTE_LENGTH]}"
            for rival, each in zip(there, found, strict=True)
            if "failure" in each
        ]
        rows.append([name, *cells, "; ".join(notes)])
    means = [f"{figures.geometric_mean(column):.3f}" if column else "-" for column in ratios]
    rows.append(["geometric mean", *means, ""])
    return rows


def missing(rivals: Sequence[dict[str, Any]]) -> str:
    """Name the rivals that are missing, and why."""
    listed = [f"{rival['name']} ({rival['missing']})" for rival in rivals if "missing" in rival]
    return f"Missing here: {'; '.join(listed)}." if listed else ""
