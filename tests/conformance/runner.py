"""Runs one test module in a process of its own and reads the result of every test case.

The inner half of this file (`main`) is what that process executes: unittest with a result object that writes one JSON
line per test case. It is the same for both sides; Whipsnake is switched on by the environment before it starts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

#: What a module may take, in seconds and in bytes of address space.
TIMEOUT = 900.0


#: The line that says how many functions machine code was made for.
COMPILED = "functions compiled"


@dataclass(frozen=True)
class Outcome:
    """Results of one module: test case -> "ok", "fail", "error", "skip", "expected failure" or "unexpected success"."""

    cases: dict[str, str]
    status: int
    seconds: float
    tail: str
    compiled: int


def run_module(module: str, environment: dict[str, str], directory: Path) -> Outcome:
    """Runs `module` ("test_grammar") in a fresh process and directory; `environment` is added to ours."""
    directory.mkdir(parents=True, exist_ok=True)
    results = directory / "results.jsonl"
    results.unlink(missing_ok=True)
    log = directory / "output.txt"
    env = {name: value for name, value in os.environ.items() if not name.startswith("WHIPSNAKE")}
    env |= {"PYTHONHASHSEED": "0", "CONFORMANCE_RESULTS": str(results), **environment}
    started = time.monotonic()
    with log.open("wb") as output:
        try:
            status = subprocess.run(
                [sys.executable, "-X", "faulthandler", os.fspath(Path(__file__)), module],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=env,
                cwd=directory,
                timeout=TIMEOUT,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            status = -999
    cases: dict[str, str] = {}
    compiled = 0
    if results.exists():
        for line in results.read_text(encoding="utf-8").splitlines():
            name, outcome = json.loads(line)
            if name == COMPILED:
                compiled = outcome
                continue
            cases[name] = outcome if cases.get(name, "ok") == "ok" else cases[name]
    tail = log.read_text(encoding="utf-8", errors="replace")[-3000:]
    return Outcome(cases, status, time.monotonic() - started, tail, compiled)


def main() -> None:
    """Runs the module named on the command line and writes its test cases' results; the inner process."""
    import unittest
    from test import support

    class Recorder(unittest.TextTestResult):
        def _write(self, test: object, outcome: str) -> None:
            identity = getattr(test, "id", lambda: str(test))()
            with open(os.environ["CONFORMANCE_RESULTS"], "a", encoding="utf-8") as file:
                file.write(json.dumps([identity, outcome]) + "\n")

        def addSuccess(self, test):  # type: ignore[no-untyped-def]
            super().addSuccess(test)
            self._write(test, "ok")

        def addError(self, test, err):  # type: ignore[no-untyped-def]
            super().addError(test, err)
            self._write(test, "error")

        def addFailure(self, test, err):  # type: ignore[no-untyped-def]
            super().addFailure(test, err)
            self._write(test, "fail")

        def addSkip(self, test, reason):  # type: ignore[no-untyped-def]
            super().addSkip(test, reason)
            self._write(test, "skip")

        def addExpectedFailure(self, test, err):  # type: ignore[no-untyped-def]
            super().addExpectedFailure(test, err)
            self._write(test, "expected failure")

        def addUnexpectedSuccess(self, test):  # type: ignore[no-untyped-def]
            super().addUnexpectedSuccess(test)
            self._write(test, "unexpected success")

        def addSubTest(self, test, subtest, err):  # type: ignore[no-untyped-def]
            super().addSubTest(test, subtest, err)
            if err is not None:
                self._write(test, "fail")

    support.verbose = False
    support.use_resources = ["cpu", "decimal", "subprocess", "walltime"]
    suite = unittest.defaultTestLoader.loadTestsFromName(f"test.{sys.argv[1]}")
    result = unittest.TextTestRunner(resultclass=Recorder, verbosity=1).run(suite)
    if "WHIPSNAKE" in os.environ:
        import whipsnake

        with open(os.environ["CONFORMANCE_RESULTS"], "a", encoding="utf-8") as file:
            file.write(json.dumps([COMPILED, whipsnake.stats()["functions_compiled"]]) + "\n")
    sys.exit(0 if result.wasSuccessful() else 1)


if __name__ == "__main__":
    sys.path.pop(0)  # this folder
    main()
