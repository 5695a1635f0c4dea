"""Tuples through a heap and a deque: what schedulers and searches do."""

from collections import deque
from heapq import heappop, heappush


def work(graph: dict[int, list[tuple[int, int]]]) -> int:
    distances = {0: 0}
    heap = [(0, 0)]
    while heap:
        distance, node = heappop(heap)
        if distance > distances[node]:
            continue
        for neighbour, weight in graph[node]:
            candidate = distance + weight
            if neighbour not in distances or candidate < distances[neighbour]:
                distances[neighbour] = candidate
                heappush(heap, (candidate, neighbour))
    waiting = deque([0])
    seen = {0}
    while waiting:
        for neighbour, _ in graph[waiting.popleft()]:
            if neighbour not in seen:
                seen.add(neighbour)
                waiting.append(neighbour)
    return sum(distances.values()) + len(seen)


def run(n: int) -> int:
    graph = {i: [((i * 7 + 1) % 30, i % 5 + 1), ((i * 3 + 2) % 30, 4)] for i in range(30)}
    total = 0
    for _ in range(n):
        total += work(graph)
    return total
