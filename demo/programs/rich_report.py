"""rich lays out a report for a terminal: tables, panels, trees, Markdown and highlighted code.

Input: the symbol tables of modules of the standard library, and rich's own README (without its links,
which rich gives random numbers).
"""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator

from demo.harness import run
from demo.inputs import readme, stdlib_sources
from rich import box
from rich.console import Console
from rich.markdown import Markdown
from rich.panel import Panel
from rich.table import Table
from rich.tree import Tree

WIDTHS = (80, 132)


def outline(name: str, text: str) -> tuple[Table, Tree]:
    """Return a table and a tree of the functions and classes of a module."""
    table = Table("kind", "name", "line", "first line of its documentation", title=name, box=box.ROUNDED)
    tree = Tree(f"[bold]{name}")
    branches: dict[str, Tree] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            kind = "class" if isinstance(node, ast.ClassDef) else "def"
            doc = (ast.get_docstring(node) or "-").splitlines()[0]
            table.add_row(f"[cyan]{kind}", node.name, str(node.lineno), doc.replace("[", r"\["))
            branches.setdefault(kind, tree.add(kind)).add(node.name)
    return table, tree


def report(sources: dict[str, str]) -> Iterator[str]:
    """Lay the report out in two widths."""
    for width in WIDTHS:
        out = io.StringIO()
        console = Console(
            file=out, width=width, force_terminal=True, color_system="truecolor", legacy_windows=False
        )
        console.print(Panel(Markdown(readme("rich"), hyperlinks=False), title="README"))
        for name, text in sources.items():
            console.print(*outline(name, text))
        yield out.getvalue()


if __name__ == "__main__":
    run(report, stdlib_sources(6))
