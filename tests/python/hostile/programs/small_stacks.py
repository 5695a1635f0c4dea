"""What a thread with a small native stack can do in the interpreter alone."""

from __future__ import annotations

import threading

SOURCE = (
    """
def down(n): return 0 if n == 0 else 1 + down(n - 1)
def left(n): return 0 if n == 0 else 1 + right(n - 1)
def right(n): return 0 if n == 0 else 1 + left(n - 1)
def values(n):
    if n: yield from values(n - 1)
    yield n
class C:
    def __init__(self, n): self.n = n
    def m(self, n, *, k=1): return self.n if n == 0 else k + self.m(n - 1, k=k)
def catches(n):
    try: return 1 // n + catches(n - 1)
    except ZeroDivisionError: return 5
def endless(): return 1 + endless()
def refused():
    try: endless()
    except RecursionError: return 'RecursionError'
def loop(n):
    total = 0
    for i in range(n): total += i * i % 7
    return total
def everything():
    return (down(400), left(401), C(7).m(300), list(values(3)), catches(100), loop(3000), many(3))
def more(): return (everything(), refused(), list(values(30)))
def many(x):
    """
    + "; ".join(f"v{i} = [x, {i}]" for i in range(400))
    + "; return v399\n"
)


def answers(rounds: int, name: str) -> set[str]:
    """What functions answer that are new in each of many threads, and get hot there."""
    code = compile(SOURCE, "<small>", "exec")
    found = []

    def work(space: dict[str, object]) -> None:
        for _ in range(8):
            answer = space[name]()  # type: ignore[operator]
        found.append(repr(answer))

    for _ in range(rounds):
        spaces: list[dict[str, object]] = [{} for _ in range(4)]
        for space in spaces:
            exec(code, space)
        threads = [threading.Thread(target=work, args=[space]) for space in spaces]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 4 * rounds, "a thread died"
    return set(found)
