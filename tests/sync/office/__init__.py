"""The central office, tested on real parts."""
