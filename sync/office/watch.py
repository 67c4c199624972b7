"""Watches for what does not arrive: silent devices, "online" devices whose events do not come, gaps that stay.

Nothing can send an alarm about its own silence; this looks at the database by the clock. Trust boundary: what a
device owes is what edge signed in its telemetry, held against the office's own frontier.
"""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from sync.office.alarms import AlarmKind, Raised, clear_alarm, raise_alarms
from sync.office.database import schema
from sync.office.rows import microseconds, parse_moment

_DAY_US = 86_400_000_000
DISK_PERCENT = 80
HELD_BACK = frozenset({"under_voltage", "board_throttled"})  # kinds of alarms of a kiosk


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """After how many seconds something is alarmed."""

    silent_after_s: float = 900.0
    stalled_after_s: float = 600.0
    gap_after_s: float = 60.0
    certificate_days: int = 30


@dataclass(frozen=True, slots=True)
class Fleet:
    """How the active devices are, in numbers."""

    active: int = 0
    online: int = 0
    silent: int = 0
    stalled: int = 0
    gaps: int = 0
    alarms: int = 0


class Watch:
    """Looks at the database from time to time.

    While the receiver itself is cut off nobody can be heard, so silence is measured from when it could listen.
    """

    def __init__(self, settings: WatchSettings) -> None:
        self._settings = settings
        self._listening_since_us: int | None = None
        self._owed: dict[int, tuple[int, str, int]] = {}  # since when, which epoch, at which frontier
        self._open: set[tuple[str, str]] = set()
        self._raised: list[Raised] = []

    def look(self, connection: Connection, *, now_us: int, connected: bool) -> Fleet:
        """Raise and clear alarms."""
        if not connected:
            self._listening_since_us = None
        elif self._listening_since_us is None:
            self._listening_since_us = now_us
        devices, health = schema.devices, schema.device_health
        rows = connection.execute(
            select(devices, health)
            .select_from(devices.outerjoin(health, health.c.device_id == devices.c.id))
            .where(devices.c.state == "active")
            .order_by(devices.c.id)  # several receivers look: they write in one order
        ).all()
        self._raised = []
        frontiers = _frontiers(connection)
        self._open = _open_alarms(connection)
        for row in rows:
            self._certificate(connection, row, now_us)
            self._board(connection, row, now_us)
        silent = [self._silent(connection, row, now_us) for row in rows]
        stalled = [self._stalled(connection, row, frontiers, now_us) for row in rows]
        gaps = self._gaps(connection, now_us)
        raise_alarms(connection, self._raised, now_us=now_us)
        alarms = schema.alarms
        return Fleet(
            active=len(rows),
            online=sum(bool(row.online) for row in rows),
            silent=sum(silent),
            stalled=sum(stalled),
            gaps=gaps,
            alarms=connection.execute(
                select(func.count()).select_from(alarms).where(alarms.c.cleared_us.is_(None))
            ).scalar_one(),
        )

    def _silent(self, connection: Connection, row: Row[Any], now_us: int) -> bool:
        """Nothing at all was heard for too long: neither state nor telemetry nor events."""
        if self._listening_since_us is None:
            return False
        since_us = max(row.last_seen_us or row.registered_us, self._listening_since_us)
        silent = bool(now_us - since_us > self._settings.silent_after_s * 1e6)
        heard = row.last_seen_us is not None and row.last_seen_us >= self._listening_since_us
        if silent or heard:
            self._set(connection, AlarmKind.SILENT, row, raised=silent, now_us=now_us)
        return silent

    def _stalled(
        self, connection: Connection, row: Row[Any], frontiers: dict[tuple[int, str], int], now_us: int
    ) -> bool:
        """The device signed that it has more than is here, and that has not changed for too long."""
        head = _head(row.telemetry)
        if head is None:
            return False
        frontier = frontiers.get((row.id, head[0]), 0)
        if frontier >= head[1]:
            self._owed.pop(row.id, None)
        elif row.id not in self._owed or self._owed[row.id][1:] != (head[0], frontier):
            self._owed[row.id] = (now_us, head[0], frontier)
        owed = self._owed.get(row.id)
        stalled = owed is not None and now_us - owed[0] > self._settings.stalled_after_s * 1e6
        if stalled or owed is None:
            self._set(connection, AlarmKind.STALLED, row, raised=stalled, now_us=now_us)
        return stalled

    def _certificate(self, connection: Connection, row: Row[Any], now_us: int) -> None:
        """The certificate that the courier says it uses; where it says nothing, the newest that is noted."""
        told = _told_expiry(row.telemetry)
        expires_us = row.certificate_not_after_us if told is None else told
        if expires_us is None:
            return
        left_us = expires_us - now_us
        raised = left_us < self._settings.certificate_days * _DAY_US
        detail = "expired" if left_us <= 0 else f"{left_us // _DAY_US} days left"
        self._set(connection, AlarmKind.CERTIFICATE, row, raised=raised, now_us=now_us, detail=detail)

    def _board(self, connection: Connection, row: Row[Any], now_us: int) -> None:
        """What the kiosk signed of its disk, its power and its heat."""
        if row.telemetry is None:
            return
        edge = json.loads(row.telemetry)["edge"]
        used = _used_percent(edge)
        full = used is not None and used >= DISK_PERCENT
        self._set(connection, AlarmKind.DISK, row, raised=full, now_us=now_us, detail=f"{used} % used")
        found = sorted(HELD_BACK & set(edge["alarms"]))  # these stay for a while: a board goes to and fro
        self._set(connection, AlarmKind.BOARD, row, raised=bool(found), now_us=now_us, detail=", ".join(found))

    def _set(
        self,
        connection: Connection,
        kind: AlarmKind,
        row: Row[Any],
        *,
        raised: bool,
        now_us: int,
        detail: str = "",
    ) -> None:
        subject = f"{row.site}/{row.device}"
        if not raised:
            if (kind.value, subject) in self._open:
                clear_alarm(connection, kind, subject=subject, now_us=now_us)
            return
        self._raised.append(Raised(kind, subject, row.id, detail))

    def _gaps(self, connection: Connection, now_us: int) -> int:
        """Alarm gaps that stay, and clear the alarms of epochs that have none any more."""
        gaps, epochs, devices = schema.gaps, schema.epochs, schema.devices
        rows = connection.execute(
            select(gaps, epochs.c.epoch, epochs.c.device_id, devices.c.site, devices.c.device)
            .join(epochs, epochs.c.id == gaps.c.epoch_id)
            .join(devices, devices.c.id == epochs.c.device_id)
            .where(gaps.c.closed_us.is_(None))
            .order_by(gaps.c.id.desc())  # the oldest gap's detail is what stays
        ).all()
        lasting = set()
        for row in rows:
            if now_us - row.opened_us <= self._settings.gap_after_s * 1e6:
                continue
            subject = f"{row.site}/{row.device}/{row.epoch}"
            lasting.add(subject)
            self._raised.append(
                Raised(AlarmKind.GAP, subject, row.device_id, f"{row.from_seq} to {row.to_seq}")
            )
        for kind, subject in sorted(self._open):
            if kind == AlarmKind.GAP.value and subject not in lasting:
                clear_alarm(connection, AlarmKind.GAP, subject=subject, now_us=now_us)
        return len(rows)


