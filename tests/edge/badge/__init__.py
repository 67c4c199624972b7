"""Badges, PINs and codes, and what reads them."""
