"""networkx ranks and measures a piece of Amazon's network of products bought together.

Input: the SNAP data set amazon0302 that the package pyperformance ships; the first 12,000 products.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import networkx as nx
from demo.harness import run
from demo.inputs import benchmark_data

PRODUCTS = 12_000


def edges() -> list[tuple[int, int]]:
    """Return the links between the first products."""
    links = []
    with gzip.open(benchmark_data("bm_networkx/data/amazon0302.txt.gz"), "rt", encoding="ascii") as lines:
        for line in lines:
            if line.startswith("#"):
                continue
            source, target = map(int, line.split())
            if source >= PRODUCTS:
                break
            if target < PRODUCTS:
                links.append((source, target))
    return links


def measure(links: list[tuple[int, int]]) -> Iterator[str]:
    """Cores, components, clustering, shortest paths, a spanning tree and communities."""
    directed = nx.DiGraph(links)
    graph = directed.to_undirected()
    yield f"{len(graph)} products, {graph.size()} links\n"
    yield f"cores {sorted(nx.core_number(graph).items())}\n"
    yield f"strong {sorted(map(len, nx.strongly_connected_components(directed)))}\n"
    clustering = nx.clustering(graph)
    yield "".join(f"clustering {node} {clustering[node]:.9f}\n" for node in sorted(clustering))
    for source in (0, 7, 99):
        yield f"from {source} {sorted(nx.single_source_dijkstra_path_length(graph, source).items())}\n"
    betweenness = nx.betweenness_centrality(graph, k=20, seed=3)
    yield "".join(f"between {node} {betweenness[node]:.9f}\n" for node in sorted(betweenness))
    yield f"tree {sorted(nx.minimum_spanning_edges(graph, data=False))}\n"
    yield f"communities {sorted(sorted(c) for c in nx.community.asyn_lpa_communities(graph, seed=5))}\n"


if __name__ == "__main__":
    run(measure, edges())