def _open_alarms(connection: Connection) -> set[tuple[str, str]]:
    alarms = schema.alarms
    rows = connection.execute(select(alarms.c.kind, alarms.c.subject).where(alarms.c.cleared_us.is_(None)))
    return {(row.kind, row.subject) for row in rows}


def _frontiers(connection: Connection) -> dict[tuple[int, str], int]:
    epochs = schema.epochs
    rows = connection.execute(select(epochs.c.device_id, epochs.c.epoch, epochs.c.frontier_seq))
    return {(row.device_id, row.epoch): row.frontier_seq for row in rows}


def _told_expiry(telemetry: str | None) -> int | None:
    if telemetry is None:
        return None
    told = json.loads(telemetry)["courier"].get("certificate_expires")
    return None if told is None else microseconds(parse_moment(told))


def _used_percent(edge: dict[str, Any]) -> int | None:
    """How much of its disk a kiosk may not write any more, rounded down."""
    free, total = edge.get("disk_free_bytes"), edge.get("disk_total_bytes")
    return None if free is None or not total else max(0, 100 * (total - free) // total)


def _head(telemetry: str | None) -> tuple[str, int] | None:
    if telemetry is None:
        return None
    head = json.loads(telemetry)["edge"]["head"]
    return head["epoch"], head["seq"]
