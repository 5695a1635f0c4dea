"""The process whose instructions :mod:`bench.counts` counts; its arguments are folders for ``sys.path``.

``os.getppid()`` separates what is counted from what is not: callgrind is told to begin a new count there, and
no part of a program calls it by chance.
"""

import importlib
import os
import sys

WORKLOADS = {"fib": 400, "attributes": 400, "float_loop": 1000, "for_list": 1000, "list_indexing": 400}
"""Units of work of each micro-benchmark, some 15 to 50 million instructions with Whipsnake."""
WARM = 40
"""Units that get everything compiled: more than both thresholds."""
THRESHOLDS = {"threshold": 2, "loop_threshold": 10}


def main(folders: list[str]) -> None:
    """Do each workload twice: a little that is not counted, and much that is."""
    sys.path[:0] = folders
    import whipsnake

    whipsnake.enable(**THRESHOLDS)
    for name, amount in WORKLOADS.items():
        run = importlib.import_module(f"bench.micro.{name}").run
        run(WARM)
        os.getppid()
        run(amount)
        os.getppid()


if __name__ == "__main__":
    main(sys.argv[1:])
