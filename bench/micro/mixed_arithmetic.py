"""Ints and floats mixed in arithmetic and comparisons."""


def work(prices: list[float], counts: list[int]) -> float:
    total = 0
    for i in range(60):
        price = prices[i]
        count = counts[i]
        cost = count * price + 1
        if cost > 10 and count < price * 2:
            cost = cost - count / 2
        total = total + cost * 2
    return total


def run(n: int) -> float:
    prices = [i / 4 for i in range(60)]
    counts = [i % 7 for i in range(60)]
    total = 0.0
    for _ in range(n):
        total += work(prices, counts)
    return total
