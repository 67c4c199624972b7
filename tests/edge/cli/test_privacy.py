"""`clockface privacy` through the real command, client, server, models and ledger."""

import json
import stat
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.api.protocol.privacy import PersonEvent, PersonEventQuery
from edge.types.clock import ClockTrust
from edge.types.identity import PersonId
from tests.edge.cli.served import Clockface, served
from tests.edge.daemon.conftest import kiosk, models  # noqa: F401 - fixtures
from tests.edge.daemon.kiosk import ASTRONAUT, TestKiosk
from tests.edge.daemon.test_retention import MONTH_S, desk_of
from tests.edge.store.given import punch

CONSENT = ("--consent-how", "paper", "--consent-text-version", "1", "--consent-language", "en")
ADA = ("--name", "Ada Lovelace", "--number", "1815", "--greeting", "Ada", *CONSENT)


@pytest.fixture
def clockface(
    kiosk: TestKiosk,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Clockface]:
    desk = desk_of(kiosk)
    with tempfile.TemporaryDirectory(prefix="cf-") as run, served(kiosk.service, Path(run), desk) as stage:
        (tmp_path / "backups").mkdir()
        config = tmp_path / "clockface.toml"
        config.write_text(
            f'[paths]\nrun = "{run}"\nstate = "{tmp_path}"\n[backup]\nfolder = "{tmp_path / "backups"}"\n'
        )
        yield Clockface(config, monkeypatch, capsys, stage)
    desk.close()


def backup(folder: Path, *, days_old: int) -> Path:
    made = datetime.now(UTC) - timedelta(days=days_old)
    path = folder / "backups" / f"clockface-site-kiosk-{made:%Y%m%dT%H%M%SZ}.age"
    path.write_bytes(b"sealed")
    return path


def test_retention_counts_first_and_then_removes(
    clockface: Clockface,
    kiosk: TestKiosk,  # noqa: F811
    tmp_path: Path,
) -> None:
    clockface("enroll", *ADA, "--photo", str(ASTRONAUT))
    old, new = backup(tmp_path, days_old=40), backup(tmp_path, days_old=35)
    kiosk.clock.advance(7 * MONTH_S)
    code, out, err = clockface("privacy", "retention", "--dry-run", "--json")
    assert (code, err) == (0, "")
    counted = json.loads(out)
    assert (counted["dry_run"], counted["templates"], counted["backups"]) == (True, 1, 1)
    assert (kiosk.gallery_people, old.exists()) == (1, True)
    code, out, err = clockface("privacy", "retention")
    assert (code, err) == (0, "")
    assert "1, leaving 1 people with badge or PIN" in out
    assert (kiosk.gallery_people, old.exists(), new.exists()) == (0, False, True)
    assert "backups=1" in list(kiosk.store.audit.list())[-1].detail


def test_no_backup_goes_by_a_clock_that_nobody_vouches_for(
    clockface: Clockface,
    kiosk: TestKiosk,  # noqa: F811
    tmp_path: Path,
) -> None:
    old, _ = backup(tmp_path, days_old=90), backup(tmp_path, days_old=1)
    kiosk.clock.trust(ClockTrust.UNSYNCHRONISED)
    code, _, err = clockface("privacy", "retention")
    assert (code, "clock cannot be trusted" in err) == (60, True)
    assert old.exists()


def test_without_the_daemon_no_backup_goes_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "backups").mkdir()
    old, _ = backup(tmp_path, days_old=90), backup(tmp_path, days_old=1)
    config = tmp_path / "clockface.toml"
    config.write_text(f'[paths]\nrun = "{tmp_path}"\n[backup]\nfolder = "{tmp_path / "backups"}"\n')
    code, _, err = Clockface(config, monkeypatch, capsys, None)("privacy", "retention")  # type: ignore[arg-type]
    assert code == 61, err
    assert old.exists()


def at_work(clockface: Clockface, kiosk: TestKiosk) -> str:  # noqa: F811
    """Ada, enrolled by face, with a record, a correction that she asked for, and one that was not her."""
    name = '<script>alert("Ada")</script>'
    clockface("enroll", "--name", name, *ADA[2:], "--photo", str(ASTRONAUT))
    _, out, _ = clockface("people", "show", "1815", "--json")
    person_id = PersonId(json.loads(out)["person_id"])
    first = kiosk.store.events.record(punch(person_id, kiosk.clock.advance(60)))
    kiosk.store.events.request_correction(first, direction="out", moment=kiosk.clock.now().wall)
    disowned = kiosk.store.events.record(punch(person_id, kiosk.clock.advance(60)))
    kiosk.store.events.void(disowned)
    clockface("people", "add", "--name", "Bob Somebody-Else", "--number", "2")
    until = kiosk.clock.now().wall + timedelta(days=1)
    kiosk.store.noticeboard.put("5" * 32, "Your badge is ready", person_id=person_id, until=until)
    return person_id


