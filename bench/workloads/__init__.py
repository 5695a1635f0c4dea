"""Larger programs than those of bench.micro: real packages on real input, and whole small programs.

Each file has ``run(n)``, which does n units of work and returns a value that must be the same on both sides.
Imports and reading the input are outside. Files named ``std_...`` need nothing but the standard library and no
recent Python, so rivals run them, too; what the others need is in requirements.txt. Names that begin with an
underscore are of what workloads share.
"""
