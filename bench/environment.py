"""The environment that benchmarks run in: a virtual environment of its own, with a copy of Whipsnake in it.

A copy, so that a build that goes on meanwhile changes nothing; made afresh at every start. Whipsnake's
autoload file is installed, so the variable ``WHIPSNAKE`` alone tells the two sides apart.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
DEMO_REQUIREMENTS = ROOT / "demo" / "requirements.txt"
WORKLOAD_REQUIREMENTS = Path(__file__).with_name("workloads") / "requirements.txt"
# What is measured, and what reports: each has an environment, and the same file has the versions of both.
MEASURED = ("pyperformance", "pyperf", "setuptools")
TOOLS = ("pyperf", "matplotlib")
INSTALL_SECONDS = 1200
# Run by the interpreter that was asked for; prints what this module must know of it.
PROBE = """
import importlib.util, json, platform, sys, sysconfig
spec = importlib.util.find_spec("whipsnake")
print(json.dumps({
    "base": sys._base_executable,
    "version": platform.python_version(),
    "compiler": platform.python_compiler(),
    "config": sysconfig.get_config_var("CONFIG_ARGS") or "",
    "shared": bool(sysconfig.get_config_var("Py_ENABLE_SHARED")),
    "package": None if spec is None else spec.submodule_search_locations[0],
}))
"""


# In the arguments of CPython's configure. Debian's packages are built with it by rules of their own.
PGO_SIGNS = ("--enable-optimizations", "--with-wheel-pkg-dir=/usr/share/python-wheels")


class SetupError(Exception):
    """The environment cannot be made; the message is for the user."""


@dataclass(frozen=True)
class Interpreter:
    """What is known of the interpreter under test."""

    base: str
    """Path of the executable that virtual environments are made with."""
    version: str
    compiler: str
    config: str
    """Arguments of CPython's configure."""
    shared: bool
    """Whether it runs from a shared libpython."""
    package: str | None
    """Folder of the installed Whipsnake."""

    @property
    def pgo(self) -> bool:
        """Whether it was built with profile-guided optimization, which decides about the targets."""
        return any(sign in self.config for sign in PGO_SIGNS)

    @property
    def tag(self) -> str:
        """A name for folders."""
        return f"{self.version}-{hashlib.sha256(self.base.encode()).hexdigest()[:8]}"


