"""The local protocol: every value that crosses edge's unix sockets, and the errors that come back.

`sync` and the screen import this package and nothing else of edge, so it must not import numpy, OpenCV or
SQLite. Both sides validate: nothing that arrives is trusted, every text and list has a bound, unknown
fields are refused. One module a subject; `exchange` and `fields` carry the rest.
"""
