"""The local protocol: typed HTTP over unix sockets, one socket a role."""
