"""networkx ranks and measures a graph of products bought together."""

from __future__ import annotations

from demo.programs.networkx_amazon import edges, measure

from bench.workloads._pieces import repeat

LINKS = [link for link in edges() if max(link) < 500]


def run(n: int) -> str:
    return repeat(n, measure, LINKS)
