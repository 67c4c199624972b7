"""Measures through the daemon's own code: verification, open-set identification, liveness, benchmarks."""
