"""Operators' documents: whether one may still be acted on, and the signed result that answers it.

Trust boundary: judged after the signature held. A forged document gets no result: strangers are not answered.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from edge.types.clock import ClockTrust, Instant
from sync.wire.commands import Removed, Result
from sync.wire.fields import format_time
from sync.wire.topics import Address

Ending = Literal["done", "refused", "expired", "stale", "gap", "failed"]

CLOCK_UNTRUSTED = "clock_untrusted"  # not kept: the same document is judged again when the clock is set
UNTRUSTED_WINDOW = timedelta(hours=24)  # a command this much newer than the last time that was known for sure
SKEW = timedelta(minutes=10)  # how far an operator's clock may be behind the one that the mark came from


@dataclass(frozen=True, slots=True)
class Reply:
    """A result before it is signed; see `sync.wire.commands.Result`."""

    outcome: Ending
    reason: str | None = None
    detail: str = ""
    removed: tuple[Removed, ...] = ()
    parcel: str | None = None

    def to(self, answers: str, *, address: Address, roster_version: int, at: Instant) -> Result:
        """The result as a document."""
        return Result(
            site=address.site,
            device=address.device,
            answers=answers,
            outcome=self.outcome,
            reason=self.reason,
            detail=self.detail,
            roster_version=roster_version,
            removed=list(self.removed),
            parcel=self.parcel,
            at=format_time(at.wall),
        )


def not_now(*, issued: str, expires: str, now: Instant, known: datetime | None) -> Reply | None:
    """Why a command may not be acted on, or None if it may.

    A kiosk whose clock nobody set cannot tell whether a command has expired: one that was held back for weeks
    must not be obeyed after a power cut. It knows the last synchronised time (`known`) alone: what had expired
    by then is refused, and what was issued around it or within a day after it, hence by an operator who knew
    the device in about that state, is taken. All else waits for the clock.
    """
    ends = datetime.fromisoformat(expires)
    if now.trust is not ClockTrust.UNSYNCHRONISED:
        return Reply("expired", "expired") if now.wall > ends else None
    if known is None:
        return Reply("refused", CLOCK_UNTRUSTED, "the device does not know the time yet")
    if known > ends:
        return Reply("expired", "expired")
    since = datetime.fromisoformat(issued) - known
    if -SKEW <= since <= UNTRUSTED_WINDOW:
        return None
    return Reply("refused", CLOCK_UNTRUSTED, "the device does not know the time yet")


def surely_expired(*, expires: str, now: Instant, known: datetime | None) -> bool:
    """Whether a roster document has expired as far as this device can know.

    Where the clock is not trusted, only the last synchronised time counts: versions make a replay harmless, and
    an erasure must not wait for a clock.
    """
    ends = datetime.fromisoformat(expires)
    if now.trust is not ClockTrust.UNSYNCHRONISED:
        return now.wall > ends
    return known is not None and known > ends
