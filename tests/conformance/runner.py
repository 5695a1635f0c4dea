"""Runs suites of tests in processes of their own, plain or under Whipsnake, and keeps what came of it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

#: The build directory: that of the environment that runs us.
BUILD = Path(sys.prefix).parent if sys.prefix != sys.base_prefix else Path("build").resolve()


@dataclass(frozen=True)
class Suite:
    """Tests that one process runs and records: ``python recorder RESULTS arguments...``."""

    name: str
    python: Path
    recorder: Path
    arguments: tuple[str, ...]
    folder: Path | None = None
    """The process runs in a copy of it; None: in an empty folder."""
    environ: dict[str, str] = field(default_factory=dict)
    """Added to the environment, on both sides."""
    kept_as: str = ""
    """Names the results that are kept, where the suite's name does not tell what was run."""

    @property
    def file_name(self) -> str:
        """Of its results, among those of others."""
        return f"{self.kept_as or self.name}.json"


@dataclass(frozen=True)
class Outcome:
    """What one run of a suite left behind."""

    cases: dict[str, str]
    """Test case -> ok, fail, error, skip, expected failure, unexpected success, crash."""
    details: dict[str, str]
    """Test case -> the last line of its error, or why it was skipped."""
    status: int
    """Of the process: negative for a signal; TIMED_OUT."""
    seconds: float
    compiled: int
    ended: bool
    """Whether the process got to its end."""
    tail: str
    """The end of its output."""


TIMED_OUT = -999


class Interrupted(Exception):
    """The suite was ended because the whole run is."""


class Processes:
    """Those of the suites that are running."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def start(self, command: list[Any], **options: Any) -> subprocess.Popen[bytes]:
        """Start one, in a session of its own. Raises Interrupted after stop()."""
        with self._lock:
            if self._stopped:
                raise Interrupted
            process = subprocess.Popen(command, start_new_session=True, **options)
            self._running.add(process)
            return process

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """End one, and what it has left behind. Raises Interrupted after stop()."""
        self._kill(process)
        process.wait()
        with self._lock:
            self._running.discard(process)
            if self._stopped:
                raise Interrupted

    def stop(self) -> None:
        """End all, and start no more."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                self._kill(process)

    @staticmethod
    def _kill(process: subprocess.Popen[bytes]) -> None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


processes = Processes()


class Pool(ThreadPoolExecutor):
    """Suites at the same time; an exception that leaves its context, such as Ctrl-C, ends them all."""

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            processes.stop()
        self.shutdown(cancel_futures=kind is not None)


def make_environment(environment: Path) -> Path:
    """A virtual environment's interpreter, with this one's Whipsnake, switched on by variables alone.

    The processes that tests start are to run under Whipsnake too, so the autoload file does it; it
    sits in an environment of its own, so that no other user of this one finds it installed.
    """
    import whipsnake
    from whipsnake._pth import FILE_NAME, LINE

    python = environment / "bin" / "python"
    if not python.exists():
        subprocess.run(
            [getattr(sys, "_base_executable", sys.executable), "-m", "venv", "--without-pip", environment],
            check=True,
        )
    packages = next((environment / "lib").glob("python*/site-packages"))
    # Not by a path file: that would bring in what else is installed beside Whipsnake.
    package = packages / "whipsnake"
    package.unlink(missing_ok=True)
    package.symlink_to(Path(whipsnake.__file__).resolve().parent)
    (packages / FILE_NAME).write_text(LINE)
    return python


def fingerprint() -> str:
    """Changes whenever Whipsnake does."""
    import whipsnake._core as core

    digest = hashlib.sha256()
    digest.update(Path(core.__file__).read_bytes())
    for path in sorted(Path(core.__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def run_suite(suite: Suite, switches: dict[str, str], directory: Path, timeout: float) -> Outcome:
    """Run *suite* in a fresh process and folder; *switches* go into the environment. Raises Interrupted."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    scratch = tempfile.mkdtemp(prefix="conf-")  # short: tests put sockets there
    results, log = directory / "results.jsonl", directory / "output.txt"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("WHIPSNAKE")}
    for name in ("PYTHONPATH", "PYTHONHOME"):
        environ.pop(name, None)
    environ |= {"PYTHONHASHSEED": "0", "TMPDIR": scratch, **suite.environ, **switches}
    folder = scratch
    if suite.folder is not None:
        folder = shutil.copytree(suite.folder, Path(scratch, "suite"), symlinks=True)
    started = time.monotonic()
    with log.open("wb") as output:
        process = processes.start(
            [suite.python, "-X", "faulthandler", suite.recorder, results, *suite.arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environ,
            cwd=folder,
        )
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            status = TIMED_OUT
        finally:
            processes.end(process)
    seconds = time.monotonic() - started
    cases, details, compiled = read_results(results)
    with log.open("rb") as output:
        output.seek(max(0, log.stat().st_size - 3000))
        tail = output.read().decode(errors="replace")
    shutil.rmtree(scratch, ignore_errors=True)
    return Outcome(cases, details, status, seconds, compiled or 0, compiled is not None, tail)


def read_results(path: Path) -> tuple[dict[str, str], dict[str, str], int | None]:
    """Outcomes and details by test case, and how many functions were compiled; None: it did not get there."""
    cases: dict[str, str] = {}
    details: dict[str, str] = {}
    compiled: int | None = None
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            name, outcome, detail = json.loads(line)
        except ValueError:
            continue  # the process died while writing it
        if outcome == "end":
            compiled = detail
        elif outcome == "running":
            cases[name] = "crash"
        elif cases.get(name, "crash") in ("crash", "ok"):  # the first failing subtest decides
            cases[name] = outcome
            if detail:
                details[name] = detail
    return cases, details, compiled


def load(path: Path) -> Outcome | None:
    """An outcome kept by :func:`store`; None if there is none."""
    try:
        return Outcome(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def store(path: Path, outcome: Outcome) -> None:
    """Keep an outcome; an interruption leaves the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(asdict(outcome)), encoding="utf-8")
    temporary.replace(path)
