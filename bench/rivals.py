"""Other ways to run Python faster, on the micro-benchmarks: each against its own plain interpreter.

Their environments are made below the build directory: PyPy is Debian's package, unpacked there; Pyston lite
comes from PyPI into an environment of CPython 3.10; CPython's own JIT is a CPython 3.14 that was built with
it. What cannot be had here is named with the reason.
"""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench import environment, figures, measure
from bench.catalogue import Item
from bench.environment import Environment, Interpreter, SetupError
from bench.measure import Effort, ProcessFailedError, Setup, Side, Store

PYSTON = ("pyston_lite==2.3.5", "pyston_lite_autoload==2.3.5")
# Tracing JITs take longer to warm up than Whipsnake does.
EFFORT = Effort(warm=0.8, measured=0.3, value=0.05)
QUICK = Effort(warm=0.4, measured=0.2, value=0.05)
ROUNDS, QUICK_ROUNDS = 2, 1


@dataclass(frozen=True)
class Contender:
    """A rival that can run: the interpreters of both sides, and what the environment of its own must have."""

    plain: str
    rival: str
    variables: dict[str, str]


def find_cpython(version: str) -> str:
    """Return a CPython of a version (``3.10``) that works. Raises SetupError."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    candidates = [shutil.which(f"python{version}")]
    candidates += [str(path) for path in sorted(pyenv.glob(f"{version}.*/bin/python{version}"))]
    code = "import sys; print(sys.implementation.name, '%d.%d' % sys.version_info[:2])"
    for candidate in filter(None, candidates):
        done = subprocess.run([candidate, "-c", code], capture_output=True, text=True, check=False)
        if done.stdout.split() == ["cpython", version]:
            return candidate
    raise SetupError(f"no CPython {version} here")


def pypy(folder: Path) -> Contender:
    """PyPy: the one that is installed, or Debian's package, unpacked in a folder. Raises SetupError."""
    found = shutil.which("pypy3")
    if found is None:
        found = str(folder / "pypy3")
        if shutil.which("apt-get") is None:
            raise SetupError("neither pypy3 nor apt-get is here")
        if not list(folder.glob("*.deb")):
            run(["apt-get", "download", "pypy3", "pypy3-lib"], folder)
            for package in sorted(folder.glob("*.deb")):
                run(["dpkg-deb", "-x", package.name, "."], folder)
        [library] = folder.glob("usr/lib/*/libpypy3*-c.so")
        script(Path(found), folder / "usr" / "bin" / "pypy3", library.parent)
    version = run([found, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], folder).strip()
    return Contender(find_cpython(version), found, {})


def script(path: Path, python: Path, libraries: Path | None = None) -> None:
    """Write a shell script that becomes an interpreter, with a folder of shared libraries."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with_libraries = f"export LD_LIBRARY_PATH={shlex.quote(str(libraries))}\n" if libraries else ""
    text = f'#!/bin/sh\n{with_libraries}exec {shlex.quote(str(python))} "$@"\n'
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def pyston_lite(folder: Path) -> Contender:
    """Pyston lite, in an environment of CPython 3.10. Raises SetupError."""
    base = find_cpython("3.10")
    python = folder / "pyston" / "bin" / "python"
    if not (folder / "done").exists():
        run([base, "-m", "venv", str(folder / "pyston")], folder)
        environment.pip(str(python), *PYSTON)
        (folder / "done").touch()
    return Contender(base, str(python), {})


def cpython_jit(folder: Path) -> Contender:
    """CPython's own JIT. Raises SetupError."""
    base = find_cpython("3.14")
    code = "import sys; print(sys._jit.is_available())"
    if run([base, "-c", code], folder).strip() != "True":
        raise SetupError("the CPython 3.14 here was built without its JIT")
    return Contender(base, base, {"PYTHON_JIT": "1"})


def cinderx(folder: Path) -> Contender:
    """CinderX. Raises SetupError."""
    find_cpython("3.14")
    raise SetupError("its environment is not made yet")


RIVALS: dict[str, Callable[[Path], Contender]] = {
    "PyPy": pypy,
    "Pyston lite": pyston_lite,
    "CPython 3.14 JIT": cpython_jit,
    "CinderX": cinderx,
}


