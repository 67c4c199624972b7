"""Committed attendance records, as they are listed and announced."""

from datetime import date
from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from edge.api.protocol.exchange import Message
from edge.api.protocol.fields import (
    MAX_PAGE,
    DirectionCode,
    EpochText,
    Line,
    MethodCode,
    PersonKey,
    Sha256,
    SourceCode,
    TrustCode,
)
from edge.api.protocol.people import PersonProfile


class PunchView(Message):
    """A committed attendance record."""

    epoch: EpochText
    seq: int = Field(ge=0)
    hash: Sha256
    person_id: PersonKey
    profile: PersonProfile | None = Field(default=None, description="None once the person has been removed.")
    at: AwareDatetime
    utc_offset_s: int
    trust: TrustCode
    day: date
    direction: DirectionCode
    source: SourceCode
    method: MethodCode
    work_code: Line | None = None
    score: float | None = None
    model_hash: Sha256 | None = None
    delivered: bool | None = Field(default=None, description="Whether the office has confirmed it.")


class PunchQuery(Message):
    """Which records to list: filters are combined, `after` is the `next_after` of the page before."""

    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    person_id: PersonKey | None = None
    after: Annotated[str, StringConstraints(pattern=r"^[0-9]{6,12}-[0-9a-f]{16}:[0-9]{1,18}$")] | None = None
    limit: int = Field(default=200, ge=1, le=MAX_PAGE)


class PunchList(Message):
    """One page of records, oldest first; `next_after` asks for the next one."""

    punches: tuple[PunchView, ...] = Field(max_length=MAX_PAGE)
    next_after: Annotated[str, StringConstraints(max_length=80)] | None = None
