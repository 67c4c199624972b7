"""The contract of device, courier and office: every document on the wire, its signature and its topic.

All sides import it and it imports none of them. Read `events` first, then `envelope`, then what comes down.
"""
