"""A regression check that noise does not reach: instructions of small workloads, counted by callgrind.

``python -m bench.counts`` compares them with ``bench/counts.json`` and fails when one is more than the
tolerance above; ``--write`` writes what it counted there. Everything is compiled by fixed thresholds, with a
fixed hash seed, so two runs differ by less than 0.1 %, at start-up by less than 0.5 %. An instruction is
no nanosecond: this notices that code became longer, not that it waits for memory.

Counts depend on the interpreter's build and the C library, so the file has a section for each; ``make test``
skips the check where it has none.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.counted import THRESHOLDS, WORKLOADS
from bench.environment import ROOT, Interpreter, SetupError, probe

BASELINE = Path(__file__).with_name("counts.json")
TOLERANCE = 0.025
TIMEOUT = 120
STARTUP = "startup"
SCRIPT = Path(__file__).with_name("counted.py")
# The same as whipsnake-autoload.pth, in an interpreter that reads no such files.
START = "import sys; sys.path.append(sys.argv[1]); from whipsnake._autoload import start; start()"


def section_for(interpreter: Interpreter) -> str:
    """Return the name of what counts depend on."""
    kind = "with" if interpreter.pgo else "without"
    library = "shared" if interpreter.shared else "static"
    libc = " ".join(filter(None, platform.libc_ver()))
    return f"CPython {interpreter.version}, {interpreter.compiler}, {kind} PGO, {library}, {libc}"


def count(interpreter: Interpreter, python: str) -> dict[str, int]:
    """Count the instructions of each workload, and of a start with Whipsnake. Raises SetupError."""
    if interpreter.package is None:
        raise SetupError(f"the environment of {python} has no Whipsnake; 'make build' installs it")
    packages = str(Path(interpreter.package).parent)
    parts = callgrind([python, "-S", "-s", "-P", str(SCRIPT), packages, str(ROOT)])
    if len(parts) != 2 * len(WORKLOADS) + 1:
        raise SetupError(f"callgrind counted {len(parts)} parts, not {2 * len(WORKLOADS) + 1}")
    found = dict(zip(WORKLOADS, parts[1::2], strict=False))
    [found[STARTUP]] = callgrind([python, "-S", "-s", "-P", "-c", START, packages])
    return found


def callgrind(command: Sequence[str]) -> list[int]:
    """Run a command; return the instructions between each two calls of getppid(), its beginning and its end.

    Raises SetupError.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise SetupError("valgrind is not installed (Debian: valgrind)")
    fixed = {"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "WHIPSNAKE": "baseline"}
    fixed |= {f"WHIPSNAKE_{name.upper()}": str(value) for name, value in THRESHOLDS.items()}
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    with tempfile.TemporaryDirectory() as folder:
        options = ["--dump-before=getppid", f"--callgrind-out-file={folder}/out"]
        try:
            done = subprocess.run(
                [valgrind, "--tool=callgrind", *options, *command],
                env=kept | fixed,
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=TIMEOUT,
            )
        except subprocess.TimeoutExpired:
            raise SetupError(f"callgrind took longer than {TIMEOUT} s") from None
        if done.returncode != 0:
            raise SetupError(f"under callgrind: {done.stderr.strip()[-500:]}")
        return read_parts(Path(folder))


def read_parts(folder: Path) -> list[int]:
    """Return the counts of callgrind's files in order: ``out.1``, ``out.2``, ..., and last ``out``."""
    files = sorted(folder.glob("out.*"), key=lambda path: int(path.suffix[1:]))
    found = []
    for path in [*files, folder / "out"]:
        match = re.search(r"^totals: (\d+)", path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
        if match is None:
            raise SetupError(f"no count in callgrind's file {path.name}")
        found.append(int(match[1]))
    return found


def read_baseline(section: str, path: Path = BASELINE) -> dict[str, int] | None:
    """Return what a section of the file has; None if there is no such section."""
    known: dict[str, dict[str, int]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return known.get(section)


def write_baseline(section: str, counts: Mapping[str, int], path: Path = BASELINE) -> None:
    """Replace a section of the file."""
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known[section] = dict(counts)
    path.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")


def regressions(counts: Mapping[str, int], baseline: Mapping[str, int], tolerance: float) -> list[str]:
    """Say what is above the baseline by more than the tolerance, or is not in it."""
    found = []
    for name, number in counts.items():
        if name not in baseline:
            found.append(f"{name}: no baseline")
        elif number > baseline[name] * (1 + tolerance):
            found.append(f"{name}: {number:,} instructions, {number / baseline[name] - 1:+.1%}")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Count and compare; 1 if something became longer, 2 if there is nothing to compare with."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.counts", description="Count instructions and compare."
    )
    parser.add_argument("--write", action="store_true", help=f"write the counts to {BASELINE.name}")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE * 100, metavar="PERCENT")
    parser.add_argument("--python", default=sys.executable, metavar="PATH", help="a Python with Whipsnake")
    args = parser.parse_args(argv)
    try:
        interpreter = probe(args.python)
        counts = count(interpreter, args.python)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 2
    section = section_for(interpreter)
    baseline = read_baseline(section)
    print(section)
    for name, number in counts.items():
        before = (baseline or {}).get(name)
        print(f"{name:<14} {number:>13,}" + (f"  {number / before - 1:+8.2%}" if before else ""))
    if args.write:
        write_baseline(section, counts)
        return 0
    if baseline is None:
        print(f"{BASELINE.name} has no such section; --write adds it", file=sys.stderr)
        return 2
    problems = regressions(counts, baseline, args.tolerance / 100)
    for problem in problems:
        print(f"FAILED {problem}")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
