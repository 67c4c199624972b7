"""Turns a site's roster changes into documents that the operator's key signs, for each device what it lacks.

It alone holds that key; the receiver publishes what it finds. Everything that is outstanding follows from the
database, so it may stop anywhere and go on. Trust boundary: whoever may write the office's database may have
roster changes signed; nobody else, and a template can only be what a kiosk of the site has sealed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Row, func, insert, or_, select, update

from sync.office import audit
from sync.office.alarms import AlarmKind, clear_alarm, raise_alarm
from sync.office.database import Database, schema
from sync.office.documents import Documents, document_of
from sync.office.rows import microseconds
from sync.wire.documents import sign_document
from sync.wire.roster import RosterDocument
from sync.wire.sealing import SealError

MAX_OUTSTANDING: Final = 16  # documents of one device that wait for an answer
RETRY_US: Final = 900_000_000  # after a refusal, where nothing has changed since
LOOK_AGAIN_US: Final = 60_000_000  # at a device of which nothing is new: its documents may have expired
BAD: Final = ("refused", "failed", "expired", "stale")


@dataclass(frozen=True, slots=True)
class Outstanding:
    """A signed document that is not answered."""

    id: int
    base: int
    version: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do for one device.

    Args:
        base: From which version to sign on.
        withdraw: Documents that no longer help: the device cannot come to their base.
        room: How many documents may be signed now.
    """

    base: int
    withdraw: tuple[int, ...]
    room: int


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed for one device."""

    subject: str
    documents: int
    base: int
    version: int


def plan(applied: int, outstanding: Iterable[Outstanding]) -> Plan:
    """Follow the documents that are on their way, as far as they reach from what the device has."""
    reach, useful, useless = applied, 0, []
    for each in sorted(outstanding, key=lambda one: (one.base, one.version)):
        if each.base > reach:
            useless.append(each.id)
        else:
            reach = max(reach, each.version)
            useful += 1
    return Plan(reach, tuple(useless), max(0, MAX_OUTSTANDING - useful))


@dataclass(frozen=True, slots=True)
class Behind:
    """An active device that has not applied all of its site's roster, as far as it has said.

    Args:
        applied: The version that it last told; None if it never said anything.
        outstanding: How many documents it has not answered.
    """

    device_id: int
    version: int
    applied: int | None
    outstanding: int


def devices_behind(
    connection: Connection, *, site: str | None = None, device: str | None = None
) -> list[Behind]:
    """Devices that something may have to be signed for."""
    devices, sites, health, outbox = schema.devices, schema.sites, schema.device_health, schema.outbox
    outstanding = (
        select(func.count())
        .where(
            outbox.c.device_id == devices.c.id,
            outbox.c.channel == "roster",
            schema.unanswered,
        )
        .scalar_subquery()
    )
    query = (
        select(devices.c.id, sites.c.roster_version, health.c.roster_version, outstanding)
        .join(sites, sites.c.site == devices.c.site)
        .outerjoin(health, health.c.device_id == devices.c.id)
        .where(
            devices.c.state == "active",
            devices.c.sealing_key.is_not(None),
            or_(health.c.device_id.is_(None), health.c.roster_version < sites.c.roster_version),
            sites.c.roster_version > 0,
        )
        .order_by(devices.c.id)
    )
    query = query if site is None else query.where(devices.c.site == site)
    query = query if device is None else query.where(devices.c.device == device)
    return [Behind(*row) for row in connection.execute(query)]


class Signer:
    """Signs, one device a transaction.

    Args:
        key: The operator's.
        by: The account, or "signer".
    """

    def __init__(self, database: Database, *, key: Ed25519PrivateKey, by: str) -> None:
        self._database = database
        self._key = key
        self._by = by
        self._looked: dict[int, tuple[Behind, int]] = {}

    def push(self, *, now: datetime, site: str | None = None, device: str | None = None) -> tuple[Signed, ...]:
        """Sign what devices lack and what is not on its way yet.

        Raises:
            DatabaseError: The database failed; what was signed before stands, and the next call goes on.
        """
        with self._database.read() as connection:
            behind = devices_behind(connection, site=site, device=device)
        signed = []
        for each in behind:
            if self._nothing_new(each, now_us=microseconds(now)):
                continue
            with self._database.write() as connection:
                found = self._push_one(connection, each.device_id, now=now)
            self._looked[each.device_id] = (each, microseconds(now))
            if found is not None:
                signed.append(found)
        return tuple(signed)

    def _nothing_new(self, behind: Behind, *, now_us: int) -> bool:
        """Whether it looks as it did when it was left alone: hundreds may be switched off for weeks."""
        last = self._looked.get(behind.device_id)
        return last is not None and last[0] == behind and now_us < last[1] + LOOK_AGAIN_US

    def _push_one(self, connection: Connection, device_id: int, *, now: datetime) -> Signed | None:
        row = _locked(connection, device_id)
        now_us = microseconds(now)
        if row is None or row.state != "active" or row.sealing_key is None:
            return None
        subject = f"{row.site}/{row.device}"
        if _rests(connection, row, subject=subject, now_us=now_us):
            return None
        planned = plan(row.told or 0, _outstanding(connection, device_id, now_us=now_us))
        _withdraw(connection, planned.withdraw, now_us=now_us)
        if planned.base >= row.roster_version or not planned.room:
            return None
        documents = Documents(connection, row, now=now)
        try:
            made = list(islice(documents.of(planned.base), planned.room))
        except SealError:
            _refused(connection, row, subject=subject, detail="sealing_key", now_us=now_us)
            return None
        for number, document in enumerate(made, start=row.roster_number + 1):
            self._store(connection, row, document, number=number, now_us=now_us)
        devices = schema.devices
        connection.execute(
            update(devices).where(devices.c.id == device_id).values(roster_number=row.roster_number + len(made))
        )
        signed = Signed(subject, len(made), planned.base, made[-1].version)
        audit.append(
            connection,
            at_us=now_us,
            actor=self._by,
            action="roster.signed",
            subject=subject,
            detail=f"documents={len(made)},base={signed.base},version={signed.version}",
        )
        return signed

    def _store(
        self, connection: Connection, row: Row[Any], document: RosterDocument, *, number: int, now_us: int
    ) -> None:
        connection.execute(
            insert(schema.outbox).values(
                device_id=row.id,
                channel="roster",
                number=number,
                document_id=document.id,
                kind="roster",
                envelope=sign_document(document, key=self._key),
                created_us=now_us,
                created_by=self._by,
                expires_us=microseconds(datetime.fromisoformat(document.expires)),
            )
        )


def _locked(connection: Connection, device_id: int) -> Row[Any] | None:
    """The device with its site's version and what it has applied; its row is held."""
    devices, sites, health = schema.devices, schema.sites, schema.device_health
    lock = select(devices.c.id).where(devices.c.id == device_id).with_for_update(key_share=True)
    connection.execute(lock)
    applied = select(health.c.roster_version).where(health.c.device_id == devices.c.id).scalar_subquery()
    return connection.execute(
        select(devices, sites.c.roster_version, applied.label("told"))
        .join(sites, sites.c.site == devices.c.site)
        .where(devices.c.id == device_id)
    ).first()


