"""Doctor says how old the last backup is."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.doctor.backup import FILE, OLDEST, check_backup
from edge.doctor.findings import Health

NOW = datetime(2026, 3, 20, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "well"), [(timedelta(hours=1), True), (OLDEST, True), (OLDEST + timedelta(days=1), False)]
)
def test_an_old_backup_is_a_warning_with_the_command(tmp_path: Path, age: timedelta, well: bool) -> None:  # noqa: FBT001
    (tmp_path / FILE).write_text((NOW - age).isoformat())
    found = check_backup(tmp_path, now=NOW)
    assert (found.health is Health.OK) is well
    assert well or "clockface backup create" in found.advice


@pytest.mark.parametrize("text", [None, "yesterday", "2026-03-20T08:00:00", "2027-01-01T00:00:00+00:00"])
def test_none_or_one_that_cannot_be_is_a_warning(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / FILE).write_text(text)
    assert check_backup(tmp_path, now=NOW).health is Health.WARN
