"""For workloads that are programs of the demo on less input."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TypeVar

Data = TypeVar("Data")
Value = TypeVar("Value")


def repeat(n: int, work: Callable[[Data], Iterable[str]], data: Data) -> str:
    """Do a program's work n times; return a digest of all it would print."""
    digest = hashlib.sha256()
    for _ in range(n):
        for piece in work(data):
            digest.update(piece.encode())
    return digest.hexdigest()


def some(texts: dict[str, Value], count: int) -> dict[str, Value]:
    """Return the first entries of a dictionary."""
    return dict(islice(texts.items(), count))
