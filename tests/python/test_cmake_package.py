"""The installed CMake package, as an engine outside the project would use it."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(outside LANGUAGES CXX)
find_package(whipsnake {wanted} REQUIRED CONFIG)
get_target_property(include whipsnake::engine INTERFACE_INCLUDE_DIRECTORIES)
file(WRITE "${{CMAKE_BINARY_DIR}}/found" "${{whipsnake_VERSION}}\\n${{include}}")
"""


@pytest.fixture(scope="module")
def package() -> Path:
    spec = find_spec("whipsnake")
    assert spec and spec.origin
    return Path(spec.origin).parent


def configure(project: Path, package: Path, wanted: str) -> subprocess.CompletedProcess[str]:
    (project / "CMakeLists.txt").write_text(PROJECT.format(wanted=wanted))
    cmake = Path(sys.executable).parent / "cmake"
    ninja = Path(sys.executable).parent / "ninja"
    command = [cmake, "-S", project, "-B", project / "out", "-G", "Ninja"]
    command += [f"-DCMAKE_MAKE_PROGRAM={ninja}", f"-Dwhipsnake_DIR={package / 'cmake'}"]
    return subprocess.run(command, capture_output=True, text=True)


def test_package_is_found_with_its_headers(tmp_path: Path, package: Path) -> None:
    done = configure(tmp_path, package, ".".join(version("whipsnake").split(".")[:2]))
    assert done.returncode == 0, done.stderr
    found_version, include = (tmp_path / "out/found").read_text().split("\n")
    assert found_version == version("whipsnake")
    assert Path(include) == package / "include"


def test_another_minor_version_is_refused(tmp_path: Path, package: Path) -> None:
    done = configure(tmp_path, package, "0.99")
    assert done.returncode != 0
    assert "whipsnake" in done.stderr
