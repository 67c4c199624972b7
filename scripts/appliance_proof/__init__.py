"""The proof on a real systemd: `scripts/proof-nspawn` runs it."""
