"""Standard library: ``difflib`` compares sibling modules, line by line and character by character.

Input: pairs of source files of the standard library that share much of their text.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from demo.harness import run
from demo.inputs import stdlib_text

PAIRS = (
    ("posixpath.py", "ntpath.py"),
    ("asyncio/selector_events.py", "asyncio/proactor_events.py"),
    ("poplib.py", "smtplib.py"),
    ("http/client.py", "imaplib.py"),
)
NEAR_PAIR = ("multiprocessing/popen_spawn_posix.py", "multiprocessing/popen_forkserver.py")


def compare(pairs: list[tuple[list[str], list[str]]]) -> Iterator[str]:
    """Print a unified diff and the likeness of each pair, and a line-by-line delta of the last."""
    for old, new in pairs:
        yield from difflib.unified_diff(old, new)
        lines = difflib.SequenceMatcher(None, old, new)
        characters = difflib.SequenceMatcher(None, "".join(old), "".join(new))
        yield f"lines {lines.ratio():.9f}, characters {characters.ratio():.9f}\n"
        yield "".join(f"{block}\n" for block in characters.get_matching_blocks())
    yield from difflib.ndiff(*pairs[-1])


if __name__ == "__main__":
    run(
        compare,
        [(stdlib_text(a).splitlines(True), stdlib_text(b).splitlines(True)) for a, b in (*PAIRS, NEAR_PAIR)],
    )
