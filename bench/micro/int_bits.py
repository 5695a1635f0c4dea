"""Ints as bit sets: shifts, masks, xor, counting."""


def count(bits: int) -> int:
    found = 0
    while bits:
        bits &= bits - 1
        found += 1
    return found


def work(seed: int) -> int:
    total = 0
    state = seed
    for _ in range(30):
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
        total += count(state & 0xFF)
        if not state & 1 << 7:
            total |= 1
    return total


def run(n: int) -> int:
    total = 0
    for i in range(n):
        total += work(2463534242 + i % 3)
    return total
