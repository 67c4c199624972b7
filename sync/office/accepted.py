"""What somebody accepted as lost: the signed document, and what reports, lists and `verify` read of it.

Pure reading. Trust boundary: rows are a database's; `acceptances` says which of them a key of ours signed.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, Literal

from sqlalchemy import Connection, select

from sync.office.database import schema
from sync.office.known_keys import known_keys
from sync.office.timesheet import from_us, rules_of
from sync.wire.canonical import WireError
from sync.wire.documents import Document, open_document
from sync.wire.envelope import EnvelopeError
from sync.wire.fields import Epoch, Seq, Sha256, Text, Time
from sync.wire.topics import Address


class GapAcceptance(Document):
    """What is signed. Stays in the office's database: no courier carries it.

    Args:
        prev_hash: Of the event before the gap; zeros at the beginning of an epoch.
        hash: Of the last event of the gap, as what follows it names it.
        reason: Why nobody has them, in an administrator's words; the first 200 characters.
        by: The account.
    """

    payload_type: ClassVar[str] = "application/vnd.clockface.gap-acceptance+json"

    kind: Literal["clockface.gap-acceptance.v1"] = "clockface.gap-acceptance.v1"
    epoch: Epoch
    from_seq: Seq
    to_seq: Seq
    prev_hash: Sha256
    hash: Sha256
    reason: Text
    by: Text
    at: Time


@dataclass(frozen=True, slots=True)
class Lost:
    """Accepted events that nobody holds, for reports: between which days they were made."""

    device: str
    events: int
    first: date
    last: date
    reason: str
    by: str


def listed(connection: Connection) -> list[dict[str, Any]]:
    """Every gap that was accepted, the oldest first."""
    table, epochs, devices = schema.accepted_gaps, schema.epochs, schema.devices
    rows = connection.execute(
        select(table, epochs.c.epoch, devices.c.site, devices.c.device)
        .join(epochs, epochs.c.id == table.c.epoch_id)
        .join(devices, devices.c.id == epochs.c.device_id)
        .order_by(table.c.id)
    )
    return [dict(row._mapping) for row in rows]


def lost(connection: Connection, site: str, *, first: date, last: date) -> list[Lost]:
    """What was lost for good at a site between two days, as reports say it."""
    zone = rules_of(connection, site).zone
    found = []
    for row in listed(connection):
        if row["site"] != site:
            continue
        ends = from_us(row["lost_before_us"]).astimezone(zone).date()
        after = row["lost_after_us"]
        begins = ends if after is None else from_us(after).astimezone(zone).date()
        if begins <= last and ends >= first:
            count = row["to_seq"] - row["from_seq"] + 1
            found.append(Lost(row["device"], count, begins, ends, row["reason"], row["accepted_by"]))
    return found


def acceptances(connection: Connection, epoch_id: int, *, address: Address) -> dict[int, GapAcceptance | None]:
    """What was accepted of an epoch, by its first number; None where no key of this office signed it."""
    table = schema.accepted_gaps
    found: dict[int, GapAcceptance | None] = {}
    rows = connection.execute(select(table).where(table.c.epoch_id == epoch_id)).all()
    keys = known_keys(connection, "operator") if rows else {}
    for row in rows:
        try:
            signed = open_document(GapAcceptance, bytes(row.envelope), keys=keys, address=address)
        except (EnvelopeError, WireError):
            found[row.from_seq] = None
            continue
        stands = (row.from_seq, row.to_seq, bytes(row.prev_hash).hex(), bytes(row.hash).hex())
        said = (signed.from_seq, signed.to_seq, signed.prev_hash, signed.hash)
        found[row.from_seq] = signed if said == stands and signed.reason == row.reason[:200] else None
    return found
