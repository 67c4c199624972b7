"""How old is too old, by date arithmetic alone."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config.keeping import RetentionConfig
from edge.retention import (
    UNIX_DAY,
    backups_in,
    expired_backups,
    is_unused,
    last_backup_dies,
    limits,
    months_before,
)

NOW = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "months", "before"),
    [
        (date(2026, 3, 31), 1, date(2026, 2, 28)),
        (date(2024, 3, 31), 1, date(2024, 2, 29)),
        (date(2026, 3, 31), 12, date(2025, 3, 31)),
        (date(2026, 1, 15), 1, date(2025, 12, 15)),
        (date(2026, 12, 1), 24, date(2024, 12, 1)),
    ],
)
def test_months_are_the_calendars(day: date, months: int, before: date) -> None:
    assert months_before(day, months) == before


@given(st.dates(min_value=date(1990, 1, 1), max_value=date(2200, 1, 1)), st.integers(1, 120))
def test_going_back_months_never_lands_in_another_month(day: date, months: int) -> None:
    found = months_before(day, months)
    assert (day.year * 12 + day.month) - (found.year * 12 + found.month) == months
    assert found.day <= day.day


def test_a_template_is_unused_only_if_it_neither_came_nor_matched_lately() -> None:
    assert is_unused(since=10, faced=None, before=20)
    assert is_unused(since=10, faced=19, before=20)
    assert not is_unused(since=10, faced=20, before=20)
    assert not is_unused(since=20, faced=None, before=20)
    assert not is_unused(since=20, faced=3, before=20)


def test_zero_means_for_ever_and_the_defaults_do_not() -> None:
    kept = limits(RetentionConfig(templates_unused_months=0, events_days=0, audit_days=0), NOW)
    assert (kept.templates_day, kept.events_day, kept.audit) == (None, None, None)
    usual = limits(RetentionConfig(), NOW)
    assert usual.templates_day == (date(2025, 3, 31) - UNIX_DAY).days
    assert usual.events_day == (date(2025, 12, 31) - UNIX_DAY).days
    assert usual.audit == NOW - timedelta(days=1095)


@pytest.mark.parametrize("field", ["events_days", "audit_days"])
def test_a_month_is_the_least_for_what_rules_and_checks_look_back_on(field: str) -> None:
    with pytest.raises(ValueError, match="at least 31"):
        RetentionConfig.model_validate({field: 30})


def backup(day: str, *, device: str = "door") -> Path:
    return Path(f"/backups/clockface-lab-{device}-{day}T020000Z.age")


def test_only_this_devices_backups_count_by_the_time_in_their_names() -> None:
    names = [
        backup("20260301"),
        backup("20260201"),
        backup("20260101", device="window"),
        Path("/backups/clockface-lab-door-20260101T020000Z.age.old"),
        Path("/backups/clockface-lab-door-yesterday.age"),
        Path("/backups/holiday.age"),
    ]
    found = backups_in(names, site="lab", device="door")
    assert [each.path for each in found] == [backup("20260201"), backup("20260301")]


def test_a_device_whose_name_begins_like_another_keeps_its_own() -> None:
    names = [backup("20260201", device="door-2")]
    assert backups_in(names, site="lab", device="door") == ()


def test_old_backups_go_and_the_newest_stays_however_old() -> None:
    found = backups_in([backup(day) for day in ("20260101", "20260225", "20260330")], site="lab", device="door")
    assert [each.path for each in expired_backups(found, now=NOW, days=30)] == [
        backup("20260101"),
        backup("20260225"),
    ]
    assert expired_backups(found[:1], now=NOW, days=30) == ()


def test_the_last_backup_dies_a_run_after_its_time() -> None:
    assert last_backup_dies(None, now=NOW, days=30) is None
    assert last_backup_dies(NOW - timedelta(days=1), now=NOW, days=30) == date(2026, 4, 30)
    assert last_backup_dies(NOW + timedelta(days=400), now=NOW, days=30) == date(2026, 5, 1)
