"""A crash of a process beside the daemon, scrubbed where it happened: classes and places, no more."""

from typing import Annotated

from pydantic import Field, StringConstraints

from edge.api.protocol.exchange import Message

ErrorClass = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,80}$")]
Place = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9_.<>-]{1,120}:[0-9]{1,6} [A-Za-z0-9_.<>-]{1,80}$")
]


class CrashTold(Message):
    """What crashed: exception classes, cause first, and places ("module:line function"), innermost last."""

    error: Annotated[tuple[ErrorClass, ...], Field(min_length=1, max_length=8)]
    frames: Annotated[tuple[Place, ...], Field(max_length=64)] = ()


class CrashNoted(Message):
    """It will be reported with the daemon's own."""
