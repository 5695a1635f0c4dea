"""The rows of packages.toml."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

TABLE = Path(__file__).with_name("packages.toml")
CONSTRAINTS = Path(__file__).with_name("constraints.txt")
RECORDER = Path(__file__).with_name("suite_recorder.py")


@dataclass(frozen=True)
class Package:
    """A package and the part of its tests that is run; packages.toml describes the fields."""

    name: str
    version: str
    least: int
    pytest: list[str] = field(default_factory=list)
    script: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    into: dict[str, str] = field(default_factory=dict)
    needs: list[str] = field(default_factory=list)
    deselect: dict[str, list[str]] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    debian: str = ""
    quick: bool = False

    @property
    def installed_as(self) -> str:
        """Names the package, its version and everything that decides what is installed."""
        return self.named(self.files, self.into, self.needs, self.debian, CONSTRAINTS.read_bytes())

    @property
    def recorded_as(self) -> str:
        """Names the package, its version and everything that decides what is run and recorded."""
        return self.named(self.installed_as, self.arguments, self.environ, RECORDER.read_bytes())

    def named(self, *decisive: object) -> str:
        """A file name that differs for other values of *decisive*."""
        digest = hashlib.sha256(repr(decisive).encode())
        return f"{self.name}-{self.version}-{digest.hexdigest()[:12]}"

    @property
    def from_source(self) -> bool:
        """Whether the wheel comes without tests."""
        return bool(self.files or self.into)

    @property
    def arguments(self) -> tuple[str, ...]:
        """For suite_recorder.py, after the results' path."""
        if self.script:
            return (self.name, "script", *self.script)
        skipped = [f"--deselect={test}" for tests in self.deselect.values() for test in tests]
        return (self.name, "pytest", *self.pytest, *skipped)


def packages(table: Path = TABLE) -> list[Package]:
    """All rows, in their order.  Raises TypeError for a field that there is not."""
    rows = tomllib.loads(table.read_text(encoding="utf-8"))["package"]
    return [Package(**row) for row in rows]
