"""Clockface's edge: the one owner of camera, gallery, keys and ledger on a kiosk. It has no network."""

import structlog

__version__ = "0.1.0"


def _silence(_logger: object, _method: str, _event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    raise structlog.DropEvent


# structlog as it comes prints an exception's locals. Until `edge.logs.set_up`, nothing is logged at all.
structlog.configure(processors=[_silence])
