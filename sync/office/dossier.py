"""All that the office holds on one person, for that person; and the receipts of their erasure, by device.

Reads only. Trust boundary: what is handed out is personal data of one person; who asked stands in the audit.
A receipt's envelope was checked when it came; here it is only read again.
"""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, select

from sync.office import audit
from sync.office.database import schema
from sync.office.removed import removed_through
from sync.office.timesheet import utc_text
from sync.wire.canonical import read
from sync.wire.commands import Result
from sync.wire.documents import MAX_DOCUMENT_BYTES
from sync.wire.envelope import decode

FORMAT: Final = "clockface-office-dossier 1"
_BYTES: Final = frozenset({"envelope", "sealed"})  # signed originals and sealed templates: said, not shown


def gather(connection: Connection, person: str, *, made_at: str) -> dict[str, Any]:
    """Everything that names a person, known or removed."""
    people = schema.people
    row = connection.execute(select(people).where(people.c.person == person)).first()
    return {
        "format": FORMAT,
        "made_at": made_at,
        "person": {} if row is None else _shown(row),
        "sites": _of(connection, schema.memberships, person),
        "attendance": _of(connection, schema.events, person),
        "removed": _removed(connection, person),
        "corrections": _of(connection, schema.correction_requests, person),
        "sealed_templates": _of(connection, schema.sealed_templates, person),
        "number_clashes": _of(connection, schema.number_clashes, person),
        "audit": [
            {"at": utc_text(each.at_us), "by": each.actor, "action": each.action, "detail": each.detail}
            for each in _entries(connection)
            if each.subject == person
        ],
        "erasures": receipts_of(connection, person),
    }


def _removed(connection: Connection, person: str) -> list[dict[str, Any]]:
    """Up to which day each of the person's sites removed attendance when its time was over."""
    members = schema.memberships
    sites = connection.execute(
        select(members.c.site).where(members.c.person == person).order_by(members.c.site)
    )
    found = [(site, removed_through(connection, site)) for site in sites.scalars()]
    return [{"site": site, "through": day.isoformat()} for site, day in found if day is not None]


def receipts_of(connection: Connection, person: str) -> list[dict[str, Any]]:
    """Which devices have confirmed an erasure, when, and until when their backups hold the person."""
    receipts, devices = schema.removal_receipts, schema.devices
    rows = connection.execute(
        select(receipts, devices.c.site, devices.c.device)
        .join(devices, devices.c.id == receipts.c.device_id)
        .where(receipts.c.person == person)
        .order_by(receipts.c.received_us, receipts.c.id)
    ).all()
    return [
        {
            "device": f"{row.site}/{row.device}",
            "confirmed": utc_text(row.received_us),
            "templates": row.templates_erased,
            "backups_until": _backups_until(bytes(row.envelope), person),
        }
        for row in rows
    ]


def _backups_until(envelope: bytes, person: str) -> str | None:
    payload = decode(envelope, max_payload_bytes=MAX_DOCUMENT_BYTES).payload
    result = read(Result, payload, max_bytes=MAX_DOCUMENT_BYTES)
    return next((each.backups_until for each in result.removed if each.person == person), None)


def _entries(connection: Connection) -> Iterator[audit.Entry]:
    """The whole audit, page by page."""
    after = 0
    while page := list(audit.entries(connection, after=after)):
        yield from page
        after = page[-1].seq


def _of(connection: Connection, table: Table, person: str) -> list[dict[str, Any]]:
    order = list(table.primary_key.columns)
    rows = connection.execute(select(table).where(table.c.person == person).order_by(*order))
    return [_shown(row) for row in rows]


def _shown(row: Row[Any]) -> dict[str, Any]:
    """A row as JSON takes it: times as text, digests as hex, originals left out."""
    shown: dict[str, Any] = {}
    for name, value in row._mapping.items():
        if value is None or name in _BYTES:
            continue
        if name.endswith("_us") and name not in ("boottime_us", "correction_us"):
            shown[name.removesuffix("_us")] = utc_text(value)
        elif isinstance(value, bytes | memoryview):
            shown[name] = bytes(value).hex()
        else:
            shown[name] = value
    return shown