def test_a_person_gets_everything_that_is_held_on_them_and_nothing_of_others(
    clockface: Clockface,
    kiosk: TestKiosk,  # noqa: F811
    tmp_path: Path,
) -> None:
    person_id = at_work(clockface, kiosk)
    code, _, err = clockface("privacy", "export", "1815", "--to", str(tmp_path))
    assert (code, err) == (0, "")
    files = [tmp_path / f"person-{person_id}{suffix}" for suffix in (".json", ".html")]
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    text, page = (file.read_text() for file in files)
    assert "Bob Somebody-Else" not in text + page
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    told = json.loads(text)
    assert told["person"]["number"] == "1815"
    assert [each["how"] for each in told["consents"]] == ["paper"]
    (template,) = told["templates"]
    assert "vector" not in template
    assert template["since"] == "2026-03-02"
    assert [each["state"] for each in told["attendance"]] == ["counts", "voided"]
    assert [each["type"] for each in told["other_events"]] == [
        "clockface.correction.requested.v1",
        "clockface.attendance.voided.v1",
    ]
    actions = {each["action"] for each in told["audit"]}
    expected = {"person.added", "consent.recorded", "template.added", "event.voided", "person.exported"}
    assert expected <= actions
    assert told["without_a_face"]["way"] == "badge_pin"
    assert told["recipients"]["office"] is None
    assert told["messages"] == ["Your badge is ready"]
    code, _, err = clockface("privacy", "export", "1815", "--to", str(tmp_path))
    assert (code, "--force" in err) == (2, True)
    clockface("privacy", "export", "1815", "--to", str(tmp_path), "--vectors", "--force")
    (template,) = json.loads(files[0].read_text())["templates"]
    assert len(template["vector"]) > 100
    assert list(kiosk.store.audit.list())[-1].detail == "with_vectors"


def test_erasing_says_what_stays_and_until_when_and_is_one_way_with_people_remove(
    clockface: Clockface,
    kiosk: TestKiosk,  # noqa: F811
) -> None:
    person_id = at_work(clockface, kiosk)
    (kiosk.store.database.path.parent / "last_backup").write_text("2026-02-20T02:00:00+00:00\n")
    (kiosk.store.database.path.parent / "ledger.db.replaced.1").touch()
    code, _, err = clockface("privacy", "erase", "1815")
    assert (code, "--yes" in err) == (2, True)
    code, out, err = clockface("privacy", "erase", "1815", "--yes")
    assert code == 0
    assert out.splitlines() == [
        "Removed, 1 template erased.",
        f"Attendance records stay, without a name, under {person_id}.",
        "The last backup that may hold them is removed by 2026-03-23.",
    ]
    assert "1 ledgers that a restore put aside" in err
    assert kiosk.gallery_people == 0
    states = [each.state for each in EdgeEvents(kiosk)(person_id)]
    assert states == ["counts", "counts", "voided", "counts", "counts"]
    (told,) = [each for each in EdgeEvents(kiosk)(person_id) if "person.changed" in each.event]
    assert json.loads(told.event)["data"]["backups_until"] == "2026-03-23"
    code, out, _ = clockface("people", "remove", "2", "--yes", "--json")
    assert json.loads(out)["backups_until"] == "2026-03-23"


class EdgeEvents:
    """What the daemon still says of somebody who was removed."""

    def __init__(self, kiosk: TestKiosk) -> None:  # noqa: F811
        self._desk = desk_of(kiosk)

    def __call__(self, person_id: str) -> tuple[PersonEvent, ...]:
        return self._desk.events_of(person_id, PersonEventQuery()).events


def test_the_record_of_processing_says_what_is_so_and_leaves_the_rest_to_the_employer(
    clockface: Clockface,
    kiosk: TestKiosk,  # noqa: F811
) -> None:
    person_id = at_work(clockface, kiosk)
    code, out, err = clockface("privacy", "report", "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert (told["people"]["known"], told["people"]["with_face"], told["people"]["without_face"]) == (2, 1, 1)
    assert told["kept"]["backups"] == "30 days"
    assert any("liveness.policy is " in each for each in told["risks"])
    code, out, _ = clockface("privacy", "report")
    assert "TO BE COMPLETED BY THE EMPLOYER" in out
    assert "2 people are known here: 1 with face templates, 1 without" in out
    assert "can be reconstructed from a template" in out
    for word in (person_id, "Ada", "Bob", "1815"):
        assert word not in out