def probe(python: str) -> Interpreter:
    """Ask an interpreter what it is. Raises SetupError if it does not answer."""
    try:
        done = subprocess.run([python, "-c", PROBE], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise SetupError(f"{python} does not work as a Python: {error}") from None
    return Interpreter(**json.loads(done.stdout))


@dataclass(frozen=True)
class Environment:
    """A prepared environment."""

    folder: Path
    interpreter: Interpreter
    core_digest: str
    """SHA-256 of the files of Whipsnake under test; empty without Whipsnake."""

    @property
    def python(self) -> str:
        """The interpreter for benchmarks."""
        return str(self.folder / "venv" / "bin" / "python")

    @property
    def bare_python(self) -> str:
        """The interpreter of an environment with nothing in it, not even an autoload file."""
        return str(self.folder / "bare" / "bin" / "python")

    @property
    def small_python(self) -> str:
        """The interpreter of an environment with nothing but Whipsnake and its autoload file."""
        return str(self.folder / "small" / "bin" / "python")

    @property
    def scripts(self) -> Path:
        """The folder with pyperformance's benchmarks."""
        return site_packages(self.folder / "venv") / "pyperformance" / "data-files" / "benchmarks"

    @property
    def packages(self) -> Path:
        """The folder with the packages that workloads need; apart, as pyperformance wants other versions."""
        return self.folder / "packages"

    @property
    def scratch(self) -> Path:
        """Where benchmarks run and leave their output."""
        return self.folder / "scratch"


def site_packages(venv: Path) -> Path:
    """Return the folder of a virtual environment that packages are in."""
    return next(venv.glob("lib/python3.*/site-packages"))


def lock(folder: Path) -> IO[str]:
    """Keep other runs out of a folder while the file returned is open. Raises SetupError if one is in it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise SetupError(f"another benchmark run is using {folder}") from None
    return file


def prepare(folder: Path, interpreter: Interpreter, need_whipsnake: bool) -> Environment:
    """Make or refresh the environments below a folder. Raises SetupError."""
    if need_whipsnake and interpreter.package is None:
        raise SetupError(f"the environment of {interpreter.base} has no Whipsnake; 'make build' installs it")
    for name in ("venv", "bare", "small"):
        make_venv(interpreter.base, folder / name)
    digest = ""
    if interpreter.package is not None:
        for name in ("venv", "small"):
            _copy_whipsnake(Path(interpreter.package), site_packages(folder / name))
            _run([str(folder / name / "bin" / "python"), "-m", "whipsnake", "autoload", "--install"], folder)
        digest = tree_digest(Path(interpreter.package))
    return Environment(folder, interpreter, digest)


def install_pyperformance(environment: Environment, scripts: Iterable[str]) -> dict[str, str]:
    """Install pyperformance, and what its benchmarks in the named folders (``bm_...``) need, if it is absent.

    Returns the folders whose needs cannot be installed, and why. Raises SetupError without pyperformance.
    """
    stamp = environment.folder / "installed.json"
    wanted = REQUIREMENTS.read_text(encoding="utf-8")
    state: dict[str, Any] = {"wanted": wanted, "failures": {}, "done": []}
    constraints = environment.folder / "constraints.txt"
    if stamp.is_file() and (found := json.loads(stamp.read_text(encoding="utf-8")))["wanted"] == wanted:
        state = found
    else:
        print(f"Installing pyperformance into {environment.folder / 'venv'} (once) ...", flush=True)
        pip(environment.python, *MEASURED, "-c", str(REQUIREMENTS))
    texts = [
        path.read_text(encoding="utf-8") for path in sorted(environment.scripts.glob("bm_*/requirements.txt"))
    ]
    constraints.write_text("\n".join(common_pins([wanted, *texts])) + "\n", encoding="utf-8")
    for name in scripts:
        needs = needs_of(environment.scripts / name)
        if name in state["done"] or not needs:
            continue
        print(f"Installing what {name} needs ...", flush=True)
        try:
            pip(environment.python, *needs, "-c", str(constraints))
            state["failures"].pop(name, None)
            state["done"].append(name)
        except SetupError as error:
            state["failures"][name] = str(error)
        stamp.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    stamp.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    failures: dict[str, str] = state["failures"]
    return failures


def needs_of(folder: Path) -> list[str]:
    """What pip is to install for a benchmark of pyperformance: its requirements, and the project that it brings.

    Its script would install that by itself, with a pip that our environments do not have.
    """
    requirements, project = folder / "requirements.txt", folder / "vendor"
    needs = ["-r", str(requirements)] if requirements.is_file() else []
    return needs + ([str(project)] if (project / "pyproject.toml").is_file() else [])


def install_packages(environment: Environment) -> None:
    """Install the packages that workloads need, if they are absent. Raises SetupError."""
    target = environment.packages
    stamp = target / "installed"
    files = (WORKLOAD_REQUIREMENTS, DEMO_REQUIREMENTS)
    wanted = "".join(file.read_text(encoding="utf-8") for file in files)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return
    print(f"Installing what workloads need into {target} (once) ...", flush=True)
    shutil.rmtree(target, ignore_errors=True)
    pip(environment.python, "--no-deps", "--target", str(target), "-r", str(WORKLOAD_REQUIREMENTS))
    stamp.write_text(wanted, encoding="utf-8")


def common_pins(texts: Iterable[str]) -> list[str]:
    """Return the pins (``name==version``) of several requirement files on which all agree.

    As constraints, they make what is installed independent of the order in which it is.
    """
    found: dict[str, set[str]] = {}
    for line in "\n".join(texts).splitlines():
        name, pin, version = line.partition("#")[0].strip().partition("==")
        if pin:
            found.setdefault(name.partition("[")[0].strip().lower(), set()).add(version.strip())
    return [f"{name}=={versions.pop()}" for name, versions in sorted(found.items()) if len(versions) == 1]


def tools(folder: Path, base: str) -> str:
    """Return an interpreter with pyperf and matplotlib, for reports, in an environment below a folder.

    Nothing is measured in it. Raises SetupError.
    """
    venv = folder / "tools"
    python = str(venv / "bin" / "python")
    stamp, wanted = venv / "installed", REQUIREMENTS.read_text(encoding="utf-8")
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != wanted:
        print(f"Installing {' and '.join(TOOLS)} into {venv} (once) ...", file=sys.stderr, flush=True)
        make_venv(base, venv)
        pip(python, *TOOLS, "-c", str(REQUIREMENTS))
        stamp.write_text(wanted, encoding="utf-8")
    return python


def add_build_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the build directory."""
    default = Path(os.environ.get("BUILD") or ROOT / "build")
    parser.add_argument(
        "--build",
        type=Path,
        default=default,
        metavar="DIR",
        help="build directory; environments and results go to DIR/bench",
    )


def go_on_with_tools(build: Path, module: str, arguments: Sequence[str]) -> NoReturn:
    """Become ``python -m MODULE ARGUMENTS`` of the environment of tools. Raises SetupError."""
    base = probe(sys.executable).base
    python = tools(build.resolve() / "bench", base)
    os.environ["PYTHONPATH"] = str(ROOT)
    os.execv(python, [python, "-m", module, *arguments])


def newest(build: Path, name: str) -> Path:
    """Return the newest file of results of a name. Raises SetupError if there is none."""
    found = list((build.resolve() / "bench").glob(f"*/{name}"))
    if not found:
        raise SetupError(f"no results in {build / 'bench'}: run 'python -m bench' first, or name a file")
    return max(found, key=lambda path: path.stat().st_mtime)


def make_venv(base: str, venv: Path) -> None:
    """Make a virtual environment without pip, if it is not there. Raises SetupError."""
    if not (venv / "bin" / "python").exists():
        _run([base, "-m", "venv", "--without-pip", str(venv)], venv.parent)


def pip(python: str, *arguments: str) -> None:
    """Install packages, with the pip of this environment. Raises SetupError with pip's reason."""
    options = ["--disable-pip-version-check", "--no-input", "--quiet", "--prefer-binary"]
    _run([sys.executable, "-m", "pip", "--python", python, "install", *options, *arguments], ROOT)


def _run(command: Sequence[str], folder: Path) -> None:
    """Run a command of the set-up, without variables that would change what it does."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "WHIPSNAKE"))}
    folder.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise SetupError(f"{' '.join(command)}: {error}") from None
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if "error" in line.lower()] or [done.stderr[-500:]]
        raise SetupError(f"{' '.join(command[:5])} ...: {lines[-1].strip()}")


def _copy_whipsnake(package: Path, target: Path) -> None:
    """Copy the installed package and its metadata into another environment."""
    for source in (package, *package.parent.glob("whipsnake-*.dist-info")):
        shutil.rmtree(target / source.name, ignore_errors=True)
        shutil.copytree(source, target / source.name)


def tree_digest(folder: Path) -> str:
    """Return the SHA-256 of the names and contents of the files below a folder, caches left out."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(folder)}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def machine_facts() -> dict[str, str]:
    """Return what a reader of the figures should know of the machine."""
    facts = {"kernel": platform.release(), "cores": str(os.cpu_count()), "system": _os_name()}
    for line in _lines("/proc/cpuinfo"):
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "cpu MHz", "cache size"):
            facts.setdefault(name.strip(), value.strip())
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemTotal"):
            facts["memory"] = f"{int(line.split()[1]) // 1024} MB"
    return facts


def _lines(path: str) -> list[str]:
    """Return the lines of a file of the kernel's; none where there is no such file."""
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _os_name() -> str:
    """Return the name of the distribution."""
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.system()
