"""How far each kiosk is with its roster, which erasures it has not confirmed, which commands not answered.

What a kiosk does not confirm is alarmed, and an erasure is ordered again: its answer may have been lost. Trust
boundary: versions are what a device signed; a receipt is its signature.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, delete, func, or_, select

from sync.office.alarms import AlarmKind, clear_alarm, raise_alarm
from sync.office.compaction import Kind
from sync.office.database import schema
from sync.office.roster import Roster

ASK_AGAIN_US: Final = 3_600_000_000
KEPT_US: Final = 30 * 86_400_000_000  # a roster document after it was answered, withdrawn or too old
COMMAND_WINDOW_US: Final = 7 * 86_400_000_000  # an unanswered command alarms for a week after it expired


@dataclass(frozen=True, slots=True)
class Missing:
    """An erasure that a device has not confirmed.

    Args:
        version: Of the newest order of it.
        ordered_us: When it was ordered first.
        asked_us: When it was ordered last.
        applied: Whether the device has told of this version or a later one.
    """

    device_id: int
    subject: str
    site: str
    person: str
    version: int
    ordered_us: int
    asked_us: int
    applied: bool


def missing_receipts(connection: Connection) -> list[Missing]:
    """Every erasure that an active device, known when it was ordered, has not confirmed."""
    devices, health, receipts = schema.devices, schema.device_health, schema.removal_receipts
    removals = _removals(connection)
    given = {
        (row.device_id, row.person): row.version
        for row in connection.execute(
            select(
                receipts.c.device_id, receipts.c.person, func.max(receipts.c.roster_version).label("version")
            ).group_by(receipts.c.device_id, receipts.c.person)
        )
    }
    rows = connection.execute(
        select(devices.c.id, devices.c.site, devices.c.device, devices.c.registered_us, health.c.roster_version)
        .outerjoin(health, health.c.device_id == devices.c.id)
        .where(devices.c.state == "active", devices.c.sealing_key.is_not(None))
        .order_by(devices.c.site, devices.c.device)
    ).all()
    return [
        Missing(
            row.id,
            f"{row.site}/{row.device}",
            row.site,
            person,
            last,
            first_us,
            last_us,
            applied=(row.roster_version or 0) >= last,
        )
        for row in rows
        for (site, person), (first, last, first_us, last_us) in removals.items()
        if site == row.site and row.registered_us <= first_us and given.get((row.id, person), 0) < first
    ]


def _removals(connection: Connection) -> dict[tuple[str, str], tuple[int, int, int, int]]:
    """For each site and erased person: first and last version and time of the order that still stands."""
    table = schema.roster_changes
    erased = select(table.c.person).where(table.c.kind == Kind.REMOVE_PERSON.value)
    rows = connection.execute(
        select(table.c.site, table.c.version, table.c.kind, table.c.person, table.c.made_us)
        .where(
            table.c.person.in_(erased),
            table.c.kind.in_((Kind.REMOVE_PERSON.value, Kind.PUT_PERSON.value)),
        )
        .order_by(table.c.site, table.c.version)
    )
    found: dict[tuple[str, str], tuple[int, int, int, int]] = {}
    for row in rows:
        place = (row.site, row.person)
        if row.kind == Kind.PUT_PERSON.value:
            found.pop(place, None)  # they came back
            continue
        first, _, first_us, _ = found.get(place, (row.version, 0, row.made_us, 0))
        found[place] = (first, row.version, first_us, row.made_us)
    return found


def watch(connection: Connection, *, now_us: int, receipts_after_us: int) -> None:
    """Alarm what was not confirmed or answered in time, clear what was, and order erasures again."""
    missing = missing_receipts(connection)
    late = {each.subject: each for each in missing if now_us - each.ordered_us > receipts_after_us}
    _alarm(
        connection,
        AlarmKind.RECEIPT_LATE,
        {subject: (each.device_id, "clockface-office roster status") for subject, each in late.items()},
        now_us=now_us,
    )
    lost = {
        (each.site, each.person) for each in missing if each.applied and now_us - each.asked_us > ASK_AGAIN_US
    }
    roster = Roster(connection, by="signer", at_us=now_us)
    for site, person in sorted(lost):
        roster.ask_again(person, site)
    _alarm(connection, AlarmKind.COMMAND_UNANSWERED, _unanswered(connection, now_us=now_us), now_us=now_us)
    _clear_caught_up(connection, now_us=now_us)
    _prune(connection, now_us=now_us)


def _prune(connection: Connection, *, now_us: int) -> None:
    """Forget roster documents that nobody needs any more: people stand in them."""
    outbox, before = schema.outbox, now_us - KEPT_US
    over = or_(outbox.c.answered_us < before, outbox.c.withdrawn_us < before, outbox.c.expires_us < before)
    connection.execute(delete(outbox).where(outbox.c.channel == "roster", over))


def _unanswered(connection: Connection, *, now_us: int) -> dict[str, tuple[int, str]]:
    outbox, devices = schema.outbox, schema.devices
    rows = connection.execute(
        select(devices.c.id, devices.c.site, devices.c.device, outbox.c.document_id)
        .join(outbox, outbox.c.device_id == devices.c.id)
        .where(
            devices.c.state == "active",
            outbox.c.channel == "commands",
            schema.unanswered,
            outbox.c.expires_us.between(now_us - COMMAND_WINDOW_US, now_us),
        )
    )
    return {f"{row.site}/{row.device}": (row.id, f"command {row.document_id}") for row in rows}


def _alarm(connection: Connection, kind: AlarmKind, wanted: dict[str, tuple[int, str]], *, now_us: int) -> None:
    alarms = schema.alarms
    rows = connection.execute(
        select(alarms.c.subject).where(alarms.c.kind == kind.value, alarms.c.cleared_us.is_(None))
    )
    for subject in {row.subject for row in rows} - set(wanted):
        clear_alarm(connection, kind, subject=subject, now_us=now_us)
    for subject, (device_id, detail) in sorted(wanted.items()):
        raise_alarm(connection, kind, subject=subject, device_id=device_id, detail=detail, now_us=now_us)


def _clear_caught_up(connection: Connection, *, now_us: int) -> None:
    """A kiosk that refused its roster and has all of it now needs nobody to look at it."""
    for each in status(connection, now_us=now_us):
        if each["applied"] >= each["version"]:
            clear_alarm(connection, AlarmKind.ROSTER_REFUSED, subject=str(each["device"]), now_us=now_us)


def status(connection: Connection, *, now_us: int) -> list[dict[str, Any]]:
    """For each active device: versions, documents without an answer, erasures without a receipt."""
    devices, health, sites, outbox = schema.devices, schema.device_health, schema.sites, schema.outbox
    waiting = (
        select(func.count())
        .where(
            outbox.c.device_id == devices.c.id,
            outbox.c.channel == "roster",
            schema.unanswered,
            outbox.c.expires_us > now_us,
        )
        .scalar_subquery()
    )
    rows = connection.execute(
        select(
            devices.c.site,
            devices.c.device,
            sites.c.roster_version.label("version"),
            health.c.roster_version.label("applied"),
            health.c.roster_applied_us,
            waiting.label("unanswered"),
        )
        .join(sites, sites.c.site == devices.c.site)
        .outerjoin(health, health.c.device_id == devices.c.id)
        .where(devices.c.state == "active")
        .order_by(devices.c.site, devices.c.device)
    ).all()
    missing = missing_receipts(connection)
    found = []
    for row in rows:
        subject = f"{row.site}/{row.device}"
        own = [each.ordered_us for each in missing if each.subject == subject]
        found.append(
            {
                "device": subject,
                "applied": row.applied or 0,
                "version": row.version,
                "applied_us": row.roster_applied_us,
                "unanswered": row.unanswered,
                "receipts_missing": len(own),
                "oldest_receipt_hours": round((now_us - min(own)) / 3.6e9, 1) if own else None,
            }
        )
    return found
