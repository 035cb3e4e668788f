"""Measured figures, written to docs/benchmarks as flat rows with a table beside them."""
