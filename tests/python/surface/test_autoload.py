"""``whipsnake autoload`` and what the file does at start-up."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from whipsnake import _pth, options

from .conftest import Environment, needs_core

ENABLED = "import whipsnake; print(whipsnake.is_enabled())"


def test_install_status_remove(fake_environment: Environment, tmp_path: Path) -> None:
    env = fake_environment
    path = env.site / _pth.FILE_NAME

    def autoload(*arguments: str) -> tuple[int, str, str]:
        done = env.run([*env.whipsnake, "autoload", *arguments], tmp_path)
        return done.returncode, done.stdout, done.stderr

    assert autoload("--status") == (1, "not installed\n", "")
    assert autoload("--remove") == (0, "not installed\n", "")
    assert autoload("--install") == (0, f"installed {path}\n", "")
    assert path.read_text() == _pth.LINE
    assert autoload("--install")[0] == 0
    assert autoload("--status") == (0, f"installed {path}\nWHIPSNAKE=: off\n", "")
    path.write_text("import os\n")
    assert "from another version: install again" in autoload("--status")[1]
    assert autoload("--remove") == (0, f"removed {path}\n", "")
    assert not path.exists()
    assert autoload("--status")[0] == 1
    assert autoload()[0] == 2
    assert autoload("--install", "--remove")[0] == 2


def test_install_for_the_user(fake_environment: Environment, tmp_path: Path) -> None:
    env = {"PYTHONUSERBASE": str(tmp_path / "base")}
    command = [*fake_environment.whipsnake, "autoload"]
    done = fake_environment.run([*command, "--install", "--user"], tmp_path, env=env)
    assert done.returncode == 0
    (path,) = (tmp_path / "base").rglob(_pth.FILE_NAME)
    assert done.stdout == f"installed {path}\n"


def test_install_where_it_is_not_allowed(fake_environment: Environment, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = fake_environment.run(
        [*fake_environment.whipsnake, "autoload", "--install", "--user"],
        tmp_path,
        env={"PYTHONUSERBASE": str(blocked)},
    )
    assert done.returncode == 1
    assert done.stderr.startswith("whipsnake: ") and done.stderr.count("\n") == 1


def test_only_when_asked(autoload: Environment, tmp_path: Path) -> None:
    for value, enabled in [(None, False), ("", False), ("off", False), ("baseline", True)]:
        env = {} if value is None else {"WHIPSNAKE": value}
        for arguments in (["-c", ENABLED], ["-I", "-c", ENABLED], ["-m", "timeit", "-n1", "-r1", ENABLED]):
            done = autoload.run([autoload.python, *arguments], tmp_path, env=env)
            assert done.stdout.startswith(f"{enabled}\n"), (value, arguments, done)
            assert (done.returncode, done.stderr) == (0, "")


def test_nothing_is_imported_when_off(autoload: Environment, tmp_path: Path) -> None:
    code = "import sys; print([n for n in sys.modules if 'whipsnake' in n])"
    for env in ({}, {"WHIPSNAKE": "off"}, {"WHIPSNAKE_STATS": "1"}):
        assert autoload.run([autoload.python, "-c", code], tmp_path, env=env).stdout == "[]\n"


def test_nothing_is_imported_when_on(autoload: Environment, tmp_path: Path) -> None:
    """Where the engine is all that is asked for; with the fake core the package has to be imported."""
    if autoload.core != "real":
        pytest.skip("the fake core has no short way")
    code = f"import sys; print([n for n in sys.modules if 'whipsnake' in n]); {ENABLED}"
    for arguments in (["-c", code], ["-I", "-c", code], ["-X", "importtime", "-c", code]):
        done = autoload.run([autoload.python, *arguments], tmp_path, env={"WHIPSNAKE": "baseline"})
        assert done.stdout == "[]\nTrue\n"
        assert "-X" in arguments or done.stderr == ""


def test_options_in_force(autoload: Environment, tmp_path: Path) -> None:
    """The core's own defaults are those of the option table; a variable that is set is heard."""
    code = "from whipsnake import _core; import json; print(json.dumps(_core.settings()))"
    cases: list[tuple[dict[str, str], dict[str, object]]] = [
        ({}, {}),
        ({"WHIPSNAKE_THRESHOLD": "", "WHIPSNAKE_STATS": ""}, {}),
        ({"WHIPSNAKE_THRESHOLD": "7", "WHIPSNAKE_LOOPS": "0"}, {"threshold": 7, "loops": False}),
        (
            {"WHIPSNAKE_BUDGET": "8M", "WHIPSNAKE_CODE_HEAP": "fail:2"},
            {"budget": 8 << 20, "code_heap": "fail:2"},
        ),
    ]
    for env, different in cases:
        done = autoload.run([autoload.python, "-c", code], tmp_path, env={"WHIPSNAKE": "baseline"} | env)
        expected = {option.name: option.default for option in options.OPTIONS} | different
        expected["stress_seed"] = 0  # nothing is left to chance
        found = json.loads(done.stdout)
        assert found == {name: expected[name] for name in found}, env
        assert {"engine", "threshold", "loop_threshold", "entry", "loops", "watchers", "budget"} <= set(found)


