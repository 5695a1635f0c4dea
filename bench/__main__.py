"""All benchmarks, also those without a target; writes docs/benchmarks.md."""

import sys

from bench.environment import ROOT
from bench.table import main

if __name__ == "__main__":
    try:
        sys.exit(main(everything=True, page=ROOT / "docs" / "benchmarks.md"))
    except KeyboardInterrupt:
        sys.exit(130)
