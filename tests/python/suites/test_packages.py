"""Packages' suites: what is recorded, that a difference is noticed, and the table's form."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from tests.conformance.compare import Compared, Runs, Total, differences, expectations
from tests.conformance.runner import Outcome, Suite, run_suite
from tests.packages import __main__ as command
from tests.packages import install
from tests.packages.table import CONSTRAINTS, RECORDER, Package, packages

ROOT = Path(__file__).resolve().parents[3]
OFF = {"WHIPSNAKE": "off"}
OUTCOMES = """
import os, unittest, pytest

def test_ok(): pass
def test_fail(): assert 1 == 2
def test_skip(): pytest.skip("no")
@pytest.mark.xfail
def test_expected(): assert False
@pytest.mark.xfail
def test_unexpected(): pass
@pytest.fixture
def broken(): raise ValueError("in the fixture")
def test_error(broken): pass
@pytest.fixture
def late():
    yield
    raise ValueError("in the end")
def test_teardown(late): pass

class TestOld(unittest.TestCase):
    def test_subtests(self):
        for number in range(3):
            with self.subTest(number=number):
                self.assertNotEqual(number, 1)
    @unittest.expectedFailure
    def test_expected(self): self.fail()
"""
SENSITIVE = """
import os, unittest

class Test(unittest.TestCase):
    def test_blind(self): pass
    def test_sees(self): self.assertEqual(os.environ["WHIPSNAKE"], "off")

unittest.main()
"""
SEES = "small: __main__.Test.test_sees"


def suite(folder: Path, source: str, *arguments: str) -> Suite:
    """A suite of one file in *folder*."""
    folder.mkdir(parents=True)
    (folder / "test_it.py").write_text(source)
    return Suite(
        "small",
        Path(sys.executable),
        RECORDER,
        ("small", *(arguments or ("pytest", "test_it.py"))),
        folder,
    )


def run(tmp_path: Path, source: str, *arguments: str) -> Outcome:
    """The plain side of a suite of one file."""
    return run_suite(suite(tmp_path / "suite", source, *arguments), OFF, tmp_path / "log", 120)


def test_pytest_outcomes(tmp_path: Path) -> None:
    outcome = run(tmp_path, OUTCOMES)
    assert outcome.ended
    assert {name.removeprefix("small: test_it.py::"): what for name, what in outcome.cases.items()} == {
        "test_ok": "ok",
        "test_fail": "fail",
        "test_skip": "skip",
        "test_expected": "expected failure",
        "test_unexpected": "unexpected success",
        "test_error": "error",
        "test_teardown": "error",
        "TestOld::test_subtests": "fail",
        "TestOld::test_expected": "expected failure",
    }
    assert "in the fixture" in outcome.details["small: test_it.py::test_error"]


def test_a_file_that_cannot_be_collected_is_a_case(tmp_path: Path) -> None:
    outcome = run(tmp_path, "import no_such_module\n")
    assert outcome.cases == {"small: test_it.py": "error"}
    assert "no_such_module" in outcome.details["small: test_it.py"]


def test_a_process_that_dies_names_the_case(tmp_path: Path) -> None:
    outcome = run(tmp_path, "import os\ndef test_ok(): pass\ndef test_dies(): os.abort()\n")
    assert not outcome.ended
    assert outcome.cases == {"small: test_it.py::test_ok": "ok", "small: test_it.py::test_dies": "crash"}


OWN_RESULTS = "unittest.TextTestRunner(resultclass=unittest.TextTestResult)"


@pytest.mark.parametrize("runner", ["unittest.TextTestRunner", OWN_RESULTS], ids=["usual", "own-results"])
def test_programs_that_use_unittest(tmp_path: Path, runner: str) -> None:
    source = f"""
import sys, unittest

class Test(unittest.TestCase):
    def test_ok(self): self.assertEqual(sys.argv, ["test_it.py", "--buffer"])
    def test_fail(self): self.fail()

