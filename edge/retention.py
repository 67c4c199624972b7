"""How old is too old: the limits of `[retention]` as days and moments, and what they say of one thing.

Pure. A device whose clock cannot be trusted must not ask: everything would look older or younger than it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from edge.config.keeping import RetentionConfig

UNIX_DAY = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on things stay; None where they stay for ever.

    Args:
        templates_day: UTC day: a template that was added and last matched before it goes.
        events_day: UTC day of the oldest punch that stays.
        audit: Moment of the oldest audit entry that stays.
        reports: The same of reports that wait for the office.
        alarms: The same of alarms that somebody has cleared.
    """

    templates_day: int | None
    events_day: int | None
    audit: datetime | None
    reports: datetime
    alarms: datetime


def limits(config: RetentionConfig, now: datetime) -> Limits:
    """What the settings mean at a moment (aware)."""
    today = now.astimezone(UTC).date()

    def ago(days: int) -> datetime:
        return now - timedelta(days=days)

    months = config.templates_unused_months
    return Limits(
        templates_day=(months_before(today, months) - UNIX_DAY).days if months else None,
        events_day=(ago(config.events_days).astimezone(UTC).date() - UNIX_DAY).days
        if config.events_days
        else None,
        audit=ago(config.audit_days) if config.audit_days else None,
        reports=ago(config.reports_days),
        alarms=ago(config.alarms_days),
    )


def months_before(day: date, months: int) -> date:
    """The same day of an earlier month, or that month's last."""
    count = day.year * 12 + day.month - 1 - months
    year, month = divmod(count, 12)
    for number in range(day.day, 27, -1):
        try:
            return date(year, month + 1, number)
        except ValueError:
            continue
    return date(year, month + 1, min(day.day, 27))


def is_unused(*, since: int, faced: int | None, before: int) -> bool:
    """Whether a template goes: neither added nor matched on or after a UTC day.

    Args:
        since: The day from which it counts.
        faced: When its chain last recognised its person here, or None.
        before: `Limits.templates_day`.
    """
    return max(since, since if faced is None else faced) < before


@dataclass(frozen=True, slots=True)
class BackupFile:
    """A backup that this device made, by its name."""

    path: Path
    made_at: datetime


def backups_in(names: Iterable[Path], *, site: str, device: str) -> tuple[BackupFile, ...]:
    """The backups of a device among some files, oldest first; a name of another form is nobody's."""
    prefix, found = f"clockface-{site}-{device}-", []
    for path in names:
        if path.name.startswith(prefix) and path.suffix == ".age":
            try:
                made = datetime.strptime(path.name[len(prefix) :], "%Y%m%dT%H%M%SZ.age").replace(tzinfo=UTC)
            except ValueError:
                continue
            found.append(BackupFile(path, made))
    return tuple(sorted(found, key=lambda each: each.made_at))


def expired_backups(backups: Iterable[BackupFile], *, now: datetime, days: int) -> tuple[BackupFile, ...]:
    """Which backups go: those that are older than so many days, and never the newest."""
    ordered = sorted(backups, key=lambda each: each.made_at)
    return tuple(each for each in ordered[:-1] if each.made_at < now - timedelta(days=days))


def last_backup_dies(made_at: datetime | None, *, now: datetime, days: int) -> date | None:
    """The day on which the last backup that may hold somebody who is erased now is removed; None without one.

    Retention runs once a day and keeps the newest backup: the one made at `made_at` goes on the first run after
    its time, if another was made since. A time in the future counts as now.
    """
    if made_at is None:
        return None
    return (min(made_at, now).astimezone(UTC) + timedelta(days=days + 1)).date()
