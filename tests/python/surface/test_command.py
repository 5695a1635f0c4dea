"""The command's own arguments, subcommands and errors. (What it does to programs: test_as_python.py.)"""

import json
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

from whipsnake import _cli, _launch
from whipsnake.options import OPTIONS, OptionError

from .conftest import Environment, needs_core


def parsed(*arguments: str) -> tuple[dict[str, str], list[str], list[str], str]:
    request = _cli.parse(list(arguments))
    return request.options, request.flags, request.rest, request.action


def test_arguments() -> None:
    assert parsed() == ({}, [], [], "program")
    assert parsed("x.py", "--engine", "off") == ({}, [], ["x.py", "--engine", "off"], "program")
    assert parsed("--engine", "e", "--threshold=0", "x.py") == (
        {"engine": "e", "threshold": "0"},
        [],
        ["x.py"],
        "program",
    )
    assert parsed("--stats", "x.py") == ({"stats": "1"}, [], ["x.py"], "program")
    assert parsed("--stats=0", "x.py") == ({"stats": "0"}, [], ["x.py"], "program")
    assert parsed("--loops", "0", "x.py") == ({"loops": "0"}, [], ["x.py"], "program")
    assert parsed("--stats") == ({"stats": "1"}, [], [], "program")
    assert parsed("-c", "pass", "-h") == ({}, [], ["-c", "pass", "-h"], "program")
    assert parsed("-uOm", "x") == ({}, [], ["-uOm", "x"], "program")
    assert parsed("-W", "error", "-Xdev", "-uX", "utf8", "-", "y") == (
        {},
        ["-W", "error", "-Xdev", "-uX", "utf8"],
        ["-", "y"],
        "program",
    )
    assert parsed("-O", "--stats", "--", "-x.py") == ({"stats": "1"}, ["-O"], ["--", "-x.py"], "program")
    assert parsed("--help", "x")[3] == parsed("-h")[3] == parsed("-u?")[3] == "help"
    assert parsed("--version")[3] == parsed("-VV")[3] == "version"


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_row_is_a_flag(option: object) -> None:
    text = option.kind.show(option.default)  # type: ignore[attr-defined]
    flag, name = option.flag, option.name  # type: ignore[attr-defined]
    assert parsed(flag, text, "x")[:1] == parsed(f"{flag}={text}", "x")[:1] == ({name: text},)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nonsense"], "unknown option --nonsense; allowed: --engine, --threshold,"),
        (["--threshold"], "option --threshold needs a value; allowed: auto, or a whole number"),
        (["--threshold", "x"], "--threshold='x' is not allowed; allowed: auto, or a whole number from 0"),
        (["--stats=yes"], "--stats='yes' is not allowed; allowed: 0 or 1"),
        (["--engine="], "--engine='' is not allowed; allowed: off, baseline, or"),
        (["-z"], "unknown option -z; see whipsnake --help"),
        (["-Oz"], "unknown option -z"),
        (["-W"], "option -W needs a value"),
    ],
)
def test_bad_arguments(arguments: list[str], message: str) -> None:
    with pytest.raises(OptionError) as error:
        _cli.parse(arguments)
    assert str(error.value).startswith(message) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("orig_argv", "arguments", "flags"),
    [
        (["python", "/bin/whipsnake"], 0, []),
        (["python", "/bin/whipsnake", "x.py", "-m"], 2, []),
        (["python", "-m", "whipsnake", "x.py"], 1, []),
        (["python", "-mwhipsnake", "x.py"], 1, []),
        (["python", "-Omwhipsnake", "x.py"], 1, ["-O"]),
        (["python", "-O", "-um", "whipsnake"], 0, ["-O", "-u"]),
        (["python", "-W", "error", "-X", "dev", "/bin/whipsnake", "x.py"], 1, ["-W", "error", "-X", "dev"]),
        (["python", "-O", "--", "/bin/whipsnake"], 0, ["-O"]),
        (
            ["python", "--check-hash-based-pycs", "never", "-m", "whipsnake"],
            0,
            ["--check-hash-based-pycs", "never"],
        ),
        (["python"], 0, []),
    ],
)
def test_flags_of_the_interpreter(orig_argv: list[str], arguments: int, flags: list[str]) -> None:
    assert _launch.interpreter_flags(orig_argv, arguments) == flags


def test_letters() -> None:
    assert _launch.letters(["-Ou", "-W", "-I", "-XIS", "--check-hash-based-pycs", "-E"]) == set("OuWXE")