unittest.main(testRunner={runner})
"""
    outcome = run(tmp_path, source, "script", "test_it.py", "--buffer")
    assert outcome.ended
    assert outcome.cases == {"small: __main__.Test.test_ok": "ok", "small: __main__.Test.test_fail": "fail"}


def test_suites_do_not_see_what_earlier_ones_wrote(tmp_path: Path) -> None:
    source = "from pathlib import Path\nPath('mark').touch(exist_ok=False)\n"
    small = suite(tmp_path / "suite", source, "script", "test_it.py")
    for _ in range(2):
        assert run_suite(small, OFF, tmp_path / "log", 120).status == 0


def compare(tmp_path: Path, source: str, environ: dict[str, str]) -> Compared:
    """Both sides of a suite of one file."""
    runs = Runs(tmp_path / "base", "everything", environ, fresh=False)
    return runs.compare(suite(tmp_path / "suite", source, "script", "test_it.py"))


def test_a_difference_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = compare(tmp_path, SENSITIVE, {"WHIPSNAKE": "other"})
    assert result.different == {SEES: ("ok", "fail")}
    comparison = command.Comparison(tmp_path, ("everything",), fresh=False)
    package = Package("small", "1", least=1)
    comparison.add([(package, "everything", result)], "")
    assert not comparison.finish([package])
    assert SEES in capsys.readouterr().out


def test_a_difference_that_depends_on_where_things_lie_does_not_count(tmp_path: Path) -> None:
    source = SENSITIVE.replace(', "off")', ', "off" if "RETRY" not in os.environ else "other")')
    assert source != SENSITIVE
    result = compare(tmp_path, source, {"WHIPSNAKE": "other"})
    assert (result.different, result.unsteady) == ({SEES: ("fail", "ok")}, 0)
    source = SENSITIVE.replace(', "off")', ', os.environ["WHIPSNAKE"] if "RETRY" in os.environ else "off")')
    result = compare(tmp_path / "unsteady", source, {"WHIPSNAKE": "other"})
    assert (result.different, result.unsteady) == ({}, 1)


def test_rows_explain_differences_and_differences_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "expectations.toml"
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    file.write_text(
        f'[[expect]]\ntests = ["{SEES}"]\npython = "{version}"\nmode = "default"\nreason = "it looks"\n'
    )
    monkeypatch.setattr(command, "EXPECTATIONS", file)
    package = Package("small", "1", least=1)
    assert expectations(file, "everything", lambda test: True) == {}
    for mode, environ, passes in (
        ("default", {"WHIPSNAKE": "other"}, True),
        ("default", OFF, False),
        ("everything", {"WHIPSNAKE": "other"}, False),
    ):
        result = compare(tmp_path / f"{mode}-{environ['WHIPSNAKE']}", SENSITIVE, environ)
        comparison = command.Comparison(tmp_path, (mode,), fresh=False)
        comparison.add([(package, mode, result)], "")
        assert comparison.finish([package]) is passes


def test_a_run_without_whipsnake_at_work_fails(tmp_path: Path) -> None:
    total = Total()
    total.add(compare(tmp_path / "off", SENSITIVE, {**OFF, "WHIPSNAKE_THRESHOLD": "0"}), {})
    assert total.failures == 1
    # The autoload file is not there, so it stays off.
    result = compare(tmp_path / "on", SENSITIVE, {"WHIPSNAKE": "baseline"})
    assert result.different == {SEES: ("ok", "fail"), "(Whipsnake)": ("missing", "not enabled")}


def test_too_few_passing_cases_fail(tmp_path: Path) -> None:
    result = compare(tmp_path, SENSITIVE, OFF)
    for least, passes in ((2, True), (3, False)):
        comparison = command.Comparison(tmp_path, ("everything",), fresh=False)
        package = Package("small", "1", least=least)
        comparison.add([(package, "everything", result)], "")
        assert comparison.finish([package]) is passes


def test_an_end_that_only_one_side_reaches_is_a_difference() -> None:
    cases = {"small: test": "ok"}
    reached = Outcome(cases, {}, 0, 1.0, 5, True, "")
    died = Outcome(cases, {}, -11, 1.0, 0, False, "")
    assert differences(reached, died) == {"(process)": ("exit code 0", "died of signal 11")}


def test_rows_of_the_table_are_in_order() -> None:
    table = packages()
    assert len({package.name for package in table}) == len(table) >= 15
    assert sum(package.quick for package in table) >= 2
    for package in table:
        assert bool(package.pytest) != bool(package.script), package.name
        assert package.least > 0, package.name
        assert not package.script or not package.deselect, package.name
    pins = CONSTRAINTS.read_text().splitlines()
    assert pins == sorted(pins)
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", pin) for pin in pins)


def test_expectations_name_packages_of_the_table() -> None:
    names = {package.name for package in packages()}
    tests = [
        test for mode in command.MODES for test in expectations(command.EXPECTATIONS, mode, lambda test: True)
    ]
    assert {test.partition(": ")[0] for test in tests} <= names


def test_what_is_not_pinned_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "pip", lambda *arguments, **named: "small==1\npytest==9\nloose==2\n")
    with pytest.raises(install.InstallError, match="loose==2"):
        install.require_pins(Package("small", "1", least=1), Path(sys.executable))


def test_names_of_results_depend_on_the_row() -> None:
    rows = [Package("small", "1", least=1, pytest=["tests"]), Package("small", "1", least=1, pytest=["test"])]
    assert len({row.recorded_as for row in rows}) == 2
    assert len({row.installed_as for row in rows}) == 1
    assert rows[0].installed_as != Package("small", "1", least=1, needs=["other"]).installed_as


def test_an_interrupted_run_ends_its_suites(tmp_path: Path) -> None:
    """The one that runs and those that have not begun; what it would have run on another side is not begun, either."""
    recorder = tmp_path / "recorder.py"
    recorder.write_text("import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(100)")
    program = f"""
        import os, signal, sys, threading, time
        from pathlib import Path
        from tests.conformance.runner import Pool, Suite, run_suite

        def both(number):
            for side in "plain", "ours":
                folder = Path({str(tmp_path)!r}, f"{{number}}-{{side}}")
                run_suite(Suite("slow", sys.executable, Path({str(recorder)!r}), ()), {{}}, folder, 100)

        def interrupt():
            while not Path({str(tmp_path)!r}, "0-plain", "results.jsonl").exists(): time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt, daemon=True).start()
        with Pool(1) as pool:
            list(pool.map(both, range(3)))
    """
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert "KeyboardInterrupt" in done.stderr and done.returncode != 0, done
    assert time.monotonic() - started < 30
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["0-plain"]
