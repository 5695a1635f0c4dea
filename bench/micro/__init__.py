"""Micro-benchmarks: one thing that Python programs do in each module, in ``run(n)``, n units of it."""
