"""Debian's interpreters: what is unpacked is started with its own libraries, and what fails is told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from bench import debian
from bench.environment import SetupError


def unpacked(root: Path, link: bool) -> None:
    """What dpkg-deb leaves of an interpreter and a C library; the linker is a script that shows its arguments."""
    for folder in ("usr/bin", "usr/lib64", "usr/lib/x-linux-gnu", "usr/lib/rival"):
        (root / folder).mkdir(parents=True)
    (root / "usr/lib/x-linux-gnu/libc.so.6").touch()
    linker = root / "usr/lib64/ld-linux-x.so.2"
    linker.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    linker.chmod(0o755)
    path = root / "usr/bin/python9"
    if link:
        (root / "usr/lib/rival/real").touch()
        path.symlink_to("../lib/rival/real")
    else:
        path.touch()


@pytest.mark.parametrize("link", [False, True])
def test_an_interpreter_runs_where_it_was_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: bool
) -> None:
    asked = []

    def unpack(root: Path, release: str, packages: Sequence[str]) -> None:
        asked.append((release, packages[0]))
        unpacked(root, link)

    monkeypatch.setattr(debian, "unpack", unpack)
    root = tmp_path / "with a space"
    path, again = (debian.interpreter(root, "sid", "python9", []) for _ in range(2))
    assert path == again == str(root / "usr/bin/python9")
    assert asked == [("sid", "python9")]
    real = root / ("usr/lib/rival/real" if link else "usr/bin/python9.bin")
    done = subprocess.run([path, "-c", "x  y"], capture_output=True, text=True, check=True)
    libraries = str(root / "usr/lib/x-linux-gnu")
    assert done.stdout.splitlines() == ["--library-path", libraries, "--argv0", path, str(real), "-c", "x  y"]


def test_what_cannot_be_fetched_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SetupError, match="nonesuch-tool does not run: No such file"):
        debian.run(["nonesuch-tool"], tmp_path)
    failing = [sys.executable, "-c", "import sys; sys.exit('E: no such release')"]
    with pytest.raises(SetupError, match="E: no such release"):
        debian.run(failing, tmp_path)
    monkeypatch.setattr(debian, "KEYRING", tmp_path / "none.gpg")
    with pytest.raises(SetupError, match="no packages of Debian without"):
        debian.unpack(tmp_path, "sid", ["python9"])
