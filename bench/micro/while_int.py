"""while loops with ints: greatest common divisors, Collatz."""


def gcd(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a


def collatz(x: int) -> int:
    steps = 0
    while x != 1:
        if x % 2 == 0:
            x //= 2
        else:
            x = 3 * x + 1
        steps += 1
    return steps


def run(n: int) -> int:
    total = 0
    for i in range(n):
        total += collatz(27 + i % 5) + gcd(1071 + i, 462)
    return total
