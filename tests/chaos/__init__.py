"""Failure tests: a known load, a fault, and an account of every item. See docs/failure-tests.md."""
