"""Tries the engine out. Usage: run.py <folder with the built module>"""

import sys

sys.path.insert(0, sys.argv[1])
import whipsnake_constant

import whipsnake


def seven() -> int:
    return 7


def second(first: object, second: object = "default") -> object:
    return second


def double(x: int) -> int:
    return x * 2


assert whipsnake.register_engine(whipsnake_constant.engine_capsule()) == "constant"
whipsnake.enable(engine="constant", threshold=0)
assert "constant" in whipsnake.engines()
for _ in range(3):
    assert seven() == 7
    assert second(1) == "default" and second(1, [2]) == [2] and second(second=3, first=4) == 3
    assert double(4) == 8
assert whipsnake.tier(seven) == whipsnake.tier(second) == "constant"
assert whipsnake.tier(double) == "declined"
stats = whipsnake.stats()
assert stats["engine"] == "constant" and stats["code_bytes"] > 0
whipsnake.disable()
assert seven() == 7 and second(1) == "default"
count = stats["functions_compiled"]
print(f"constant engine: compiled {count} functions, declined the others: {whipsnake.why(double)}")
