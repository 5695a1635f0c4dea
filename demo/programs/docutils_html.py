"""docutils turns its own user manuals from reStructuredText into HTML.

Input: the docutils documentation as the package pyperformance ships it.
"""

from __future__ import annotations

from collections.abc import Iterator

from demo.harness import run
from demo.inputs import benchmark_data
from docutils.core import publish_string
from docutils.utils import DependencyList

FOLDERS = ("docs/api", "docs/howto", "docs/ref/rst", "docs/user", "docs/user/rst")
SETTINGS = {
    "_disable_config": True,
    "datestamp": None,
    "embed_stylesheet": False,
    "generator": None,
    "halt_level": 5,
    "input_encoding": "utf-8",
    "math_output": "MathML",
    "output_encoding": "unicode",
    "report_level": 5,
    "source_link": None,
    "stylesheet_path": None,
}


def manuals() -> dict[str, str]:
    """Return name and text of every manual in the chosen folders."""
    root = benchmark_data("bm_docutils/data")
    files = sorted(path for folder in FOLDERS for path in (root / folder).glob("*.txt"))
    return {str(path.relative_to(root)): path.read_text(encoding="utf-8") for path in files}


def render(texts: dict[str, str]) -> Iterator[str]:
    """Render each manual to a whole HTML page."""
    for name, text in texts.items():
        settings = SETTINGS | {"record_dependencies": DependencyList()}
        page: str = publish_string(text, source_path=name, writer="html5", settings_overrides=settings)
        yield page


if __name__ == "__main__":
    run(render, manuals())
