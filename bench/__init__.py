"""The benchmarks: how fast programs run with Whipsnake, against the plain interpreter and against targets."""
