"""Subscripts of bytes and bytearray: a checksum."""


def work(data: bytes, out: bytearray) -> int:
    low, high = 1, 0
    for i in range(len(data)):
        low = (low + data[i]) % 65521
        high = (high + low) % 65521
        out[i] = high & 255
    return high << 16 | low


def run(n: int) -> int:
    data = bytes(range(200))
    out = bytearray(200)
    total = 0
    for _ in range(n):
        total ^= work(data, out)
    return total + sum(out)
