"""The audit trail, and what a full check of it and of the ledger found."""

from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from edge.api.protocol.exchange import Message
from edge.api.protocol.fields import MAX_PAGE, Code, Sha256


class AuditView(Message):
    """One entry of the audit trail."""

    seq: int = Field(ge=0)
    at: AwareDatetime
    actor: Code
    action: Code
    subject: Code = ""
    detail: Annotated[str, StringConstraints(max_length=200)] = ""
    hash: Sha256


class AuditQuery(Message):
    """Which page of the audit trail."""

    after: int = Field(default=0, ge=0)
    limit: int = Field(default=200, ge=1, le=MAX_PAGE)


class AuditList(Message):
    """One page of the audit trail, oldest first."""

    entries: tuple[AuditView, ...] = Field(max_length=MAX_PAGE)
    next_after: int | None = None


class AuditVerified(Message):
    """The audit trail holds.

    Args:
        entries: How many were read.
        head: The newest entry's number and hash, to be compared with a note made elsewhere.
        handed_in: Up to which entry the office was told; 0: of none.
    """

    entries: int = Field(ge=0)
    head: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}:[0-9a-f]{64}$")] | None
    handed_in: int = Field(ge=0)


class LedgerVerified(Message):
    """What a full check of the ledger looked at, and what does not hold: nothing, if all is well."""

    events: int = Field(ge=0)
    epochs: int = Field(ge=0)
    audit_entries: int = Field(ge=0)
    people: int = Field(ge=0)
    templates: int = Field(ge=0)
    problems: tuple[Annotated[str, StringConstraints(max_length=500)], ...] = Field(max_length=50)
    took_s: float = Field(ge=0)
