"""Interpreters of Debian's releases on another system: unpacked into a folder and run in place.

What debootstrap does in a root directory of its own, without the need to be root: apt, with a state of its own,
fetches an interpreter and all it depends on, dpkg-deb unpacks them, and the interpreter is started by the
dynamic linker that came with it, so it finds the libraries that it was built for. It runs on the kernel and on
the files of this machine, which is why benchmarks need no preparation for it. Needs apt and Debian's keyring.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.environment import SetupError

MIRROR = "http://deb.debian.org/debian"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# Extension modules from PyPI expect this of every system.
ALWAYS = ("libstdc++6", "zlib1g")


def python(folder: Path, release: str, version: str) -> str:
    """Return a release's CPython (``3.14``), unpacked in a folder if it is not there. Raises SetupError."""
    name = f"python{version}"
    return interpreter(folder / f"{release}-{name}", release, name, [f"lib{name}-dev"])


def pypy(folder: Path, release: str) -> str:
    """Return a release's PyPy, unpacked in a folder if it is not there. Raises SetupError."""
    return interpreter(folder / f"{release}-pypy3", release, "pypy3", [])


def interpreter(root: Path, release: str, name: str, others: Sequence[str]) -> str:
    """Return an interpreter that is named like its package, with other packages. Raises SetupError."""
    path = root / "usr" / "bin" / name
    done = root / "done"
    if not done.exists():
        unpack(root, release, [name, *others, *ALWAYS])
        real = path.resolve()
        if not path.is_symlink():
            real = path.replace(path.with_name(f"{name}.bin"))
        path.unlink(missing_ok=True)
        [linker] = root.glob("usr/lib*/ld-linux-*.so.*")
        [libraries] = {found.parent for found in root.glob("usr/lib/*/libc.so.6")}
        script(path, [linker, "--library-path", libraries, "--argv0"], real)
        done.touch()
    return str(path)


def unpack(root: Path, release: str, packages: Sequence[str]) -> None:
    """Fetch packages of a release with all that they depend on, and unpack them. Raises SetupError."""
    if not KEYRING.is_file():
        raise SetupError(f"no packages of Debian without {KEYRING}")
    print(f"Unpacking {packages[0]} of Debian {release} into {root} (once) ...", flush=True)
    apt = root / "apt"
    for name in ("state/lists/partial", "cache/archives/partial", "etc/preferences.d", "etc/apt.conf.d"):
        (apt / name).mkdir(parents=True, exist_ok=True)
    (apt / "status").touch()
    source = f"deb [signed-by={KEYRING}] {MIRROR} {release} main\n"
    (apt / "etc" / "sources.list").write_text(source, encoding="utf-8")
    settings = {
        "Dir::State": apt / "state",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt / "cache",
        "Dir::Etc": apt / "etc",
        "APT::Sandbox::User": "root",
        "Debug::NoLocking": "true",
    }
    options = [f"-o{name}={value}" for name, value in settings.items()]
    run(["apt-get", *options, "-q", "update"], root)
    install = ["install", "--yes", "--no-install-recommends", "--download-only"]
    run(["apt-get", *options, "-q", *install, *packages], root)
    for package in sorted((apt / "cache" / "archives").glob("*.deb")):
        run(["dpkg-deb", "-x", str(package), str(root)], root)


def script(path: Path, before: Sequence[str | Path], python: Path) -> None:
    """Write a shell script that becomes an interpreter, started by a command that takes its name and path."""
    command = " ".join(shlex.quote(str(each)) for each in before)
    path.write_text(f'#!/bin/sh\nexec {command} "$0" {shlex.quote(str(python))} "$@"\n', encoding="utf-8")
    path.chmod(0o755)


def run(command: Sequence[str], folder: Path) -> str:
    """Return what a command prints. Raises SetupError."""
    folder.mkdir(parents=True, exist_ok=True)
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    except OSError as error:
        raise SetupError(f"{command[0]} does not run: {error.strerror}") from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise SetupError(f"{Path(command[0]).name}: {last.replace(str(folder), '')}")
    return done.stdout