def test_bad_values_are_one_warning_and_off(autoload: Environment, tmp_path: Path) -> None:
    for env, text in [
        ({"WHIPSNAKE": "nonsense"}, "unknown engine 'nonsense'; allowed: off, baseline"),
        ({"WHIPSNAKE": "a b"}, "WHIPSNAKE='a b' is not allowed; allowed: off, baseline, or"),
        (
            {"WHIPSNAKE": "baseline", "WHIPSNAKE_THRESHOLD": "x"},
            "WHIPSNAKE_THRESHOLD='x' is not allowed; allowed: a",
        ),
    ]:
        done = autoload.run([autoload.python, "-c", ENABLED], tmp_path, env=env)
        assert (done.returncode, done.stdout) == (0, "False\n")
        assert done.stderr.startswith(f"whipsnake: warning: {text}"), done.stderr
        assert done.stderr.endswith("; not enabled\n") and done.stderr.count("\n") == 1
        done = autoload.run([*autoload.whipsnake, "-c", ENABLED], tmp_path, env=env)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"whipsnake: {text}") and done.stderr.count("\n") == 1


def test_stats_and_children(autoload: Environment, tmp_path: Path) -> None:
    """Children inherit through the environment alone."""
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'pass'])"
    env = {"WHIPSNAKE": "baseline", "WHIPSNAKE_STATS": "1"}
    done = autoload.run([autoload.python, "-c", code], tmp_path, env=env)
    assert done.stderr.count("whipsnake statistics\n") == 2


def test_the_command_goes_first(autoload: Environment, tmp_path: Path) -> None:
    """With autoload on too, the command line decides, and Whipsnake is enabled once."""
    if autoload.core != "fake":
        pytest.skip("the real core keeps no log")
    log = tmp_path / "log"
    env = {"WHIPSNAKE": "baseline", "FAKE_CORE_LOG": str(log)}
    for flags in ([], ["-I"]):
        log.unlink(missing_ok=True)
        done = autoload.run(
            [*autoload.whipsnake, *flags, "--threshold", "5", "-c", ENABLED], tmp_path, env=env
        )
        assert done.stdout == "True\n", done.stderr
        assert [json.loads(line)["threshold"] for line in log.read_text().splitlines()] == [5]
        done = autoload.run(
            [*autoload.whipsnake, *flags, "--engine", "off", "-c", ENABLED], tmp_path, env=env
        )
        assert done.stdout == "False\n", done.stderr


def test_silent_where_unsupported(fake_environment: Environment, tmp_path: Path) -> None:
    env = fake_environment
    env.run([*env.whipsnake, "autoload", "--install"], tmp_path)
    try:
        for more in ({"FAKE_CORE_UNSUPPORTED": "found X"}, {"FAKE_CORE_OFF": "1"}):
            done = env.run([env.python, "-c", ENABLED], tmp_path, env={"WHIPSNAKE": "baseline"} | more)
            assert (done.returncode, done.stdout, done.stderr) == (0, "False\n", "")
    finally:
        env.run([*env.whipsnake, "autoload", "--remove"], tmp_path)


def test_silent_when_the_package_is_gone(tmp_path: Path) -> None:
    env = Environment(tmp_path / "env", "fake")
    env.run([*env.whipsnake, "autoload", "--install"], tmp_path)
    env.package.rename(env.site / "gone")
    done = env.run([env.python, "-c", "print(1)"], tmp_path, env={"WHIPSNAKE": "baseline"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


def test_sub_interpreter(autoload: Environment, tmp_path: Path) -> None:
    """Sub-interpreters start ``site`` too; they come up without a word."""
    code = (
        "try: import _interpreters as i\n"
        "except ImportError: import _xxsubinterpreters as i\n"
        "n = i.create()\n"
        "print(i.run_string(n, 'import os; print(os.environ.get(\"WHIPSNAKE\"), flush=True)'))"
    )
    done = autoload.run([autoload.python, "-c", code], tmp_path, env={"WHIPSNAKE": "baseline"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "baseline\nNone\n", "")


def test_cost_when_off(autoload: Environment, tmp_path: Path) -> None:
    """What ``site`` does for our file when WHIPSNAKE is not set: less than 0.3 ms."""
    code = (
        "import site, sys, time\nbest = 1e9\nfor _ in range(2000):\n"
        "    start = time.process_time()\n"
        f"    site.addpackage(sys.argv[1], {_pth.FILE_NAME!r}, set())\n"
        "    best = min(best, time.process_time() - start)\nprint(best * 1000)"
    )
    done = autoload.run([autoload.python, "-c", code, autoload.site], tmp_path)
    assert float(done.stdout) < 0.3


@needs_core
def test_cost_when_on(autoload: Environment) -> None:
    """``python -c pass`` with autoload: at most 3 ms and 6 MB more."""
    if autoload.core != "real":
        pytest.skip("says nothing with the fake core")
    base = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    code = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    times: dict[str, list[float]] = {"off": [], "baseline": []}
    memory: dict[str, list[int]] = {"off": [], "baseline": []}
    for _ in range(15):
        for value in times:
            start = time.perf_counter()
            subprocess.run([autoload.python, "-c", "pass"], env=base | {"WHIPSNAKE": value}, check=True)
            times[value].append(time.perf_counter() - start)
            out = subprocess.check_output([autoload.python, "-c", code], env=base | {"WHIPSNAKE": value})
            memory[value].append(int(out))
    assert (min(times["baseline"]) - min(times["off"])) * 1000 < 3
    assert min(memory["baseline"]) - min(memory["off"]) < 6 * 1024
