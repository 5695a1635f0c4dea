"""python-chess counts legal moves."""

from __future__ import annotations

from demo.programs.chess_perft import divide

from bench.workloads._pieces import repeat

POSITIONS = (
    ("rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1", 2, 400),
    ("r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1", 2, 2_039),
)


def run(n: int) -> str:
    return repeat(n, divide, POSITIONS)
