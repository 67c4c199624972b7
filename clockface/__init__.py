"""What every process of Clockface shares: errors, logging, configuration, secret files. It knows no process.

Trust boundary: none of its own; it imports nothing of `edge` or `sync`, and runs on device and office.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__version__ = "0.1.0"


@contextmanager
def _absent(name: str) -> Iterator[None]:
    """Let what is imported meanwhile find that a package is not installed."""
    present = sys.modules.get(name)
    sys.modules[name] = None  # type: ignore[assignment]  # Python's own way of saying so
    try:
        yield
    finally:
        del sys.modules[name]
        if present is not None:
            sys.modules[name] = present


# structlog takes rich along where it finds it, for tracebacks that print locals: ours never do, and a daemon
# has no use for the 4 MB and the 0.05 s that rich and pygments take.
with _absent("rich"):
    import structlog


def _silence(_logger: object, _method: str, _event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    raise structlog.DropEvent


# structlog as it comes prints an exception's locals. Until `clockface.logs.set_up`, nothing is logged at all.
structlog.configure(processors=[_silence])
