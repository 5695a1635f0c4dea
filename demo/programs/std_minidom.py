"""Standard library: ``xml.dom.minidom`` builds, walks, edits and prints a document.

Input: Python's language reference (``pydoc_data``) as an XML document of topics, paragraphs, lines and words.
"""

from __future__ import annotations

from collections.abc import Iterator
from pydoc_data.topics import topics
from xml.dom import minidom
from xml.sax.saxutils import escape, quoteattr

from demo.harness import run


def words(line: str) -> str:
    """Return a line's words as elements."""
    return "".join(f"<w>{escape(word)}</w>" for word in line.split())


def document() -> str:
    """Return the reference as XML text."""
    parts = ["<reference>"]
    for name, text in sorted(topics.items()):
        parts.append(f"<topic name={quoteattr(name)}>")
        for paragraph in text.split("\n\n"):
            lines = "".join(f"<line>{words(line)}</line>" for line in paragraph.splitlines())
            parts.append(f"<p words='{len(paragraph.split())}'>{lines}</p>")
        parts.append("</topic>")
    return "".join([*parts, "</reference>"])


def edit(text: str) -> Iterator[str]:
    """Parse, number the lines, drop short paragraphs, print."""
    dom = minidom.parseString(text)
    for topic in dom.getElementsByTagName("topic"):
        for number, line in enumerate(topic.getElementsByTagName("line"), 1):
            line.setAttribute("n", str(number))
        for paragraph in topic.getElementsByTagName("p"):
            if int(paragraph.getAttribute("words")) < 3:
                topic.removeChild(paragraph).unlink()
    yield dom.toprettyxml(indent=" ")
    yield dom.cloneNode(deep=True).toxml()


if __name__ == "__main__":
    run(edit, document())
