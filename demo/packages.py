"""Bring the demo's packages onto this machine, without touching the environment of the interpreter."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import NoReturn

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
# pip's words when it got no answer from an index, as opposed to an answer without the version asked for.
NO_ANSWER = ("after connection broken by", "from versions: none", "Could not fetch URL", "timed out")
PIP = ("-m", "pip", "--disable-pip-version-check", "--no-input", "--retries", "1", "--timeout", "15")


class IndexUnreachableError(Exception):
    """pip found no package index to ask."""


class InstallError(Exception):
    """pip is missing, or refused to install the packages."""


def pins() -> dict[str, str]:
    """Return distribution and version of every line of requirements.txt."""
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def prepare(target: Path) -> Path | None:
    """Return the folder with the packages, filled if need be; None if the interpreter has them all.

    Raises IndexUnreachableError or InstallError, with a message for the user.
    """
    if _interpreter_has_all():
        return None
    stamp = target / "installed.txt"
    wanted = f"{sys.implementation.cache_tag}\n{REQUIREMENTS.read_text(encoding='utf-8')}"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return target
    print(f"Installing the demo's {len(pins())} packages into {target} (once) ...", flush=True)
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    command = [sys.executable, *PIP, "install", "--quiet", "--no-deps", "--target", str(part)]
    done = subprocess.run([*command, "-r", str(REQUIREMENTS)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        shutil.rmtree(part, ignore_errors=True)
        _explain(done.stderr)
    shutil.rmtree(target, ignore_errors=True)
    part.rename(target)
    stamp.write_text(wanted, encoding="utf-8")
    return target


def _explain(errors: str) -> NoReturn:
    """Raise the error that pip's messages amount to."""
    if "No module named pip" in errors:
        raise InstallError(
            f"{sys.executable} has no pip; install it, or run the demo from a virtual environment"
        )
    reasons = [line for line in errors.splitlines() if line.startswith("ERROR")] or errors.splitlines()
    reason = reasons[-1].removeprefix("ERROR: ") if reasons else "pip gave no reason"
    if any(sign in errors for sign in NO_ANSWER):
        raise IndexUnreachableError(reason)
    raise InstallError(f"pip could not install the demo's packages: {reason}")


def _interpreter_has_all() -> bool:
    """Tell whether the interpreter's own environment has every pinned version already."""
    try:
        return all(metadata.version(name) == version for name, version in pins().items())
    except metadata.PackageNotFoundError:
        return False
