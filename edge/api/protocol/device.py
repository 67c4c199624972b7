"""The device as a whole: a test of its way to the office, a restart, and going out of use."""

from typing import Literal

from pydantic import Field

from edge.api.protocol.exchange import Message
from edge.api.protocol.fields import EpochText, Line


class RestartAsked(Message):
    """The daemon will end, for systemd to start it again, when nobody has been in front of it for a while."""

    pid: int = Field(ge=1)
    quiet_s: float = Field(ge=0.0)


class DeviceTest(Message):
    """The event that tries the way to the office, and how far the office has come."""

    epoch: EpochText
    seq: int = Field(ge=1)
    frontier_epoch: EpochText | None = None
    frontier_seq: int = Field(default=0, ge=0)
    confirmed: bool = Field(description="Whether the office has committed the event.")


class DeviceTestQuery(Message):
    """Which test is asked after."""

    epoch: EpochText
    seq: int = Field(ge=1)


class RetirementAsked(Message):
    """Staff take this device out of use, for good."""

    reason: Literal["retired", "moved"]
    confirm: Line = Field(description="This device's name, as somebody typed it.")


class RetirementView(Message):
    """Whether this device has said its last word, and whether the office has everything."""

    retired: bool
    epoch: EpochText = Field(description="With `seq`: the newest event; once retired, the last.")
    seq: int = Field(ge=1)
    confirmed: bool = Field(description="Whether the office has committed that event.")
    events_pending: int = Field(ge=0)
    parcels_pending: int = Field(ge=0)
