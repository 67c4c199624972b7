"""The parts of `scripts/fleet`: simulated kiosks, the processes that hold them, the figures."""
