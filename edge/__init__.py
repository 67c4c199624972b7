"""Clockface's edge: the one owner of camera, gallery, keys and ledger on a kiosk. It has no network."""

from clockface import __version__ as __version__  # and with it the silence of the log until it is set up
