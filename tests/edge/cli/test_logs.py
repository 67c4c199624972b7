"""What the services wrote, in words; nothing of a line reaches the terminal's controls."""

import json
import os
import stat
from pathlib import Path

import pytest

from edge.cli.logs import command, readable
from edge.doctor.units import units
from tests.edge.cli.test_doctor import clockface

OURS = json.dumps(
    {"timestamp": "2026-03-02T09:00:00Z", "level": "warning", "event": "camera_state", "logger": "edge.x",
     "state": "lost"}
)  # fmt: skip


def entry(message: object, *, unit: str = "clockface-edge.service", priority: str = "6") -> str:
    return json.dumps(
        {"__REALTIME_TIMESTAMP": "1772442000000000", "_SYSTEMD_UNIT": unit, "PRIORITY": priority,
         "MESSAGE": message}
    )  # fmt: skip


def test_our_lines_come_out_as_words_and_others_as_they_are() -> None:
    told = readable(entry(OURS))
    assert told is not None
    assert told.split(maxsplit=2)[2] == "edge      warning  camera state state=lost"
    other = readable(entry("Main process exited", priority="3"))
    assert other is not None
    assert other.endswith("error    Main process exited")


@pytest.mark.parametrize("line", ["", "no json", "[]", '{"MESSAGE": "x"}', '{"__REALTIME_TIMESTAMP": "9e99"}'])
def test_what_is_no_entry_of_a_journal_is_passed_over(line: str) -> None:
    assert readable(line) is None


def test_no_line_reaches_the_controls_of_a_terminal() -> None:
    told = readable(entry("\x1b[2Jgone\r\nsecond\u202eline"))
    assert told is not None
    assert told.isprintable()
    assert readable(entry([27, 91])) is not None  # the journal gives bytes that are not text as numbers


def test_problems_are_warnings_and_errors() -> None:
    assert readable(entry("all well"), problems=True) is None
    assert readable(entry(OURS), problems=True) is not None


def test_a_moment_is_one_argument_whatever_stands_in_it() -> None:
    asked = command(("edge", "sync"), since="today; --vacuum-size=1", follow=True, lines=5)
    assert "--since=today; --vacuum-size=1" in asked
    assert asked[-2:] == ["--unit=clockface-edge.service", "--unit=clockface-sync.service"]


@pytest.fixture
def journalctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in place of the journal's own, first in the path."""
    path = tmp_path / "bin" / "journalctl"
    path.parent.mkdir()
    monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")
    return path


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_the_command_shows_what_the_journal_gives(
    journalctl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lines").write_text(entry(OURS) + "\n")
    script(journalctl, f"cat {tmp_path}/lines")
    assert clockface(monkeypatch, "logs", "--unit", "edge", "--problems") == 0
    assert "camera state state=lost" in capsys.readouterr().out


def test_without_a_journal_or_lines_it_says_what_to_do(
    journalctl: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script(journalctl, "exit 0")
    assert clockface(monkeypatch, "logs") == 0
    assert "Next: " in capsys.readouterr().err
    script(journalctl, "echo 'Failed to parse timestamp: soon' >&2; exit 1")
    assert clockface(monkeypatch, "logs", "--since", "soon") == 99
    assert "Failed to parse timestamp: soon" in capsys.readouterr().err
    assert clockface(monkeypatch, "logs", "--unit", "cups") == 2
    journalctl.unlink()
    monkeypatch.setenv("PATH", str(journalctl.parent))
    assert clockface(monkeypatch, "logs") == 99
    assert "there is no journal here" in capsys.readouterr().err


SHOWN = """\
Id=clockface-edge.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled
NRestarts=2
ExecMainStatus=0

Id=clockface-sync.service
LoadState=loaded
ActiveState=failed
UnitFileState=enabled
NRestarts=0
ExecMainStatus=101

Id=clockface-kiosk.service
LoadState=not-found
ActiveState=inactive
UnitFileState=

Id=clockface-capture.service
LoadState=loaded
ActiveState=inactive
UnitFileState=disabled
"""


def test_units_are_told_in_words_and_those_that_nobody_wants_are_not(tmp_path: Path) -> None:
    assert units(tmp_path, lambda _: SHOWN) == ()  # systemd does not run here
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    found = units(tmp_path, lambda _: SHOWN)
    assert [(unit.name, unit.told, unit.well) for unit in found] == [
        ("edge", "runs, started anew 2 times", True),
        ("sync", "has failed (exit code 101): clockface logs --unit sync", False),
    ]
    assert units(tmp_path, lambda _: None) == ()
