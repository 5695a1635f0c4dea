"""html5lib parses the W3C's page about HTML5 into trees and serialises them again.

Input: the page as the package pyperformance ships it (130 kB of real HTML).
"""

from __future__ import annotations

from collections.abc import Iterator

import html5lib
from demo.harness import run
from demo.inputs import benchmark_data

REPEATS = 5


def round_trip(page: bytes) -> Iterator[str]:
    """Parse the page with both tree builders, and write each tree back in two styles; repeat."""
    for _ in range(REPEATS):
        for builder in ("etree", "dom"):
            tree = html5lib.parse(page, treebuilder=builder, override_encoding="utf-8")
            yield html5lib.serialize(tree, builder, omit_optional_tags=False, alphabetical_attributes=True)
            yield html5lib.serialize(tree, builder, strip_whitespace=True, quote_attr_values="always")


if __name__ == "__main__":
    run(round_trip, benchmark_data("bm_html5lib/data/w3_tr_html5.html").read_bytes())
