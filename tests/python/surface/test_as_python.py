"""``whipsnake X`` does what ``python X`` does: output, errors and exit code are compared byte for byte."""

import difflib
import os
import re
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent

import pytest

from .conftest import OF_SANITIZERS, Environment, hear_interrupts
from .programs import FACTS, FILES


@dataclass
class Case:
    """A command line behind ``python`` or ``whipsnake``."""

    args: list[str]
    stdin: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    bare: bool = False
    """Whether the environment has nothing but *env*."""


CASES = {
    "script": Case(["facts.py"]),
    "script-arguments": Case(["facts.py", "a", "-c", "--threshold", "--", "-m", "--help", ""]),
    "script-absolute": Case(["@/facts.py"]),
    "script-dot": Case(["./facts.py"]),
    "script-dot-dot": Case(["pkg/../facts.py"]),
    "script-in-folder": Case(["pkg/facts.py"]),
    "script-symlink": Case(["link.py"]),
    "script-space": Case(["with space/scr ipt.py", "a b"]),
    "script-dashes": Case(["--", "facts.py", "x"]),
    "module": Case(["-m", "facts", "x", "-y"]),
    "module-joined": Case(["-mfacts", "x"]),
    "module-in-package": Case(["-m", "pkg.facts"]),
    "package": Case(["-m", "pkg", "x"]),
    "command": Case(["-c", FACTS, "x", "-c"]),
    "command-joined": Case(["-cimport sys; print(sys.argv)", "x"]),
    "stdin": Case(["-", "x", "-"], stdin=FACTS),
    "stdin-alone": Case([], stdin=FACTS),
    "stdin-boom": Case(["-"], stdin="def f():\n    1 / 0\nf()\n"),
    "stdin-syntax": Case(["-"], stdin="x = = 1\n"),
    "folder": Case(["folder", "x"]),
    "folder-slash": Case(["folder/"]),
    "zip": Case(["app.zip", "x"]),
    "zip-boom": Case(["boom.zip"]),
    "folder-boom": Case(["boomfolder"]),
    "folder-empty": Case(["empty"]),
    "pyc": Case(["compiled.pyc"]),
    "reads-stdin": Case(["reads.py"], stdin="text\n"),
    "optimized": Case(["-O", "facts.py"]),
    "optimized-twice": Case(["-OO", "warn.py"]),
    "flags": Case(["-bBdsuq", "-W", "error::ImportWarning", "-Xdev", "-X", "utf8=0", "facts.py"]),
    "warnings": Case(["-Werror", "warn.py"]),
    "warnings-shown": Case(["warn.py"]),
    "flag-cluster-command": Case(["-uOc", "import sys; print(sys.flags, sys.orig_argv)", "x"]),
    "flag-cluster-module": Case(["-Om", "facts"]),
    "safe-path": Case(["-P", "facts.py"]),
    "no-user-site": Case(["-s", "facts.py"]),
    "skip-first-line": Case(["-x", "first.py"]),
    "hash-based-pycs": Case(["--check-hash-based-pycs", "never", "hello.py"]),
    "inspect": Case(["-i", "-q", "boom.py"], stdin="print(f, __name__)\n"),
    "inspect-exit": Case(["-i", "-q", "exits.py", "3"], stdin="print(sys)\n"),
    "not-found": Case(["nowhere.py"]),
    "not-found-absolute": Case(["/nowhere/x.py"]),
    "not-found-under-file": Case(["hello.py/x.py"]),
    "module-not-found": Case(["-m", "nowhere"]),
    "module-not-found-in-package": Case(["-m", "pkg.nowhere"]),
    "module-with-suffix": Case(["-m", "hello.py"]),
    "module-relative": Case(["-m", ".facts"]),
    "package-without-main": Case(["-m", "plain"]),
    "package-broken": Case(["-m", "broken"]),
    "module-boom": Case(["-m", "boom"]),
    "module-boom-import": Case(["-m", "pkg.boom"]),
    "module-syntax": Case(["-m", "syntax"]),
    "command-missing": Case(["-c"]),
    "module-missing": Case(["-m"]),
    "boom": Case(["boom.py"]),
    "command-boom": Case(["-c", "def f():\n    1 / 0\nf()"]),
    "command-syntax": Case(["-c", "a b"]),
    "syntax": Case(["syntax.py"]),
    "indentation": Case(["indent.py"]),
    "nul": Case(["nul.py"]),
    "coding": Case(["coding.py"]),
    "bad-coding": Case(["badcoding.py"]),
    "bom": Case(["bom.py"]),
    "group": Case(["group.py"]),
    "chain": Case(["chain.py"]),
    "excepthook": Case(["hook.py"]),
    "excepthook-bad": Case(["badhook.py"]),
    "excepthook-exits": Case(["exithook.py"]),
    "last-exception": Case(["last.py"]),
    "atexit": Case(["atexits.py"]),
    "thread-boom": Case(["threadboom.py"]),
    "interrupt": Case(["interrupt.py"]),
    "interrupt-raised": Case(["interrupted.py"]),
    "interrupt-module": Case(["-m", "interrupted"]),
    "terminate": Case(["terminate.py"]),
    "recursion": Case(["recurse.py"]),
    "exit-none": Case(["exits.py", "None"]),
    "exit-3": Case(["exits.py", "3"]),
    "exit-256": Case(["exits.py", "256"]),
    "exit-negative": Case(["exits.py", "-1"]),
    "exit-huge": Case(["exits.py", "2**70"]),
    "exit-text": Case(["exits.py", "'text'"]),
    "exit-tuple": Case(["exits.py", "(1, 2)"]),
    "exit-true": Case(["exits.py", "True"]),
    "pickle": Case(["pickles.py"]),
    "multiprocessing": Case(["spawn.py"]),
    "child": Case(["child.py"]),
    "child-with-path": Case(["child.py"], env={"PYTHONPATH": "custom"}),
    "source": Case(["source.py"]),
    "reimport": Case(["reimport.py"]),
    "annotations": Case(["annotated.py"]),
    "profile": Case(["tracing.py"]),
    "subinterpreter": Case(["subinterpreter.py"]),
    "subinterpreter-with-path": Case(["subinterpreter.py"], env={"PYTHONPATH": "pkg"}),
    "path": Case(["facts.py"], env={"PYTHONPATH": "pkg:/nowhere::custom"}),
    "path-empty": Case(["facts.py"], env={"PYTHONPATH": ""}),
    "sitecustomize": Case(["facts.py"], env={"PYTHONPATH": "custom"}),
    "sitecustomize-bad": Case(["facts.py"], env={"PYTHONPATH": "badcustom"}),
    "sitecustomize-import": Case(["facts.py"], env={"PYTHONPATH": "missingcustom"}),
    "sitecustomize-used": Case(["marker.py"], env={"PYTHONPATH": "quiet"}),
    "sitecustomize-later": Case(["later.py"]),
    "variables": Case(
        ["facts.py"],
        env={"PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1", "PYTHONHASHSEED": "0", "Z": "\udcff"},
    ),
    "inspect-variable": Case(["hello.py"], env={"PYTHONINSPECT": "1"}, stdin="print(1)\n"),
    "locale-c": Case(["facts.py"], env={"LC_ALL": "C"}),
    "locale-none": Case(["facts.py"], bare=True),
    "locale-ctype": Case(["facts.py"], env={"LC_CTYPE": "C.UTF-8"}, bare=True),
    "locale-utf8-mode": Case(["facts.py"], env={"PYTHONUTF8": "1"}, bare=True),
    "locale-no-coercion": Case(["facts.py"], env={"PYTHONCOERCECLOCALE": "0"}, bare=True),
}