def test_bad_values_end_with_code_2_and_one_line(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("print('ran')")
    for arguments, env, text in [
        (["--engine", "nonsense", "x.py"], {}, "unknown engine 'nonsense'; allowed: off, baseline"),
        (["x.py"], {"WHIPSNAKE": "nonsense"}, "unknown engine 'nonsense'; allowed: off, baseline"),
        (["-I", "x.py"], {"WHIPSNAKE": "nonsense"}, "unknown engine 'nonsense'; allowed: off, baseline"),
        (["--budget", "much", "x.py"], {}, "--budget='much' is not allowed; allowed: a number of bytes"),
        (["x.py"], {"WHIPSNAKE_STATS": "2"}, "WHIPSNAKE_STATS='2' is not allowed; allowed: 0 or 1"),
        (["--treshold", "1", "x.py"], {}, "unknown option --treshold; allowed: --engine"),
    ]:
        done = environment.run([*environment.whipsnake, *arguments], tmp_path, env=env)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert done.stderr.startswith(f"whipsnake: {text}") and done.stderr.count("\n") == 1, done.stderr


def test_options_reach_the_core(fake_environment: Environment, tmp_path: Path) -> None:
    """From the command line and the environment, but the program and its children see nothing of it."""
    env = fake_environment
    code = (
        "import os, subprocess, sys;"
        "print(sorted(k for k in os.environ if 'WHIPSNAKE' in k or 'PYTHONPATH' in k), flush=True);"
        "subprocess.run([sys.executable, '-c', 'import sys; print(\"whipsnake\" in sys.modules)'])"
    )
    log = tmp_path / "log"
    for flags in ([], ["-I"], ["-S"], ["-E"]):
        log.unlink(missing_ok=True)
        done = env.run(
            [*env.whipsnake, *flags, "--threshold", "3", "--budget=1M", "--loops", "0", "-c", code],
            tmp_path,
            env={"FAKE_CORE_LOG": str(log), "WHIPSNAKE_ENTRY": "pep523"},
        )
        assert (done.returncode, done.stdout) == (0, "['WHIPSNAKE_ENTRY']\nFalse\n"), done.stderr
        (line,) = log.read_text().splitlines()
        options = json.loads(line)
        assert options | {"threshold": 3, "budget": 1 << 20, "loops": False, "entry": "pep523"} == options


@pytest.mark.parametrize("flags", [[], ["-I"]])
def test_unsupported_interpreter(fake_environment: Environment, tmp_path: Path, flags: list[str]) -> None:
    env = {"FAKE_CORE_UNSUPPORTED": "found CPython 3.99, supported: CPython 3.13 with the GIL"}
    command = [*fake_environment.whipsnake, *flags]
    done = fake_environment.run([*command, "-c", "print(1)"], tmp_path, env=env)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"whipsnake: {env['FAKE_CORE_UNSUPPORTED']}\n"
    done = fake_environment.run([*command, "--engine", "off", "-c", "print(1)"], tmp_path, env=env)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


def test_off(fake_environment: Environment, tmp_path: Path) -> None:
    """Engine off runs the program and nothing else; so does a build without machine code."""
    code = (
        "import sys; print('whipsnake._core' in sys.modules and sys.modules['whipsnake._core'].is_enabled())"
    )
    for arguments, env in [
        (["--engine", "off"], {}),
        (["--engine=off"], {"WHIPSNAKE": "baseline"}),
        ([], {"WHIPSNAKE": "off"}),
        ([], {"FAKE_CORE_OFF": "1"}),
        ([], {"WHIPSNAKE": "baseline", "FAKE_CORE_OFF": "1"}),
    ]:
        done = fake_environment.run([*fake_environment.whipsnake, *arguments, "-c", code], tmp_path, env=env)
        assert (done.returncode, done.stdout, done.stderr) == (0, "False\n", ""), (arguments, env)


def test_the_program_enables_too(fake_environment: Environment, tmp_path: Path) -> None:
    """A program's own enable() keeps what the command line says, unless it says otherwise itself."""
    code = "import whipsnake as w; w.enable({}); c = sys.modules.get('whipsnake._core'); print({})"
    for flags, call, show, expected in [
        (["--threshold", "5"], "", "c._enabled['threshold']", "5\n"),
        (["--threshold", "5"], "threshold=6", "c._enabled['threshold']", "6\n"),
        (["--engine", "off"], "", "w.is_enabled()", "False\n"),
        (["--engine", "off"], "engine='baseline'", "w.is_enabled()", "True\n"),
    ]:
        text = "import sys; " + code.format(call, show)
        done = fake_environment.run([*fake_environment.whipsnake, *flags, "-c", text], tmp_path)
        assert (done.stdout, done.stderr) == (expected, "")


def test_stats_at_exit(environment: Environment, tmp_path: Path) -> None:
    code = "import atexit; atexit.register(print, 'exit'); print('main'); raise SystemExit(3)"
    for flags in ([], ["-I"]):
        done = environment.run([*environment.whipsnake, *flags, "--stats", "-c", code], tmp_path)
        assert (done.returncode, done.stdout) == (3, "main\nexit\n")
        assert done.stderr.startswith("whipsnake statistics\n") and "functions compiled" in done.stderr
    done = environment.run([*environment.whipsnake, "-c", code], tmp_path, env={"WHIPSNAKE_STATS": "1"})
    assert done.stderr.startswith("whipsnake statistics\n")


def test_help_and_version(environment: Environment, tmp_path: Path) -> None:
    done = environment.run([*environment.whipsnake, "--help"], tmp_path)
    assert done.returncode == 0 and done.stderr == ""
    for option in OPTIONS:
        assert option.flag in done.stdout and option.env in done.stdout and option.help in done.stdout
    for name in ("opcodes", "compile-time", "info", "options", "autoload"):
        assert f"\n  {name} " in done.stdout
    done = environment.run([environment.python, "-m", "whipsnake", "--version"], tmp_path)
    assert done.stdout == f"Whipsnake 9.9 (Python {sys.version.split()[0]})\n"


def test_a_file_goes_before_a_subcommand(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "info").write_text("print('a script called info')")
    done = environment.run([*environment.whipsnake, "info"], tmp_path)
    assert done.stdout == "a script called info\n"


def test_opcodes(fake: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert _cli.main(["opcodes"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[1].split() == ["1", "CACHE", "declined", "never", "run"]
    assert out[3].split() == ["150", "BINARY_OP_ADD_INT", "compiled", "BINARY_OP"]
    assert out[-1] == "3 opcodes: 2 compiled, 1 declined"
    assert _cli.main(["opcodes", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == fake.opcodes()


def test_opcodes_where_unsupported(
    fake: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fake, "_unsupported", "found X")
    assert _cli.main(["opcodes"]) == 1
    assert capsys.readouterr() == ("", "whipsnake: found X\n")


def test_info(fake: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert _cli.main(["info"]) == 0
    out = capsys.readouterr().out
    assert "supported: yes\n" in out and "build:\n  jit: yes\n" in out and "engines: off, baseline\n" in out
    assert _cli.main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["build"] == {"jit": True}
    monkeypatch.setattr(fake, "_unsupported", "found X")
    assert _cli.main(["info"]) == 1
    assert "supported: no\nreason: found X\n" in capsys.readouterr().out


def test_options(
    fake: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WHIPSNAKE_BUDGET", "2048")
    assert _cli.main(["--threshold", "7", "options"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["--threshold", "WHIPSNAKE_THRESHOLD", "7", "command", "line"] in lines
    assert ["--budget", "WHIPSNAKE_BUDGET", "2K", "environment"] in lines
    assert ["--entry", "WHIPSNAKE_ENTRY", "vectorcall", "default"] in lines
    assert _cli.main(["options", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["budget"] == 2048


def test_compile_time(fake: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = "class C:\n  def m(self):\n    return [x for x in self]\ndef declined():\n  return lambda: 1\n"
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "skipped.py").write_text(source)
    (tmp_path / "a.py").write_text(source)
    (tmp_path / "broken.py").write_text("def")
    (tmp_path / "noise.txt").write_text("def f(): pass")
    assert _cli.main(["compile-time", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["functions"], found["compiled"]) in (
        (3, 2),
        (4, 3),
    )  # before 3.12 a comprehension is a function
    assert found["declined"] == {"its name": 1}
    assert found["us_per_100_instructions"] == 50.0
    assert found["bytes_per_instruction"] == 20.0
    assert _cli.main(["compile-time", "--limit", "1", str(tmp_path / "a.py")]) == 0
    out = capsys.readouterr().out
    assert "per 100 instructions       50.00 us (median function)\n" in out


@needs_core
def test_compile_time_of_the_standard_library(environment: Environment, tmp_path: Path) -> None:
    """Machine code takes less than half of the time that CPython takes for the source's bytecode.

    On an idle machine it is a quarter, about 100 microseconds for 100 instructions. CPython's own
    compiler is the measure, turn by turn, because machines and their loads differ.
    """
    if environment.core != "real":
        pytest.skip("says nothing with the fake core")
    library = Path(json.__file__).parents[1]
    sources = [path.read_bytes() for path in [*library.glob("json/*.py"), library / "argparse.py"]]
    command = [*environment.whipsnake, "compile-time", "--json", library / "json", library / "argparse.py"]
    ours: list[float] = []
    cpythons: list[float] = []
    while len(ours) < 10 and min(ours, default=1.0) >= min(cpythons, default=0.0) / 2:
        done = environment.run(command, tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        found = json.loads(done.stdout)
        assert found["compiled"] > 100
        ours.append(found["nanoseconds"])
        begin = time.process_time_ns()
        for source in sources:
            compile(source, "source", "exec")
        cpythons.append(time.process_time_ns() - begin)
    assert min(ours) < min(cpythons) / 2
