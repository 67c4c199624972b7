"""The screen's process: a page on loopback, fed by edge's screen socket; no keys, no ledger, no camera."""
