"""Data wrangling without pandas: csv, json, collections, itertools, dataclasses, statistics.

The data are those that Python knows of Unicode's characters.
"""

from __future__ import annotations

import csv
import io
import json
import statistics
import unicodedata
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import attrgetter


@dataclass
class Character:
    code: int
    name: str
    category: str
    direction: str
    digit: float

    @property
    def script(self) -> str:
        return self.name.partition(" ")[0]


def table(codes: range) -> str:
    """Return one line of CSV for each character that has a name."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["code", "name", "category", "direction", "digit"])
    for code in codes:
        char = chr(code)
        if name := unicodedata.name(char, ""):
            number = unicodedata.numeric(char, None)
            row = [f"{code:x}", name, unicodedata.category(char), unicodedata.bidirectional(char)]
            writer.writerow([*row, "" if number is None else f"{number:.4f}"])
    return out.getvalue()


TABLE = table(range(0x2000))


def read(text: str) -> list[Character]:
    return [
        Character(
            int(row["code"], 16),
            row["name"].capitalize(),
            row["category"],
            row["direction"],
            float(row["digit"] or "nan"),
        )
        for row in csv.DictReader(io.StringIO(text))
    ]


def summarise(characters: list[Character]) -> dict[str, object]:
    """Group, count, join and rank."""
    by_script: defaultdict[str, list[Character]] = defaultdict(list)
    for character in characters:
        by_script[character.script].append(character)
    letters = Counter(character.category for character in characters if character.category[0] == "L")
    words = Counter(word for character in characters for word in character.name.split()[1:])
    runs = [
        (category, sum(1 for _ in group))
        for category, group in groupby(characters, key=attrgetter("category"))
    ]
    pairs = {
        upper.name: lower.code - upper.code
        for upper in characters
        if upper.category == "Lu" and (lower := BY_CODE.get(upper.code + 32)) and lower.category == "Ll"
    }
    return {
        "scripts": {
            script: {
                "size": len(found),
                "mean": round(statistics.fmean(each.code for each in found), 3),
                "digits": sorted({each.digit for each in found if each.digit == each.digit}),
            }
            for script, found in sorted(by_script.items(), key=lambda pair: (-len(pair[1]), pair[0]))
        },
        "letters": letters.most_common(),
        "words": words.most_common(20),
        "longest": max(runs, key=lambda run: (run[1], run[0])),
        "pairs": sorted(pairs.items())[:10],
        "last": asdict(characters[-1]) | {"digit": None},
    }


BY_CODE = {character.code: character for character in read(TABLE)}


def run(n: int) -> int:
    total = 0
    for _ in range(n):
        total += len(json.dumps(summarise(read(TABLE)), sort_keys=True))
    return total
