"""``python -m tests.sanitize asan tsan``: C++ and Python tests under sanitizers, and one table of what was reported.

The extension is built with the sanitizers, in a build directory of its own, and loaded into the interpreter as it is,
which therefore has to preload their run-time library. Every process that the tests start writes its reports into
files, so that none is lost in a test that looks at something else. Before anything counts, the seeds (errors that are
made on purpose, ``seeds/seeds.cpp``) must be reported, and what is correct must not.

The run fails when a suite fails, when there is a report, or when a seed is missed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from tests.interrupts import take_interrupts

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BUILD = Path(os.environ.get("BUILD", ROOT / "build")).resolve()

# Not tests/text: the disassembler's library is loaded with RTLD_DEEPBIND, which sanitizers refuse.
PYTHON_SUITES = ("opcodes", "engine", "exactness", "hostile", "fuzzing", "surface")

#: Tests that cannot be made under a sanitizer, by a part of their names (or terms of pytest's -k), with the reason.
LEFT_OUT = {
    "asan": {
        "test_allocators": "chooses the allocator itself",
        "test_memory_of_the_process": "freed memory is kept in quarantine, so the process grows",
        "address_space": "the sanitizer needs terabytes of addresses",
        "test_cost_when_on": "measures time and memory",
        "test_compile_time_of_the_standard_library": "measures time",
    },
    "tsan": {
        "address_space": "the sanitizer needs terabytes of addresses",
        "memory_of_the_process": "the sanitizer's own memory grows",
        "test_thread_is_there": "counts threads, and the sanitizer has one of its own",
        "test_off_and_on_again": "the same",
        "test_the_c_library_believes_in_one_thread": "the same",
        "(test_sampling and test_fork)": "the same, or CPython warns of it; other tests fork, too",
        "test_disabled_by_a_fork_hook": "the same",
        "test_child_of_a_thread": "a child that a thread forks crashes at its end, without us, too",
        "(test_fork_storm and not threshold)": "a child of threads that starts one ends the process (dup thread)",
        "(test_program and signals)": "signals wait for a call that the sanitizer intercepts: some loops have none",
    },
}


@dataclass(frozen=True)
class Sanitizer:
    """How to build with a sanitizer, and how to run with it.

    Attributes:
        name: as in ``make <name>``.
        flags: for ``-fsanitize``, joined by semicolons.
        libraries: the run-time libraries, to be loaded before all others in this order.
        environment: of Python tests; ``{log}`` stands for where reports go.
        cpp_environment: of C++ tests, which have an interpreter of their own or none.
        python: arguments of pytest that choose the tests.
        quick: the same for a quick cut.
        seeds: by function of ``seeds.cpp``, text that its report has; None where there must be no report.
    """

    name: str
    flags: str
    libraries: Sequence[str]
    environment: Mapping[str, str]
    cpp_environment: Mapping[str, str]
    python: Sequence[str]
    quick: Sequence[str]
    seeds: Mapping[str, str | None]


SANITIZERS = {
    "asan": Sanitizer(
        name="asan",
        flags="address;undefined",
        libraries=["ubsan", "asan"],
        # Object memory comes from malloc, which the sanitizer watches; faulthandler keeps its signals; what the
        # interpreter leaves behind at its end is not ours to report. A refused allocation is a MemoryError.
        environment={
            "PYTHONMALLOC": "malloc",
            "ASAN_OPTIONS": "detect_leaks=0:handle_segv=0:handle_sigbus=0:handle_sigfpe=0:"
            "allocator_may_return_null=1:quarantine_size_mb=64:verify_asan_link_order=0:log_path={log}",
            "UBSAN_OPTIONS": "print_stacktrace=1:log_path={log}",
        },
        cpp_environment={
            # The interpreter has no frame pointers, and leaks are judged by who asked for the memory.
            "ASAN_OPTIONS": "fast_unwind_on_malloc=0:log_path={log}",
            "LSAN_OPTIONS": f"suppressions={HERE / 'leaks.supp'}:print_suppressions=0",
            "UBSAN_OPTIONS": "print_stacktrace=1:log_path={log}",
        },
        python=[f"tests/python/{suite}" for suite in PYTHON_SUITES],
        quick=["tests/python/fuzzing/test_corpus.py"],
        seeds={
            "overflow": "heap-buffer-overflow",
            "use_after_free": "heap-use-after-free",
            "object_after_free": "heap-use-after-free",
            "shift": "shift exponent",
            "locked": None,
        },
    ),
    "tsan": Sanitizer(
        name="tsan",
        flags="thread",
        libraries=["tsan"],
        # What uninstrumented code does to memory is unknown; its locks are seen, the GIL among them. With hostile
        # bytecode the interpreter crashes by itself.
        environment={
            "TSAN_OPTIONS": "ignore_noninstrumented_modules=1:die_after_fork=0:report_signal_unsafe=0:exitcode=66:"
            "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:report_thread_leaks=0:log_path={log}",
        },
        cpp_environment={"TSAN_OPTIONS": "die_after_fork=0:log_path={log}"},
        python=[
            "tests/python/hostile",
            "tests/python/engine/test_sampling.py",
            "tests/python/engine/test_process.py",
            "tests/python/exactness/test_programs.py",
            "-k",
            "hostile or test_sampling or test_process or "
            "(test_program and (threads or signals or forks or shutdown or subinterpreters))",
        ],
        quick=["tests/python/engine/test_sampling.py"],
        seeds={"race": "data race", "locked": None},
    ),
}


@dataclass
class Row:
    """A line of the table."""

    sanitizer: str
    suite: str
    tests: int = 0
    failed: int = 0
    reports: list[Path] = field(default_factory=list)
    seconds: float = 0.0


class Run:
    """The suites of one sanitizer."""

    def __init__(self, sanitizer: Sanitizer, quick: bool, pytest_arguments: Sequence[str]) -> None:
        self.sanitizer = sanitizer
        self.build = BUILD / sanitizer.name
        self.work = self.build / "sanitize"
        self.python = self.build / "venv/bin/python"
        self.chosen = sanitizer.quick if quick else sanitizer.python
        self.pytest_arguments = pytest_arguments
        self.rows: list[Row] = []

    def all(self, suites: Sequence[str]) -> bool:
        """Builds, and runs the seeds and the *suites*; whether all went well."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        self.make("build", "tests-configured", f"{self.build}/stamps/test")
        good = self.seeds()
        if "c++" in suites:
            self.make("cpp")
            good &= self.cpp()
        if "python" in suites:
            good &= self.pytest()
        return good

    def make(self, *targets: str) -> None:
        # The same settings for every caller, so that a build directory is not built anew.
        settings = [f"BUILD={self.build}", f"SANITIZE={self.sanitizer.flags}", "WERROR=ON"]
        subprocess.run(["make", "--no-print-directory", *settings, *targets], cwd=ROOT, check=True)

    def environment(self, suite: str) -> dict[str, str]:
        """For tests whose reports are those of *suite*."""
        log = self.work / f"report.{suite}"
        settings = self.sanitizer.cpp_environment if suite == "c++" else self.sanitizer.environment
        environment = {name: text.format(log=log) for name, text in settings.items()}
        if suite != "c++":
            # The C++ library too, whose functions are intercepted: the interpreter alone would not have it.
            libraries = [*self.sanitizer.libraries, "stdc++"]
            environment["LD_PRELOAD"] = ":".join(map(library_path, libraries))
        return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment}

    def reports(self, suite: str) -> list[Path]:
        return sorted(self.work.glob(f"report.{suite}.*"))

    def seeds(self) -> bool:
        """Whether what is wrong on purpose is reported, and what is not is silent."""
        cmake = self.build / "venv/bin/cmake"
        subprocess.run([cmake, "--build", self.build / "cmake", "--target", "sanitizer_seeds"], check=True)
        (module,) = (self.build / "cmake").glob("tests/sanitizer_seeds*.so")
        row = Row(self.sanitizer.name, "seeds")
        started = time.monotonic()
        for seed, wanted in self.sanitizer.seeds.items():
            code = f"import sys; sys.path.insert(0, {str(module.parent)!r}); import sanitizer_seeds as s; s.{seed}()"
            suite = f"seed-{seed}"
            ran = subprocess.run(
                [self.python, "-c", code],
                env=self.environment(suite),
                capture_output=True,
                text=True,
            )
            text = "".join(report.read_text(errors="replace") for report in self.reports(suite))
            good = wanted in text if wanted is not None else not text and ran.returncode == 0
            row.tests += 1
            if not good:
                row.failed += 1
                print(f"seed {seed}: expected {wanted!r}, exit code {ran.returncode}\n{ran.stderr}{text}")
        return self.done(row, started)

    def cpp(self) -> bool:
        junit = self.work / "c++.xml"
        started = time.monotonic()
        ctest = self.build / "venv/bin/ctest"
        options = f"--quiet --output-on-failure -j {os.cpu_count()}".split()
        command = [ctest, "--test-dir", self.build / "cmake", *options, "--output-junit", junit]
        subprocess.run(command, env=self.environment("c++"))
        return self.done(self.judged(Row(self.sanitizer.name, "C++"), junit, "c++"), started)

    def pytest(self) -> bool:
        junit = self.work / "python.xml"
        started = time.monotonic()
        arguments = list(self.chosen)
        names = LEFT_OUT[self.sanitizer.name]
        chosen = " and ".join(f"not {name}" for name in names)
        if "-k" in arguments:
            at = arguments.index("-k")
            chosen = f"({arguments[at + 1]}) and {chosen}"
            del arguments[at : at + 2]
        options = ["-q", "-p", "no:cacheprovider", "-o", "timeout=1800", "-k", chosen, f"--junit-xml={junit}"]
        command = [self.python, "-m", "pytest", *options, *arguments, *self.pytest_arguments]
        subprocess.run(command, cwd=ROOT, env=self.environment("python"))
        return self.done(self.judged(Row(self.sanitizer.name, "Python"), junit, "python"), started)

    def judged(self, row: Row, junit: Path, suite: str) -> Row:
        """The row with the numbers of a JUnit file; a suite without one has failed."""
        row.reports = self.reports(suite)
        if not junit.exists():
            row.failed = 1
            return row
        for case in ElementTree.parse(junit).iter("testcase"):
            if case.find("skipped") is None:
                row.tests += 1
            row.failed += case.find("failure") is not None or case.find("error") is not None
        return row

    def done(self, row: Row, started: float) -> bool:
        row.seconds = time.monotonic() - started
        self.rows.append(row)
        for report in row.reports:
            print(f"== {report}\n{report.read_text(errors='replace')}")
        return row.tests > 0 and not row.failed and not row.reports


