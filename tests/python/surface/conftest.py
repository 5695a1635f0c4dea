"""Fixtures for the package, the command and autoload.

What the Python side does is tested against a fake core, so that it is tested on every interpreter; the tests
that run whole programs do so with the fake and, where it works, with the real one too.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType

import pytest

import whipsnake

FAKE = Path(__file__).with_name("fake_core.py")
CORES = ["fake", "real"] if whipsnake.supported()[0] else ["fake"]

needs_core = pytest.mark.skipif(
    not whipsnake.supported()[0], reason=f"needs the real core: {whipsnake.supported()[1]}"
)


#: How a sanitizer gets into a process and where it reports (tests/sanitize): no child can do without.
OF_SANITIZERS = {
    name: os.environ[name]
    for name in ("LD_PRELOAD", "PYTHONMALLOC", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")
    if name in os.environ
}


def hear_interrupts() -> None:
    """In a child: SIGINT as in a terminal, whoever started the tests in the background with it ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def load_fake() -> ModuleType:
    spec = importlib.util.spec_from_file_location("whipsnake._core", FAKE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The fake core, in place of the real one in this process."""
    for name in [name for name in os.environ if name.startswith(("WHIPSNAKE", "FAKE_CORE"))]:
        monkeypatch.delenv(name)
    module = load_fake()
    monkeypatch.setitem(sys.modules, "whipsnake._core", module)
    monkeypatch.setattr(whipsnake, "_core", module, raising=False)
    return module


class Environment:
    """A virtual environment of its own with Whipsnake in it, as an installation would put it there."""

    def __init__(self, root: Path, core: str) -> None:
        self.root = root
        self.core = core
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", root], check=True)
        self.python = root / "bin" / "python"
        paths = sysconfig.get_paths("venv", {"base": str(root), "platbase": str(root)})
        self.site = Path(paths["purelib"])
        self.package = self.site / "whipsnake"
        installed = Path(whipsnake.__file__).parent
        shutil.copytree(installed, self.package, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
        if core == "fake":
            shutil.copy(FAKE, self.package / "_core.py")
        else:
            from whipsnake import _core

            assert _core.__file__ is not None
            for extension in Path(_core.__file__).parent.glob("_*.so"):
                shutil.copy(extension, self.package)
        info = self.site / "whipsnake-9.9.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: whipsnake\nVersion: 9.9\n")
        self.command = root / "bin" / "whipsnake"
        self.command.write_text(
            f"#!{self.python}\nimport sys\nfrom whipsnake.__main__ import main\n"
            "if __name__ == '__main__':\n    sys.exit(main())\n"
        )
        self.command.chmod(0o755)
        subprocess.run([self.python, "-m", "compileall", "-q", self.site], check=True)

    @property
    def whipsnake(self) -> list[str]:
        """The command, as an argument list."""
        return [str(self.command)]

    def run(
        self,
        command: Sequence[object],
        cwd: Path,
        *,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """Run a command without the variables of whoever runs the tests, but with *env*."""
        base = {"PATH": os.environ["PATH"], "HOME": str(self.root), "LC_ALL": "C.UTF-8", **OF_SANITIZERS}
        return subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            env=base | dict(env or {}),
            input=stdin,
            preexec_fn=hear_interrupts,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=60,
            check=False,
        )


@pytest.fixture(scope="session", params=CORES)
def environment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment for each core there is; tests leave it as they found it."""
    return Environment(tmp_path_factory.mktemp(request.param) / "env", request.param)


@pytest.fixture(scope="session")
def fake_environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the fake core."""
    return Environment(tmp_path_factory.mktemp("fake-only") / "env", "fake")


@pytest.fixture
def autoload(environment: Environment, tmp_path: Path) -> Iterator[Environment]:
    """The environment with autoload installed."""
    made = environment.run([*environment.whipsnake, "autoload", "--install"], tmp_path)
    assert made.returncode == 0, made.stderr
    yield environment
    environment.run([*environment.whipsnake, "autoload", "--remove"], tmp_path)
