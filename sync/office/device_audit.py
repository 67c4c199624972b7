"""What happened at a kiosk, as its own audit trail tells it: read from the signed parcels, and held together.

A kiosk could rewrite its own trail; what it told before stands here. Trust boundary: every parcel must be
signed with a key of the device, withdrawn ones too; what the entries say is the device's word, and that they
fit together is checked here each time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from sync.office.database import schema
from sync.office.registry import device_keys
from sync.wire.canonical import WireError
from sync.wire.documents import open_document
from sync.wire.envelope import EnvelopeError
from sync.wire.parcels import AuditEntry, AuditParcel
from sync.wire.topics import Address

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Told:
    """An entry, and what is wrong with its place.

    Args:
        finding: "" | "unsigned" (its parcel does not open any more) | "missing_before" (the entries before are
            not here) | "other_history" (another entry of this number is here too: the kiosk was restored from
            a backup, or its trail was rewritten) | "unlinked" (it does not follow the one before).
    """

    entry: AuditEntry | None
    finding: str


def device_of(connection: Connection, address: Address) -> int | None:
    """A device's row, or None if it is not registered."""
    devices = schema.devices
    row = connection.execute(
        select(devices.c.id).where(devices.c.site == address.site, devices.c.device == address.device)
    ).scalar_one_or_none()
    return None if row is None else int(row)


def trail(connection: Connection, device_id: int, address: Address) -> Iterator[Told]:
    """A device's entries in the order of their numbers, each held against the one before."""
    placed, broken = _read(connection, device_id, address)
    yield from (Told(None, "unsigned") for _ in range(broken))
    hashes: dict[int, set[str]] = {0: {GENESIS}}
    for entry, previous in placed:
        before = hashes.get(entry.seq - 1)
        known = hashes.setdefault(entry.seq, set())
        if entry.hash in known:
            continue  # told twice, as after a restore: it is the same entry
        finding = (
            "missing_before" if before is None else "" if previous is None or previous in before else "unlinked"
        )
        if known:
            finding = "other_history"
        known.add(entry.hash)
        yield Told(entry, finding)


def _read(
    connection: Connection, device_id: int, address: Address
) -> tuple[list[tuple[AuditEntry, str | None]], int]:
    """All entries by number, each with the hash that must stand before it, and how many parcels do not open."""
    parcels, keys = schema.parcels, device_keys(connection, device_id)
    rows = connection.execute(
        select(parcels.c.envelope)
        .where(parcels.c.device_id == device_id, parcels.c.kind == _KIND, parcels.c.envelope.is_not(None))
        .order_by(parcels.c.id)
    )
    entries: list[tuple[AuditEntry, str | None]] = []
    broken = 0
    for (envelope,) in rows:
        public = {name: known.key for name, known in keys.items()}
        try:
            parcel = open_document(AuditParcel, bytes(envelope), keys=public, address=address)
        except (WireError, EnvelopeError):
            broken += 1
            continue
        previous = parcel.previous
        for entry in parcel.entries:
            entries.append((entry, previous))
            previous = entry.hash
    entries.sort(key=lambda placed: placed[0].seq)
    return entries, broken


_KIND = "clockface.parcel.audit.v1"
