"""What every process of Clockface shares: errors, logging, configuration, secret files. It knows no process.

Trust boundary: none of its own; it imports nothing of `edge` or `sync`, and runs on device and office.
"""

import structlog

__version__ = "0.1.0"


def _silence(_logger: object, _method: str, _event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    raise structlog.DropEvent


# structlog as it comes prints an exception's locals. Until `clockface.logs.set_up`, nothing is logged at all.
structlog.configure(processors=[_silence])
