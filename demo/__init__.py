"""Whipsnake's demo: real programs with and without the JIT, side by side (``python -m demo``)."""
