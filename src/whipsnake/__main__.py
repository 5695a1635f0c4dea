"""``python -m whipsnake``: the same as the command ``whipsnake``."""

import sys

from whipsnake._cli import main

if __name__ == "__main__":
    sys.exit(main())
