"""Removes what the office keeps beside attendance when its time is over: refusals, crash reports, old parcels.

Pure SQL within the caller's transaction, a bounded number of rows a table. Events, corrections, closed sheets
and the audit trail are history that triggers keep: how long those stay is the employer's to decide, not ours.
Trust boundary: limits come from the configuration.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select, update

from sync.office.config.office import RetentionSection
from sync.office.database import schema

AT_ONCE: Final = 1000  # rows of a table in one transaction
_DAY_US: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class _Rule:
    """What goes: rows of a table, or only one of their columns."""

    table: Table
    over: ColumnElement[bool]
    emptied: str | None = None


def counted(connection: Connection, config: RetentionSection, *, now_us: int) -> dict[str, int]:
    """How many of each are over."""
    return {
        name: int(
            connection.execute(select(func.count()).select_from(rule.table).where(rule.over)).scalar_one()
        )
        for name, rule in _rules(config, now_us).items()
    }


def prune(connection: Connection, config: RetentionSection, *, now_us: int) -> dict[str, int]:
    """Remove what is over, the first so many of each; returns how many went."""
    gone = {}
    for name, rule in _rules(config, now_us).items():
        some = select(rule.table.c.id).where(rule.over).order_by(rule.table.c.id).limit(AT_ONCE)
        here = rule.table.c.id.in_(some.scalar_subquery())
        statement: Any = delete(rule.table).where(here)
        if rule.emptied is not None:
            statement = update(rule.table).where(here).values(**{rule.emptied: None})
        gone[name] = connection.execute(statement).rowcount
    return gone


def _rules(config: RetentionSection, now_us: int) -> dict[str, _Rule]:
    def before(days: int) -> int:
        return now_us - days * _DAY_US

    quarantine, crashes, parcels, alarms = (
        schema.quarantine,
        schema.crash_reports,
        schema.parcels,
        schema.alarms,
    )
    return {
        "quarantine": _Rule(quarantine, quarantine.c.last_us < before(config.quarantine_days)),
        "crash_reports": _Rule(crashes, crashes.c.received_us < before(config.crash_reports_days)),
        # The row stays, so that a parcel that comes once more is known; what it carried goes.
        "parcels": _Rule(
            parcels,
            (parcels.c.handled_us < before(config.parcels_days)) & parcels.c.envelope.is_not(None),
            emptied="envelope",
        ),
        "alarms": _Rule(alarms, alarms.c.cleared_us < before(config.alarms_days)),
    }
