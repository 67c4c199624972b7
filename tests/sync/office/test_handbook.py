"""docs/office.md names every alarm and every command of people at the office."""

from pathlib import Path

import pytest

from sync.office.alarms import AlarmKind
from sync.office.attendance import Flag

PAGE = (Path(__file__).parents[3] / "docs" / "office.md").read_text(encoding="utf-8")
COMMANDS = (
    "database", "operator", "site", "devices", "events", "verify", "report", "export", "correction", "period",
    "alarms", "gaps", "audit", "keys",
)  # fmt: skip


@pytest.mark.parametrize("code", [*AlarmKind, *Flag])
def test_every_alarm_and_every_mark_is_explained(code: str) -> None:
    assert f"`{code}`" in PAGE


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_shown(name: str) -> None:
    assert f"`{name} " in PAGE or f"`{name}`" in PAGE or f"`clockface-office {name} " in PAGE
