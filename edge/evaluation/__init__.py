"""Measures recognition through the daemon's own code: verification, open-set identification, benchmarks."""
