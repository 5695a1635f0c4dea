"""The process that runs one of CPython's test modules: ``python case_recorder.py RESULTS MODULE``.

It is the same for the plain and the compiled side; Whipsnake is switched on by the environment, before this
starts.  Each test case leaves a JSON line when it begins and one when it ends, so that a process that dies
tells where.
"""

import json
import os
import sys
import traceback
import unittest

ASKED_FOR = os.environ.get("WHIPSNAKE") == "baseline"
"""Whether Whipsnake is to be at work; tests change the environment."""

MEMORY = 6 << 30
"""Bytes of address space: a test that runs wild must not take the machine along."""


class Recorder(unittest.TextTestResult):
    """Writes what unittest reports, as it reports it."""

    results = sys.stderr
    prefix = ""

    def write(self, test, outcome, detail=""):
        """One line: the test case, what became of it, and the last line of the error if there was one."""
        # Not test.id(): there are test cases with an attribute of that name.
        name = type(test).id(test) if hasattr(type(test), "id") else str(test)
        self.results.write(json.dumps([self.prefix + name, outcome, detail]) + "\n")
        self.results.flush()

    def startTest(self, test):
        super().startTest(test)
        self.write(test, "running")

    def addSuccess(self, test):
        super().addSuccess(test)
        self.write(test, "ok")

    def addError(self, test, err):
        super().addError(test, err)
        self.write(test, "error", last_line(err))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.write(test, "fail", last_line(err))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.write(test, "skip", reason)

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self.write(test, "expected failure")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.write(test, "unexpected success")

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.write(test, "fail", f"{subtest}: {last_line(err)}")


def last_line(err):
    """The line that a traceback ends with."""
    return "".join(traceback.format_exception_only(err[1])).strip().replace("\n", " ")[:300]


def limit_memory():
    """Bound the address space, and leave no core files."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def write_end(results):
    """The last line: the process got to its end, and how many functions were compiled on the way.

    Where Whipsnake should have been at work and was not, a test case says so, which the plain side has not.
    """
    compiled = 0
    if ASKED_FOR:
        import whipsnake  # started late, it is no module that a program sees

        compiled = whipsnake.stats()["functions_compiled"]
        if not whipsnake.is_enabled():
            results.write(json.dumps(["(Whipsnake)", "not enabled", ""]) + "\n")
    results.write(json.dumps(["", "end", compiled]) + "\n")
    results.flush()


def main():
    """Run the module, record its test cases, and how many functions were compiled on the way."""
    path, module = sys.argv[1:]
    sys.path.pop(0)  # this folder
    limit_memory()
    from test import support

    support.use_resources = ["cpu", "decimal", "subprocess", "walltime"]
    with open(path, "a", encoding="utf-8") as Recorder.results:
        process = os.getpid()
        suite = unittest.defaultTestLoader.loadTestsFromName(f"test.{module}")
        result = unittest.TextTestRunner(resultclass=Recorder, verbosity=0).run(suite)
        if os.getpid() == process:
            write_end(Recorder.results)
    sys.exit(0 if result.wasSuccessful() else 1)


if __name__ == "__main__":
    main()
