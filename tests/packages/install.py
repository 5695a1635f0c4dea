"""Environments with packages in them, and the tests that their wheels come without."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from bench import debian
from bench.environment import SetupError
from tests.conformance.runner import BUILD, make_environment
from tests.packages.table import CONSTRAINTS, Package

ALWAYS = ("pytest",)
INDEX = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple/")


class InstallError(Exception):
    """A package, or something that its tests need, cannot be had."""


def environment(package: Package, base: Path) -> Path:
    """The interpreter of an environment below *base* that has *package*, what its tests need, and Whipsnake.

    It is made once for each row of the table as it is.  Raises InstallError.
    """
    folder = base / package.installed_as
    complete = folder / "complete"
    if complete.exists():
        return make_environment(folder)
    for old in base.glob(f"{package.name}-[0-9]*"):
        if old.name.rpartition("-")[0].rpartition("-")[0] == package.name:
            shutil.rmtree(old)
    python = make_environment(folder)
    pip("install", "--no-compile", "--only-binary=:all:", "-c", str(constraints(package, folder)), python=python,
        requirements=[f"{package.name}=={package.version}", *package.needs, *ALWAYS])  # fmt: skip
    if package.from_source:
        unpack(package, folder)
    require_pins(package, python)
    complete.touch()
    return python


def constraints(package: Package, folder: Path) -> Path:
    """The file of versions for a package's environment, without those that its row in the table gives."""
    given = {package.name, *(canonical(need.split("==")[0]) for need in package.needs if "==" in need)}
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines(keepends=True)
    target = folder / "constraints.txt"
    kept = [line for line in lines if canonical(line.split("==")[0]) not in given]
    target.write_text("".join(kept), encoding="utf-8")
    return target


def suite_folder(package: Package, base: Path) -> Path | None:
    """Where the tests run: with the sdist's files, if it has to give any."""
    return base / package.installed_as / "suite" if package.files else None


def pip(*arguments: str, python: Path, requirements: list[str] | None = None) -> str:
    """Runs pip for the environment of *python*; returns its output.  Raises InstallError."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "--disable-pip-version-check",
        "--no-input",
    ]
    done = subprocess.run(
        [*command, *arguments, *(requirements or [])], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise InstallError(
            f"pip {' '.join(arguments)} {' '.join(requirements or [])}:\n{done.stderr[-2000:]}"
        )
    return done.stdout


def require_pins(package: Package, python: Path) -> None:
    """Raises InstallError for what was installed in a version that neither the table nor constraints.txt names."""
    pinned = {canonical(line.split("==")[0]) for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines()}
    installed = pip("list", "--format=freeze", python=python).split()
    loose = [
        item
        for item in installed
        if canonical(item.split("==")[0]) not in pinned | {package.name, "whipsnake"}
    ]
    if loose:
        raise InstallError(f"{package.name}: add to {CONSTRAINTS.name}: {' '.join(loose)}")


def canonical(name: str) -> str:
    """A distribution's name as the index spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def unpack(package: Package, folder: Path) -> None:
    """Put files of the source into *folder*: ``files`` into "suite", ``into`` next to the installed package."""
    site = next((folder / "lib").glob("python*/site-packages"))
    targets = {name: folder / "suite" / name for name in package.files}
    targets |= {name: site / target for name, target in package.into.items()}
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        archive = source_of_debian(package) if package.debian else download(package, Path(temporary))
        with tarfile.open(archive) as source:
            source.extractall(temporary, filter="data")
        (root,) = (path for path in Path(temporary).iterdir() if path.is_dir())
        for name, target in targets.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(root / name, target)


def source_of_debian(package: Package) -> Path:
    """What upstream published of *package*, as a release of Debian has it: with the tests that the sdist has not."""
    release, _, name = package.debian.partition("/")
    try:
        archive = debian.source(BUILD / "packages" / "debian" / f"{release}-{name}", release, name)
    except SetupError as error:
        raise InstallError(f"{package.name}: {error}") from None
    if f"_{package.version}.orig." not in archive.name:
        raise InstallError(f"{package.name}: Debian {release} has {archive.name}, not {package.version}")
    return archive


def download(package: Package, folder: Path) -> Path:
    """The sdist of *package*, its digest verified.  pip would not give it without building the package."""
    from pypi_simple import PyPISimple

    with PyPISimple(INDEX) as index:
        for found in index.get_project_page(package.name).packages:
            if found.package_type == "sdist" and found.version == package.version:
                target = folder / found.filename
                index.download_package(found, target)
                return target
    raise InstallError(f"{package.name} {package.version} has no sdist")
