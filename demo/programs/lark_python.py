"""lark builds an LALR parser from its Python grammar and parses modules of the standard library.

Input: the grammar that lark ships, and source files of the standard library.
"""

from __future__ import annotations

from collections.abc import Iterator

from demo.harness import run
from demo.inputs import stdlib_text
from lark import Lark, Token, Tree
from lark.indenter import PythonIndenter

MODULES = (
    "textwrap.py",
    "shlex.py",
    "json/decoder.py",
    "heapq.py",
    "string.py",
    "gzip.py",
    "netrc.py",
    "cmd.py",
    "sched.py",
    "fnmatch.py",
    "graphlib.py",
    "bisect.py",
    "copy.py",
    "queue.py",
    "getopt.py",
    "csv.py",
)


def parse(sources: dict[str, str]) -> Iterator[str]:
    """Parse each source; print its tree and how often each rule was used."""
    parser = Lark.open_from_package(
        "lark", "python.lark", ["grammars"], parser="lalr", postlex=PythonIndenter(), start="file_input"
    )
    for name, text in sources.items():
        tree: Tree[Token] = parser.parse(text + "\n")
        uses: dict[str, int] = {}
        for node in tree.iter_subtrees():
            uses[node.data] = uses.get(node.data, 0) + 1
        yield f"{name} {sorted(uses.items())}\n{tree.pretty()}\n"


if __name__ == "__main__":
    run(parse, {name: stdlib_text(name) for name in MODULES})
