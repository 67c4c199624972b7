"""Lets closed pay periods' sheets go when their time is over: what they said goes, that they were stays.

The period, its SHA-256 and who closed it stay; the operator's key signs that the sheet went, and a trigger lets
it go only behind that. Trust boundary: as `retention`; an empty sheet without such a word is a damaged one.
"""

from datetime import date, datetime, timedelta
from typing import ClassVar, Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, insert, select, update

from sync.office.database import schema
from sync.office.known_keys import known_keys, note_key
from sync.office.timesheet import to_us
from sync.wire import envelope
from sync.wire.canonical import WireError, encode, read
from sync.wire.envelope import EnvelopeError
from sync.wire.fields import Day, Sha256, Slug, Time, Wire, format_time

TYPE: Final = "application/vnd.clockface.sheet-removal+json"
MAX_BYTES: Final = 4096
AT_ONCE: Final = 50


class SheetRemoval(Wire):
    """What is signed; stays in the office's database."""

    payload_type: ClassVar[str] = TYPE

    kind: Literal["clockface.sheet-removal.v1"] = "clockface.sheet-removal.v1"
    site: Slug
    first: Day
    last: Day
    sha256: Sha256
    at: Time


def over(connection: Connection, days: int, *, sites_held: set[str], today: date) -> list[int]:
    """Periods that ended more than so many days ago and still have their sheet; the oldest so many."""
    if not days:
        return []
    periods, sheets = schema.pay_periods, schema.closed_sheets
    before = (today - timedelta(days=days)).isoformat()
    rows = connection.execute(
        select(periods.c.id, periods.c.site)
        .join(sheets, sheets.c.period_id == periods.c.id)
        .where(periods.c.last_day < before, sheets.c.body != "")
        .order_by(periods.c.last_day, periods.c.id)
        .limit(AT_ONCE)
    )
    return [row.id for row in rows if row.site not in sites_held]


def let_go(connection: Connection, period: int, *, key: Ed25519PrivateKey, by: str, now: datetime) -> None:
    """Sign that a sheet goes, and let it go, within the caller's transaction."""
    periods, sheets = schema.pay_periods, schema.closed_sheets
    row = connection.execute(
        select(periods, sheets.c.digest)
        .join(sheets, sheets.c.period_id == periods.c.id)
        .where(periods.c.id == period)
    ).one()
    said = SheetRemoval(
        site=row.site,
        first=row.first_day,
        last=row.last_day,
        sha256=bytes(row.digest).hex(),
        at=format_time(now),
    )
    note_key(connection, "operator", key.public_key(), by=by, now_us=to_us(now))
    raw = envelope.encode(envelope.sign(encode(said), key=key, payload_type=TYPE))
    connection.execute(
        insert(schema.sheet_removals).values(period_id=period, envelope=raw, removed_us=to_us(now))
    )
    connection.execute(update(sheets).where(sheets.c.period_id == period).values(body=""))


def was_let_go(connection: Connection, period: int, *, digest: str) -> bool:
    """Whether an operator's key of this office signed that this very sheet went."""
    removals = schema.sheet_removals
    raw = connection.execute(
        select(removals.c.envelope).where(removals.c.period_id == period)
    ).scalar_one_or_none()
    if raw is None:
        return False
    try:
        payload = envelope.verify(
            envelope.decode(bytes(raw)), keys=known_keys(connection, "operator"), payload_type=TYPE
        )
        return read(SheetRemoval, payload, max_bytes=MAX_BYTES).sha256 == digest
    except (EnvelopeError, WireError):
        return False