# Interpreters that ignore PYTHONPATH: the program is run in process, and sees frames below its own.
IMITATED = {
    "isolated": Case(["-I", "facts.py", "x"]),
    "isolated-module": Case(["-I", "-m", "json.tool"], stdin="[1]"),
    "isolated-command": Case(["-Ic", FACTS, "x"]),
    "isolated-folder": Case(["-I", "folder"]),
    "isolated-zip": Case(["-I", "app.zip"]),
    "isolated-boom": Case(["-I", "boom.py"]),
    "isolated-inspect": Case(["-Iqi", "boom.py"], stdin="print(f, __name__)\n"),
    "ignored-environment": Case(["-E", "facts.py"], env={"PYTHONPATH": "custom", "PYTHONINSPECT": "1"}),
    "ignored-environment-module": Case(["-E", "-m", "facts", "x"]),
    "ignored-environment-module-boom": Case(["-E", "-m", "boom"]),
    "ignored-environment-skip": Case(["-Ex", "first.py"]),
    "no-site": Case(["-S", "facts.py"]),
    "no-site-stdin": Case(["-S", "-"], stdin=FACTS),
    "no-site-stdin-alone": Case(["-S"], stdin=FACTS),
    "no-site-command": Case(["-S", "-c", "import sys; print(sys.argv, sys.path)", "x"]),
    "no-site-command-boom": Case(["-S", "-c", "def f():\n    1 / 0\nf()"]),
    "no-site-pyc": Case(["-S", "compiled.pyc"]),
    "no-site-symlink": Case(["-S", "link.py"]),
    "no-site-not-found": Case(["-S", "nowhere.py"]),
    "no-site-syntax": Case(["-S", "syntax.py"]),
    "no-site-chain": Case(["-S", "chain.py"]),
    "no-site-hook": Case(["-S", "hook.py"]),
    "no-site-last": Case(["-S", "last.py"]),
    "no-site-interrupt": Case(["-S", "interrupt.py"]),
    "no-site-atexit": Case(["-S", "atexits.py"]),
    "no-site-exit": Case(["-S", "exits.py", "'text'"]),
    "no-site-multiprocessing": Case(["-S", "spawn.py"]),
    "no-site-source": Case(["-S", "reimport.py"]),
}


