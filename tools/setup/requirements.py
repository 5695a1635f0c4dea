"""Prints the requirements of a group of pyproject.toml, one a line: `build-system` or an extra's name."""

import sys
import tomllib
from pathlib import Path


def requirements(pyproject: Path, group: str) -> list[str]:
    with pyproject.open("rb") as file:
        data = tomllib.load(file)
    if group == "build-system":
        return list(data["build-system"]["requires"])
    return list(data["project"]["optional-dependencies"][group])


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    for name in sys.argv[1:]:
        print(*requirements(root / "pyproject.toml", name), sep="\n")
