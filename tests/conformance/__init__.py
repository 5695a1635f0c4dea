"""CPython's own test suite, run plain and with Whipsnake, compared test case by test case."""