def library_path(name: str) -> str:
    compiler = os.environ.get("CXX", "g++")
    return subprocess.check_output([compiler, f"-print-file-name=lib{name}.so"], text=True).strip()


def main(argv: list[str] | None = None) -> int:
    """Returns 0 when all suites pass without a report."""
    parser = argparse.ArgumentParser(prog="python -m tests.sanitize", description=__doc__)
    parser.add_argument("sanitizers", nargs="*", choices=[*SANITIZERS, []], help="default: all")
    parser.add_argument("--quick", action="store_true", help="few Python tests")
    parser.add_argument("--suites", default="c++,python", help="default: c++,python")
    parser.add_argument(
        "--pytest", action="append", default=[], metavar="ARGUMENT", help="further ones for pytest"
    )
    arguments = parser.parse_args(argv)
    take_interrupts()
    good = True
    rows: list[Row] = []
    for name in arguments.sanitizers or SANITIZERS:
        run = Run(SANITIZERS[name], arguments.quick, arguments.pytest)
        good &= run.all(arguments.suites.split(","))
        rows += run.rows
    print(f"\n{'sanitizer':10} {'suite':8} {'tests':>6} {'failed':>6} {'reports':>7} {'s':>6}")
    for row in rows:
        print(
            f"{row.sanitizer:10} {row.suite:8} {row.tests:6} {row.failed:6} {len(row.reports):7} {row.seconds:6.0f}"
        )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
