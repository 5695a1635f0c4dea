"""Standard library: ``tokenize`` splits forty modules and ``untokenize`` puts them together again.

Input: source files of the standard library.
"""

from __future__ import annotations

import io
import tokenize
from collections import Counter
from collections.abc import Iterator

from demo.harness import run
from demo.inputs import stdlib_sources


def rewrite(sources: dict[str, str]) -> Iterator[str]:
    """Print each module's token counts, and its text rebuilt from the tokens."""
    for name, text in sources.items():
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
        kinds = Counter(tokenize.tok_name[token.exact_type] for token in tokens)
        yield f"{name} {sorted(kinds.items())}\n"
        yield str(tokenize.untokenize(tokens))
        yield str(tokenize.untokenize((token.type, token.string) for token in tokens))


if __name__ == "__main__":
    run(rewrite, stdlib_sources())
