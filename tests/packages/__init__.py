"""The test suites of widely used packages, run plain and with Whipsnake, compared test case by test case."""
