"""Who of staff is asking, and their session for what cannot be undone."""

from typing import Annotated

from pydantic import Field, StringConstraints

from edge.api.protocol.exchange import Message
from edge.api.protocol.fields import Line, StaffRoleCode


class SessionAsked(Message):
    """The device's name, as somebody of staff typed it."""

    device: Annotated[str, StringConstraints(max_length=64)]


class SessionView(Message):
    """Who the caller is.

    Args:
        account: Their account, as the kernel says.
        role: What it may do.
        session_s: For how many more seconds it may do what cannot be undone; 0 without a session.
        needs_none: Whether it needs no session: root and the daemon's own account.
    """

    account: Line
    role: StaffRoleCode
    session_s: float = Field(ge=0)
    needs_none: bool
