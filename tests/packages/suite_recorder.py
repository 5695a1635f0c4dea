"""The process that runs a package's tests: ``python suite_recorder.py RESULTS NAME RUNNER ARGUMENTS...``.

It is the same for the plain and the compiled side; Whipsnake is switched on by the environment, before this
starts.  RUNNER is ``pytest``, with its command line, or ``script``: a program or module that runs its tests
by unittest.  Test cases are recorded as ``NAME: test``, in the form of case_recorder.
"""

import json
import os
import runpy
import sys
import sysconfig
import unittest
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1] / "conformance")
from case_recorder import Recorder, limit_memory, write_end  # noqa: E402

del sys.path[0]

DEFAULT_OPTIONS = ("-q", "-p", "no:cacheprovider", "--tb=short", "--color=no")


class PytestRecorder:
    """A pytest plugin that writes what pytest reports, as it reports it."""

    def __init__(self, prefix, results):
        self.prefix = prefix
        self.results = results

    def write(self, name, outcome, detail=""):
        """One line: the test case, what became of it, and the message of the error if there was one."""
        self.results.write(json.dumps([self.prefix + name, outcome, detail]) + "\n")
        self.results.flush()

    def pytest_configure(self, config):
        """Hypothesis chooses the same examples on both sides, and does not look at the clock."""
        if config.pluginmanager.hasplugin("hypothesispytest"):
            from hypothesis import HealthCheck, settings

            same = settings(
                derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
            )
            settings.register_profile("same-on-both-sides", same)
            settings.load_profile("same-on-both-sides")

    def pytest_collectreport(self, report):
        """A file that cannot be collected is a result, too."""
        if not report.passed:
            self.write(
                report.nodeid or "(session)", "error" if report.failed else "skip", last_message(report)
            )

    def pytest_runtest_logstart(self, nodeid):
        self.write(nodeid, "running")

    def pytest_runtest_logreport(self, report):
        """Setting up, the call and tearing down, in this order; the first that does not go well decides."""
        if report.failed:
            self.write(report.nodeid, "fail" if report.when == "call" else "error", last_message(report))
        elif report.skipped:
            self.write(report.nodeid, "expected failure" if hasattr(report, "wasxfail") else "skip")
        elif report.when == "call":
            self.write(report.nodeid, "unexpected success" if hasattr(report, "wasxfail") else "ok")


def last_message(report):
    """What went wrong, in one line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return " ".join(crash.message.split())[:300]
    return " ".join(report.longreprtext.split())[-300:]


def run_pytest(prefix, results, arguments):
    """Run pytest with *arguments*; returns the exit code."""
    import pytest

    if "--pyargs" in arguments:  # installed tests: named by their place there
        arguments = [f"--rootdir={sysconfig.get_path('purelib')}", *arguments]
    return pytest.main([*DEFAULT_OPTIONS, *arguments], plugins=[PytestRecorder(prefix, results)])


def run_script(prefix, results, arguments):
    """Run the program *arguments*, a file or a module's name, that runs tests by unittest's text runner.

    Returns the exit code.
    """
    Recorder.prefix, Recorder.results = prefix, results
    # Not its `resultclass`: runners derived from it choose their own.
    unittest.TextTestRunner._makeResult = lambda runner: Recorder(
        runner.stream, runner.descriptions, runner.verbosity
    )
    sys.argv = arguments
    program = arguments[0]
    try:
        if program.endswith(".py"):
            sys.path.insert(0, os.path.dirname(os.path.abspath(program)))
            runpy.run_path(program, run_name="__main__")
        else:
            runpy.run_module(program, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code
    return 0


def main():
    """Run the tests, record them, and how many functions were compiled on the way."""
    path, name, runner, *arguments = sys.argv[1:]
    limit_memory()
    process = os.getpid()
    with open(path, "a", encoding="utf-8") as results:
        run = {"pytest": run_pytest, "script": run_script}[runner]
        status = run(f"{name}: ", results, arguments)
        if os.getpid() == process:
            write_end(results)
    sys.exit(status)


if __name__ == "__main__":
    main()
