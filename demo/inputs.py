"""Where the demo's programs find their input: files of the standard library and of installed packages."""

from __future__ import annotations

import importlib.util
import sysconfig
from importlib import metadata
from pathlib import Path

# Modules that every installation of the standard library has (Debian moves `test`, `idlelib`,
# `tkinter` and `ensurepip` into packages of their own), large ones first.
STDLIB_MODULES = (
    "_pydecimal.py", "typing.py", "argparse.py", "inspect.py", "tarfile.py", "pydoc.py", "doctest.py",
    "subprocess.py", "_pydatetime.py", "mailbox.py", "enum.py", "ipaddress.py", "logging/__init__.py",
    "pickletools.py", "zipfile/__init__.py", "_pyio.py", "asyncio/base_events.py", "difflib.py", "ssl.py",
    "email/_header_value_parser.py", "pdb.py", "http/client.py", "urllib/request.py", "threading.py",
    "dataclasses.py", "pickle.py", "unittest/mock.py", "platform.py", "imaplib.py", "xml/dom/minidom.py",
    "statistics.py", "configparser.py", "functools.py", "multiprocessing/managers.py", "ast.py",
    "collections/__init__.py", "optparse.py", "turtle.py", "smtplib.py", "asyncio/unix_events.py",
)  # fmt: skip


def stdlib_text(name: str) -> str:
    """Return the source text of one file of the standard library, such as ``json/decoder.py``."""
    return Path(sysconfig.get_path("stdlib"), name).read_text(encoding="utf-8")


def stdlib_sources(count: int | None = None) -> dict[str, str]:
    """Return name and text of the first ``count`` of ``STDLIB_MODULES`` (all without a count)."""
    return {name: stdlib_text(name) for name in STDLIB_MODULES[:count]}


def package_path(package: str, path: str = "") -> Path:
    """Return the path of a file inside an installed package, without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the demo's input needs the package {package!r}", name=package)
    return Path(spec.origin).parent / path


def benchmark_data(path: str) -> Path:
    """Return a data file or folder that the package ``pyperformance`` ships, ``bm_NAME/data/...``."""
    return package_path("pyperformance", f"data-files/benchmarks/{path}")


def readme(distribution: str) -> str:
    """Return the long description (the README) that an installed distribution ships."""
    message = metadata.metadata(distribution)
    description = message.json.get("description")
    if not isinstance(description, str) or not description:
        raise ValueError(f"{distribution} ships no long description")
    return description
