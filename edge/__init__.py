"""Clockface's edge: the one owner of camera, gallery, keys and ledger on a kiosk. It has no network."""

__version__ = "0.1.0"
