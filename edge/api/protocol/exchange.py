"""What every exchange has: version, headers, limits, the roles of the sockets, and an error's form.

A change of any shape raises PROTOCOL_VERSION; client and daemon of other versions refuse each other by name
(`ProtocolMismatch`).
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

PROTOCOL_VERSION = 1
PROTOCOL_HEADER = "Clockface-Protocol"
PREFIX = f"/v{PROTOCOL_VERSION}"
PROBLEM_TYPE = "application/problem+json"
COPY_SHA256_HEADER = "Clockface-SHA256"  # of a ledger's copy
STREAM_TYPE = "application/x-ndjson"
PREVIEW_BOUNDARY = "picture"
PREVIEW_TYPE = f"multipart/x-mixed-replace; boundary={PREVIEW_BOUNDARY}"
FACE_HEADER = "Clockface-Face"  # where in a picture the face is that is judged
MAX_PICTURE_BYTES = 256 * 1024
MAX_JSON_BYTES = 64 * 1024
MAX_PHOTO_BYTES = 20 * 1024 * 1024
MAX_LINE_BYTES = 64 * 1024
HEARTBEAT_S = 5.0
MAX_DELIVERY_BYTES = 256 * 1024  # of a body that holds an encoded envelope


class Role(StrEnum):
    """Who is on the other end: decided by the socket, which its file mode and group guard."""

    STAFF = "staff"
    SCREEN = "screen"
    SYNC = "sync"

    @property
    def socket_name(self) -> str:
        """The socket's file name in `paths.run`."""
        return f"{self.value}.sock"


class Message(BaseModel):
    """Base of everything on the wire: frozen, no unknown fields, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)


class Problem(Message):
    """An error as RFC 9457 problem details; the client raises the same `ClockfaceError` class from it."""

    type: Annotated[str, StringConstraints(max_length=200)] = "about:blank"
    title: Annotated[str, StringConstraints(max_length=1000)]
    status: int = Field(ge=400, le=599)
    error: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z]{0,60}$")]
    exit_code: int = Field(ge=1, le=255)
    where: Annotated[str, StringConstraints(max_length=1000)] | None = None
    next_step: Annotated[str, StringConstraints(max_length=1000)] | None = None


class Heartbeat(Message):
    """A line of a stream that says only that both sides live."""

    kind: Literal["heartbeat"] = "heartbeat"
