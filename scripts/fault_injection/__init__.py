"""The parts of `scripts/faults`: real processes, what is done to them, and who judges the end."""
