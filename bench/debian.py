"""Interpreters of Debian's releases on another system: unpacked into a folder and run in place; and sources.

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


def source(folder: Path, release: str, name: str) -> Path:
    """Fetch what upstream has published of a source package of a release; return the archive. Raises SetupError."""
    found = sorted(folder.glob("*.orig.tar.*"))
    if not found:
        print(f"Fetching the source of {name} of Debian {release} (once) ...", flush=True)
        options = apt_options(folder / "apt", "deb-src", release)
        run(["apt-get", *options, "-q", "update"], folder)
        run(
            ["apt-get", *options, "-q", "source", "--tar-only", "--download-only", "--only-source", name],
            folder,
        )
        found = sorted(folder.glob("*.orig.tar.*"))
    if not found:
        raise SetupError(f"the source of {name} of Debian {release} has no archive of upstream's")
    return found[0]


def unpack(root: Path, release: str, packages: Sequence[str]) -> None:
    """Fetch packages of a release with all that they depend on, and unpack them. Raises SetupError."""
    print(f"Unpacking {packages[0]} of Debian {release} into {root} (once) ...", flush=True)
    apt = root / "apt"
    options = apt_options(apt, "deb", release)
    run(["apt-get", *options, "-q", "update"], root)
    install = ["install", "--yes", "--no-install-recommends", "--download-only"]
    run(["apt-get", *options, "-q", *install, *packages], root)
    for package in sorted((apt / "cache" / "archives").glob("*.deb")):
        run(["dpkg-deb", "-x", str(package), str(root)], root)


def apt_options(apt: Path, kind: str, release: str) -> list[str]:
    """Return the options with which apt keeps its state in a folder, and knows one release. Raises SetupError."""
    if not KEYRING.is_file():
        raise SetupError(f"no packages of Debian without {KEYRING}")
    for name in ("state/lists/partial", "cache/archives/partial", "etc/preferences.d", "etc/apt.conf.d"):
        (apt / name).mkdir(parents=True, exist_ok=True)
    (apt / "status").touch()
    line = f"{kind} [signed-by={KEYRING}] {MIRROR} {release} main\n"
    (apt / "etc" / "sources.list").write_text(line, encoding="utf-8")
    settings = {
        "Dir::State": apt / "state",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt / "cache",
        "Dir::Etc": apt / "etc",
        "APT::Sandbox::User": "root",
        "Debug::NoLocking": "true",
    }
    return [f"-o{name}={value}" for name, value in settings.items()]


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