IMITATION_SHOWS = ("caller: ", "callers: ", "depth: ", "launcher: ", "open files: ")
"""Lines of facts.py about what the imitation does not hide: frames below, and modules that it needed."""


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the programs."""
    root = tmp_path_factory.mktemp("work")
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
    (root / "link.py").symlink_to("pkg/facts.py")
    for archive, folder in (("app.zip", "folder"), ("boom.zip", "boomfolder")):
        with zipfile.ZipFile(root / archive, "w") as file:
            for path in (root / folder).iterdir():
                file.write(path, path.name)
    return root


@pytest.fixture(scope="session")
def programs(workspace: Path, environment: Environment) -> Path:
    """The same, with what depends on the interpreter."""
    code = "import py_compile; py_compile.compile('pkg/facts.py', 'compiled.pyc')"
    subprocess.run([environment.python, "-c", code], cwd=workspace, check=True)
    return workspace


def run(environment: Environment, command: list[str], case: Case, cwd: Path) -> tuple[int, str, str]:
    args = [arg.replace("@", str(cwd)) if arg.startswith("@") else arg for arg in case.args]
    env = dict(case.env)
    if case.bare:
        done = subprocess.run(
            [*command, *args],
            cwd=cwd,
            env=OF_SANITIZERS | env,
            preexec_fn=hear_interrupts,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
    else:
        done = environment.run([*command, *args], cwd, env=env, stdin=case.stdin)
    return done.returncode, done.stdout, done.stderr


def lines(result: tuple[int, str, str]) -> list[str]:
    """A result as lines to compare, without what differs from run to run."""
    code, out, err = result
    text = f"exit code {code}\nstdout\n{out}\nstderr\n{err}"
    return re.sub("0x[0-9a-f]{6,}", "0x...", text).split("\n")


def assert_same(found: list[str], expected: list[str]) -> None:
    difference = list(difflib.unified_diff(expected, found, "python", "whipsnake", n=0, lineterm=""))
    assert not difference, "\n".join(difference)


@pytest.mark.parametrize("name", CASES)
def test_command(environment: Environment, programs: Path, name: str) -> None:
    case = CASES[name]
    python = [str(environment.python)]
    expected = lines(run(environment, python, case, programs))
    for command in (environment.whipsnake, [*python, "-m", "whipsnake", "--threshold", "0"]):
        assert_same(lines(run(environment, command, case, programs)), expected)


@pytest.mark.parametrize("name", IMITATED)
def test_command_without_sitecustomize(environment: Environment, programs: Path, name: str) -> None:
    case = IMITATED[name]
    results = [
        run(environment, command, case, programs)
        for command in ([str(environment.python)], environment.whipsnake)
    ]
    expected, found = (
        [line for line in lines(result) if not line.startswith(IMITATION_SHOWS)] for result in results
    )
    assert_same(found, expected)


@pytest.mark.parametrize(
    "flags",
    [
        ["-O"],
        ["-u", "-Wignore", "-X", "dev"],
        ["-Werror", "-bb"],
        ["-Omwhipsnake"],
        ["-Obm", "whipsnake"],
    ],
)
def test_flags_before_our_module(environment: Environment, programs: Path, flags: list[str]) -> None:
    """Flags given to the interpreter that runs us reach the one that runs the program."""
    python = str(environment.python)
    clean = [flag.removesuffix("whipsnake").removesuffix("m") for flag in flags]
    expected = run(environment, [python, *(flag for flag in clean if flag)], Case(["facts.py"]), programs)
    command = flags if "whipsnake" in flags[-1] else [*flags, "-m", "whipsnake"]
    assert_same(lines(run(environment, [python, *command], Case(["facts.py"]), programs)), lines(expected))


def test_arguments_that_are_not_text(environment: Environment, programs: Path) -> None:
    results = [
        subprocess.run(
            [*command, "-c", "import sys; print(ascii(sys.argv))", b"\xff\xfe"],
            cwd=programs,
            capture_output=True,
        )
        for command in ([environment.python], environment.whipsnake)
    ]
    assert results[0].stdout == results[1].stdout != b""


def test_package_found_through_the_current_folder(environment: Environment, programs: Path) -> None:
    """The interpreter that is started finds the package where the command did, ``sys.path`` or not."""
    base = environment.run([environment.python, "-c", "import sys; print(sys._base_executable)"], programs)
    python = base.stdout.strip()
    code = "import sys; print(sys.path); m = sys.modules.get('whipsnake'); print(bool(m and m.is_enabled()))"
    plain = environment.run([python, "-c", code], environment.site)
    for flags in ([], ["-P"]):
        done = environment.run([python, "-m", "whipsnake", *flags, "-c", code], environment.site)
        path, enabled = done.stdout.splitlines()
        assert enabled == "True"
        assert flags or path == plain.stdout.splitlines()[0]


def test_closed_streams(environment: Environment, programs: Path) -> None:
    for closed in ("<&-", "2>&-", "<&- 2>&-"):
        found = [
            environment.run(["sh", "-c", f'exec "$0" "$@" streams.py {closed}', *command], programs)
            for command in ([environment.python], environment.whipsnake)
        ]
        assert found[0].stdout == found[1].stdout != ""
        assert found[0].returncode == found[1].returncode


def test_same_process(environment: Environment, programs: Path) -> None:
    """The program runs under the process id the command was started with, so signals and waiting go to it."""
    with subprocess.Popen(
        [*environment.whipsnake, "-c", "import os; print(os.getpid())"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=programs,
    ) as process:
        assert process.communicate()[0].strip() == str(process.pid)


def test_module_set_is_small(environment: Environment, programs: Path) -> None:
    """What a program could find in ``sys.modules`` beyond its own."""
    code = "import sys; print(*sorted(sys.modules))"
    plain = environment.run([environment.python, "-c", code], programs).stdout.split()
    ours = environment.run([*environment.whipsnake, "-c", code], programs).stdout.split()
    extra = {name for name in set(ours) - set(plain) if not name.startswith("whipsnake")}
    assert extra <= {"__future__"}


def test_interactive(environment: Environment, programs: Path) -> None:
    """At a terminal, with nothing to run, there is the interpreter's prompt."""
    import pty

    def talk(command: list[str]) -> bytes:
        pid, master = pty.fork()
        if pid == 0:
            os.environ |= {
                "PYTHON_BASIC_REPL": "1",
                "TERM": "dumb",
                "HOME": str(environment.root),
                "PYTHON_COLORS": "0",
            }
            os.chdir(programs)
            os.execv(command[0], command)
        os.write(master, b"import sys; print(sys.argv, len(sys.orig_argv))\n1/0\nraise SystemExit(4)\n")
        out = b""
        while True:
            try:
                data = os.read(master, 4096)
            except OSError:
                break
            if not data:
                break
            out += data
        os.close(master)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 4
        return out.replace(b"\r", b"")

    found, expected = (talk(command) for command in (environment.whipsnake, [str(environment.python)]))
    # The terminal's echo of what is typed ahead comes before or after the banner, as it happens.
    assert sorted(found.split(b"\n")) == sorted(expected.split(b"\n"))
