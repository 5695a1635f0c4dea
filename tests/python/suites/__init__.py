"""Tests of what compares suites of tests: tests/conformance and tests/packages."""