def run(command: Sequence[str], folder: Path) -> str:
    """Return what a command prints. Raises SetupError."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise SetupError(f"{Path(command[0]).name}: {last.replace(str(folder), '')}")
    return done.stdout


def measure_all(
    items: Sequence[Item], folder: Path, timeout: float, store: Store, quick: bool = False
) -> list[dict[str, Any]]:
    """Measure each rival on each item; return ``name``, ``against`` and ``items`` of each, or ``missing``.

    An item has seconds of both sides, or ``failure``.
    """
    found: list[dict[str, Any]] = []
    rounds = QUICK_ROUNDS if quick else ROUNDS
    for name, make in RIVALS.items():
        own = folder / name.replace(" ", "-").lower()
        try:
            contender = make(own / "files")
            plain, jit = (
                setup_for(own / side, python, timeout, variables, QUICK if quick else EFFORT)
                for side, python, variables in (
                    ("plain", contender.plain, {}),
                    ("rival", contender.rival, contender.variables),
                )
            )
        except SetupError as error:
            print(f"{name}: missing: {error}", flush=True)
            found.append({"name": name, "missing": str(error), "items": {}})
            continue
        against = f"{plain.environment.interpreter.version}"
        print(f"{name} against CPython {against}: {len(items)} benchmarks", flush=True)
        measured = {
            item.name: store.get(
                f"rival {name} {item.name}", functools.partial(measure_item, item, plain, jit, rounds)
            )
            for item in items
        }
        found.append({"name": name, "against": against, "items": measured})
    return found


def setup_for(folder: Path, python: str, timeout: float, variables: dict[str, str], effort: Effort) -> Setup:
    """Return a set-up whose interpreter is this one. Raises SetupError."""
    link = folder / "venv" / "bin" / "python"
    # Not a link, which would lead away from the packages of a virtual environment.
    script(link, Path(python))
    code = "import platform; print(platform.python_version())"
    version = run([str(link), "-c", code], folder).strip()
    interpreter = Interpreter(python, version, "", "", False, None)
    # Both sides are plain to the harness: it adds nothing, and expects no Whipsnake.
    return Setup(
        Environment(folder, interpreter, ""), effort, extra_env=variables, noise=True, timeout=timeout
    )


def measure_item(item: Item, plain: Setup, jit: Setup, rounds: int) -> dict[str, Any]:
    """Return the seconds of both sides, or the failure."""
    try:
        spec: dict[str, Any] = {
            "task": None,
            "loops": None,
            "value_seconds": plain.effort.value,
            "lazy": True,
        }
        [part] = measure.run_worker(item, Side.PLAIN, spec, plain)[0]["benchmarks"]
        spec |= {
            "loops": part["loops"],
            "warmups": figures.amount(part["seconds"], plain.effort.warm, 1, 30),
            "values": figures.amount(part["seconds"], plain.effort.measured, 2, 10),
        }
        sides: dict[str, list[float]] = {"plain": [], "rival": []}
        for _ in range(rounds):
            for side, setup in (("plain", plain), ("rival", jit)):
                [result] = measure.run_worker(item, Side.PLAIN, spec, setup, variables=setup.extra_env)[0][
                    "benchmarks"
                ]
                sides[side].append(median(result["values"]))
        return {side: median(values) for side, values in sides.items()}
    except ProcessFailedError as error:
        return {"failure": str(error)}


def lines(rivals: Sequence[dict[str, Any]], ours: dict[str, tuple[float, float]]) -> list[list[str]]:
    """Return the cells of the table, a heading first: ratio to the own plain interpreter, and time.

    *ours* has both sides' seconds of each benchmark.
    """
    there = [rival for rival in rivals if "missing" not in rival]
    heading = [f"{rival['name']} (CPython {rival['against']})" for rival in there]
    rows = [["benchmark", "whipsnake", *heading, ""]]
    ratios: list[list[float]] = [[] for _ in range(len(there) + 1)]
    names = dict.fromkeys(name for rival in there for name in rival["items"])
    for name in sorted(names, key=lambda name: ours[name][0] / ours[name][1] if name in ours else 0.0):
        pairs = [ours.get(name)]
        for rival in there:
            found = rival["items"].get(name, {"failure": ""})
            pairs.append(None if "failure" in found else (found["plain"], found["rival"]))
        cells = []
        for pair, column in zip(pairs, ratios, strict=True):
            if pair is None:
                cells.append("-")
                continue
            column.append(pair[0] / pair[1])
            cells.append(f"{column[-1]:.3f} {figures.human_seconds(pair[1])}")
        rows.append([name, *cells, ""])
    means = [f"{figures.geometric_mean(column):.3f}" if column else "-" for column in ratios]
    rows.append(["geometric mean", *means, ""])
    return rows


def missing(rivals: Sequence[dict[str, Any]]) -> str:
    """Name the rivals that are missing, and why."""
    listed = [f"{rival['name']} ({rival['missing']})" for rival in rivals if "missing" in rival]
    return f"Missing here: {'; '.join(listed)}." if listed else ""
