"""Clockface's courier and the wire schema that device and office share. It owns no data."""

from clockface import __version__ as __version__  # and with it the silence of the log until it is set up
