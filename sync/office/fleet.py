"""How each device is, as far as the office can know: what it told, when, and what that is still worth.

"Online" says that a courier is connected and nothing more; what is old is marked as old and never counts as
fresh. Pure but for reading. Trust boundary: telemetry's edge part was signed by the device, the courier's part
and the state are as true as the broker.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, func, select

from sync.office.database import schema

US_PER_S = 1_000_000
US_PER_DAY = 86_400 * US_PER_S


class Presence(StrEnum):
    """Whether a device is there."""

    ONLINE = "online"
    OFFLINE = "offline"  # its courier said goodbye, or the broker buried it
    SILENT = "silent"  # nothing was heard for too long, whatever it said before
    NEVER = "never"  # not once since it was registered


@dataclass(frozen=True, slots=True)
class DeviceView:
    """One device. Ages in seconds; None is "not known", never zero.

    Args:
        stale: Whether what telemetry said is older than a device may be silent.
        pending: Events that the device says it holds unconfirmed, `telemetry_age_s` ago.
        oldest_pending_s: Age of the oldest of them, counted to now.
        behind: Events of its newest epoch that it had signed and that are not here.
        frontier: What is committed here of its newest epoch.
        certificate_days: Whole days until its certificate ends; negative once it has.
        roster_behind: Versions of its site's roster that it has not applied.
        alarms: Kinds of its open alarms.
        detail: What else the last telemetry said: fault, clock, camera, service, temperature.
    """

    site: str
    device: str
    label: str | None
    state: str
    presence: Presence
    last_seen_s: int | None
    telemetry_age_s: int | None
    stale: bool
    pending: int | None
    oldest_pending_s: int | None
    behind: int | None
    frontier: str | None
    software: str | None
    certificate_days: int | None
    roster_behind: int
    gaps: int
    alarms: tuple[str, ...]
    detail: Mapping[str, Any]


def devices(
    connection: Connection,
    *,
    now_us: int,
    silent_after_s: float,
    site: str | None = None,
    everything: bool = False,
) -> list[DeviceView]:
    """Every active device, or with `everything` also those that are retired or revoked."""
    table, health, sites = schema.devices, schema.device_health, schema.sites
    statement = (
        select(table, health, sites.c.roster_version.label("site_roster"))
        .select_from(
            table.join(sites, sites.c.site == table.c.site).outerjoin(health, health.c.device_id == table.c.id)
        )
        .order_by(table.c.site, table.c.device)
    )
    if site is not None:
        statement = statement.where(table.c.site == site)
    if not everything:
        statement = statement.where(table.c.state == "active")
    frontiers, alarms, gaps = _frontiers(connection), _alarms(connection), _gaps(connection)
    silent_us = int(silent_after_s * US_PER_S)
    return [
        _view(
            row,
            frontiers=frontiers.get(row.id, {}),
            alarms=alarms.get(row.id, ()),
            gaps=gaps.get(row.id, 0),
            now_us=now_us,
            silent_us=silent_us,
        )
        for row in connection.execute(statement)
    ]


def _view(
    row: Row[Any],
    *,
    frontiers: Mapping[str, int],
    alarms: tuple[str, ...],
    gaps: int,
    now_us: int,
    silent_us: int,
) -> DeviceView:
    told = _told(row.telemetry)
    edge, courier = told.get("edge", {}), told.get("courier", {})
    epoch, head = _head(edge)
    newest = epoch or next(iter(frontiers), None)
    behind = None if epoch is None or head is None else max(0, head - frontiers.get(epoch, 0))
    return DeviceView(
        site=row.site,
        device=row.device,
        label=row.label,
        state=row.state,
        presence=_presence(row, now_us, silent_us),
        last_seen_s=_age_s(row.last_seen_us, now_us),
        telemetry_age_s=_age_s(row.telemetry_us, now_us),
        stale=row.telemetry_us is None or now_us - row.telemetry_us > silent_us,
        pending=row.pending,
        oldest_pending_s=_age_s(row.oldest_pending_us, now_us),
        behind=behind,
        frontier=None if newest is None else f"{newest}/{frontiers.get(newest, 0)}",
        software=row.software,
        certificate_days=_certificate_days(row, courier, now_us),
        roster_behind=max(0, row.site_roster - (row.roster_version or 0)),
        gaps=gaps,
        alarms=alarms,
        detail=_detail(edge),
    )


def _presence(row: Row[Any], now_us: int, silent_us: int) -> Presence:
    if row.last_seen_us is None:
        return Presence.NEVER
    if now_us - row.last_seen_us > silent_us:
        return Presence.SILENT
    return Presence.ONLINE if row.online else Presence.OFFLINE


def _age_s(moment_us: int | None, now_us: int) -> int | None:
    return None if moment_us is None else max(0, (now_us - moment_us) // US_PER_S)


def _told(telemetry: str | None) -> dict[str, dict[str, Any]]:
    document = json.loads(telemetry) if telemetry else {}
    return {name: part for name, part in document.items() if isinstance(part, dict)}


def _head(edge: Mapping[str, Any]) -> tuple[str | None, int | None]:
    head = edge.get("head")
    return (head["epoch"], head["seq"]) if isinstance(head, dict) else (None, None)


def _certificate_days(row: Row[Any], courier: Mapping[str, Any], now_us: int) -> int | None:
    """From what the office issued; else as the courier counted, less the days since then."""
    if row.certificate_not_after_us is not None:
        return int((row.certificate_not_after_us - now_us) // US_PER_DAY)
    days = courier.get("certificate_days")
    if not isinstance(days, int) or row.telemetry_us is None:
        return None
    return int(days - (now_us - row.telemetry_us) // US_PER_DAY)


def _detail(edge: Mapping[str, Any]) -> dict[str, Any]:
    clock = edge.get("clock")
    shown = {name: edge.get(name) for name in ("fault", "camera", "service", "temperature_mc", "throttled")}
    shown["clock"] = clock.get("trust") if isinstance(clock, dict) else None
    return {name: value for name, value in shown.items() if value is not None}


def _frontiers(connection: Connection) -> dict[int, dict[str, int]]:
    """Each device's frontiers, the newest epoch first."""
    epochs = schema.epochs
    found: dict[int, dict[str, int]] = {}
    rows = connection.execute(
        select(epochs.c.device_id, epochs.c.epoch, epochs.c.frontier_seq).order_by(
            epochs.c.ordinal.desc(), epochs.c.id.desc()
        )
    )
    for row in rows:
        found.setdefault(row.device_id, {})[row.epoch] = row.frontier_seq
    return found


def _alarms(connection: Connection) -> dict[int, tuple[str, ...]]:
    alarms = schema.alarms
    rows = connection.execute(
        select(alarms.c.device_id, alarms.c.kind)
        .where(alarms.c.cleared_us.is_(None), alarms.c.device_id.is_not(None))
        .distinct()
        .order_by(alarms.c.kind)
    )
    found: dict[int, tuple[str, ...]] = {}
    for row in rows:
        found[row.device_id] = (*found.get(row.device_id, ()), row.kind)
    return found


def _gaps(connection: Connection) -> dict[int, int]:
    gaps, epochs = schema.gaps, schema.epochs
    rows = connection.execute(
        select(epochs.c.device_id, func.count().label("open"))
        .join(epochs, epochs.c.id == gaps.c.epoch_id)
        .where(gaps.c.closed_us.is_(None))
        .group_by(epochs.c.device_id)
    )
    return {row.device_id: row.open for row in rows}
