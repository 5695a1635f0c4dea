"""python-chess counts the legal move sequences of the six classic "perft" positions.

Input: the positions of the Chess Programming Wiki; the published counts are checked.
"""

from __future__ import annotations

from collections.abc import Iterator

import chess
from demo.harness import run

# Position, depth, published number of leaves.
POSITIONS = (
    ("rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1", 3, 8_902),
    ("r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1", 3, 97_862),
    ("8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1", 4, 43_238),
    ("r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1", 3, 9_467),
    ("rnbq1k1r/pp1Pbppp/2p5/8/2B5/8/PPP1NnPP/RNBQK2R w KQ - 1 8", 3, 62_379),
    ("r4rk1/1pp1qppp/p1np1n2/2b1p1B1/2B1P1b1/P1NP1N2/1PP1QPPP/R4RK1 w - - 0 10", 3, 89_890),
)


def perft(board: chess.Board, depth: int) -> int:
    """Count the leaves of the tree of legal moves, making and unmaking every move."""
    if depth == 0:
        return 1
    leaves = 0
    for move in board.legal_moves:
        board.push(move)
        leaves += perft(board, depth - 1)
        board.pop()
    return leaves


def divide(positions: tuple[tuple[str, int, int], ...]) -> Iterator[str]:
    """Print the leaves below each first move of each position."""
    for fen, depth, expected in positions:
        board = chess.Board(fen)
        yield f"{board}\n"
        total = 0
        for move in list(board.legal_moves):
            name = board.san(move)
            board.push(move)
            leaves = perft(board, depth - 1)
            board.pop()
            total += leaves
            yield f"{name} {leaves}\n"
        if total != expected:
            raise AssertionError(f"{fen}: {total} leaves at depth {depth}, not {expected}")


if __name__ == "__main__":
    run(divide, POSITIONS)
