"""The office's database, on both engines."""