def _outstanding(connection: Connection, device_id: int, *, now_us: int) -> list[Outstanding]:
    outbox = schema.outbox
    rows = connection.execute(
        select(outbox.c.id, outbox.c.envelope).where(
            outbox.c.device_id == device_id,
            outbox.c.channel == "roster",
            schema.unanswered,
            outbox.c.expires_us > now_us,
        )
    )
    found = []
    for row in rows:
        document = document_of(bytes(row.envelope))
        found.append(Outstanding(row.id, document.base, document.version))
    return found


def _withdraw(connection: Connection, ids: Sequence[int], *, now_us: int) -> None:
    outbox = schema.outbox
    if ids:
        connection.execute(update(outbox).where(outbox.c.id.in_(ids)).values(withdrawn_us=now_us))


def _rests(connection: Connection, row: Row[Any], *, subject: str, now_us: int) -> bool:
    """Whether the last answer was no and nothing has changed since: then it is asked anew only now and then."""
    outbox, changes = schema.outbox, schema.roster_changes
    last = connection.execute(
        select(outbox.c.outcome, outbox.c.outcome_reason, outbox.c.answered_us)
        .where(outbox.c.device_id == row.id, outbox.c.channel == "roster", outbox.c.answered_us.is_not(None))
        .order_by(outbox.c.answered_us.desc(), outbox.c.id.desc())
        .limit(1)
    ).first()
    if last is None or last.outcome not in BAD:
        clear_alarm(connection, AlarmKind.ROSTER_REFUSED, subject=subject, now_us=now_us)
        return False
    _refused(connection, row, subject=subject, detail=last.outcome, now_us=now_us)
    newest = connection.execute(
        select(changes.c.made_us).where(changes.c.site == row.site, changes.c.version == row.roster_version)
    ).scalar_one_or_none()
    if newest is None:  # the roster was resumed at a version that says nothing
        return False
    return bool(newest < last.answered_us and now_us < last.answered_us + RETRY_US)


def _refused(connection: Connection, row: Row[Any], *, subject: str, detail: str, now_us: int) -> None:
    raise_alarm(
        connection,
        AlarmKind.ROSTER_REFUSED,
        subject=subject,
        device_id=row.id,
        detail=detail,
        now_us=now_us,
    )
