"""Ints of several digits: a linear congruential generator of 64 bits, a modular power."""


def power(base: int, exponent: int, modulus: int) -> int:
    result = 1
    while exponent:
        if exponent & 1:
            result = result * base % modulus
        base = base * base % modulus
        exponent >>= 1
    return result


def work(state: int) -> int:
    for _ in range(50):
        state = (state * 6364136223846793005 + 1442695040888963407) & 0xFFFFFFFFFFFFFFFF
    return state ^ power(state, 65537, (1 << 89) - 1)


def run(n: int) -> int:
    state = 1
    for _ in range(n):
        state = work(state & 0xFFFFFFFF)
    return state
