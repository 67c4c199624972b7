"""A certificate authority for those who have none: certificates of brokers, devices and office processes.

It may live on a machine of its own: it needs no database, no broker and no network. Trust boundary: whoever has
the authority's key and its pass phrase can be any device towards the broker, but can sign no event: events are
signed with keys of the devices.
"""
