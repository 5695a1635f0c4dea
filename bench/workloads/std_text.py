"""Text processing: word counts, a concordance, wrapping, likeness of words, templates.

The text is Python's language reference, as pydoc_data has it.
"""

from __future__ import annotations

import re
import textwrap
from collections import Counter, defaultdict
from pydoc_data.topics import topics
from string import Template

TEXTS = dict(sorted(topics.items())[:10])
WORD = re.compile(r"[A-Za-z_]+")
LINE = Template("$word: $count times, first on line $first of $topic")


def distance(a: str, b: str) -> int:
    """Levenshtein's distance."""
    before = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        current = [i]
        for j, y in enumerate(b, 1):
            current.append(min(before[j] + 1, current[-1] + 1, before[j - 1] + (x != y)))
        before = current
    return before[-1]


def soundex(word: str) -> str:
    """The code of a word by its sound."""
    codes = {c: d for d, letters in enumerate(("bfpv", "cgjkqsxz", "dt", "l", "mn", "r"), 1) for c in letters}
    found, last = word[0].upper(), codes.get(word[0].lower())
    for char in word[1:].lower():
        code = codes.get(char)
        if code is not None and code != last:
            found += str(code)
        if char not in "hw":
            last = code
    return (found + "000")[:4]


def study(texts: dict[str, str]) -> int:
    counts: Counter[str] = Counter()
    places: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    sounds: defaultdict[str, set[str]] = defaultdict(set)
    total = 0
    for topic, text in texts.items():
        for number, line in enumerate(text.splitlines(), 1):
            words = [word.lower() for word in WORD.findall(line)]
            counts.update(words)
            for word in words:
                places[word].append((topic, number))
        for paragraph in text.split("\n\n")[:5]:
            total += len(textwrap.fill(textwrap.dedent(paragraph), 60))
    common = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    for word, count in common[:100]:
        topic, first = places[word][0]
        total += len(LINE.substitute(word=word, count=count, first=first, topic=topic))
    for word in counts:
        sounds[soundex(word)].add(word)
    names = [word for word, _ in common if len(word) > 6][:20]
    total += sum(distance(a, b) for a in names for b in names if a < b)
    return total + max(map(len, sounds.values()))


def run(n: int) -> int:
    total = 0
    for _ in range(n):
        total += study(TEXTS)
    return total
