"""Clockface's courier and the wire schema that device and office share. It owns no data."""
