"""enroll, people, status, watch and ledger through the real command, client, server, models and ledger."""

import json
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.api.protocol.courier import LinkTold
from edge.types.announcements import Announcement, Notice
from edge.types.faces import Coaching
from edge.types.identity import PersonId, TrackId
from edge.types.verdicts import Outcome, Scene, Verdict
from tests.edge.cli.served import Clockface, served
from tests.edge.daemon.central import Central
from tests.edge.daemon.conftest import faces, kiosk, models  # noqa: F401 - fixtures
from tests.edge.daemon.kiosk import ASTRONAUT, TestKiosk, tilted

CONSENT = ("--consent-how", "paper", "--consent-text-version", "1", "--consent-language", "en")
ADA = ("--name", "Ada Lovelace", "--number", "1815", "--greeting", "Ada", *CONSENT)


@pytest.fixture
def clockface(
    kiosk: TestKiosk,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Clockface]:
    with tempfile.TemporaryDirectory(prefix="cf-") as run, served(kiosk.service, Path(run)) as stage:
        config = tmp_path / "clockface.toml"
        config.write_text(f'[paths]\nrun = "{run}"\n')
        yield Clockface(config, monkeypatch, capsys, stage)


def _json(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_person_is_enrolled_listed_shown_disabled_enabled_and_removed(clockface: Clockface) -> None:
    code, out, err = clockface("enroll", *ADA, "--photo", str(ASTRONAUT))
    assert (code, err) == (0, "")
    assert "Enrolled Ada Lovelace (1815) with 1 template" in out
    _, out, _ = clockface("people", "list", "--json")
    (person,) = _json(out)
    assert (person["number"], person["enabled"], person["consented"]) == ("1815", True, True)
    _, out, _ = clockface("people", "show", "1815")
    assert "text 1 (en), paper" in out
    _, out, _ = clockface("people", "disable", str(person["person_id"]), "--json")
    assert json.loads(out)["enabled"] is False
    code, out, _ = clockface("people", "enable", "1815")
    assert (code, "enabled" in out) == (0, True)
    code, out, _ = clockface("people", "withdraw", "1815")
    assert (code, out.splitlines()[0]) == (0, "Consent withdrawn, 1 template erased.")
    code, out, _ = clockface("people", "remove", "1815", "--yes", "--json")
    assert json.loads(out)["person_id"] == person["person_id"]
    code, _, err = clockface("people", "show", "1815")
    assert code == 74
    assert err.startswith("error: nobody has this employee number. Next: clockface people list")


def test_removing_asks_first(clockface: Clockface, kiosk: TestKiosk, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    clockface("people", "add", "--name", "Ada", "--number", "1")
    code, _, err = clockface("people", "remove", "1")
    assert code == 2
    assert "--yes" in err
    assert kiosk.store.people.count() == 1


def test_json_of_an_enrolment_has_the_documented_keys(clockface: Clockface) -> None:
    _, out, _ = clockface("enroll", *ADA, "--photo", str(ASTRONAUT), "--json")
    done = json.loads(out)
    assert set(done) == {
        "person",
        "created",
        "templates_added",
        "templates_dropped",
        "look_alike",
        "warnings",
    }
    assert done["created"] is True


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--name", "A", "--number", "1", "--photo", str(ASTRONAUT)), 71, "--consent-how"),
        ((*ADA, "--photo", "/nowhere/a.jpg"), 72, "not there"),
        ((*ADA, "--photo", __file__), 72, "not a JPEG"),
        ((*ADA,), 2, "--photo FILE"),
        (("--photo", str(ASTRONAUT)), 2, "--name and --number"),
        ((*ADA, "--person", "7", "--photo", str(ASTRONAUT)), 2, "--person"),
        (("--name", "A\nB", "--number", "1", "--photo", str(ASTRONAUT)), 2, "name"),
        (("--person", "7", "--photo", str(ASTRONAUT)), 74, "nobody has"),
        ((*ADA[:6], "--consent-how", "paper", "--photo", str(ASTRONAUT)), 2, "all of"),
        ((*ADA, "--consent-date", "soon", "--photo", str(ASTRONAUT)), 2, "not a date"),
        ((*ADA, "--consent-date", "2031-01-01", "--photo", str(ASTRONAUT)), 70, "future"),
        ((*ADA, "--csv", "staff.csv"), 2, "from the list"),
    ],
)
def test_what_cannot_be_enrolled_ends_with_its_own_code_and_no_traceback(
    clockface: Clockface,
    kiosk: TestKiosk,  # noqa: F811
    arguments: tuple[str, ...],
    code: int,
    says: str,
) -> None:
    ended, _, err = clockface("enroll", *arguments)
    assert (ended, says in err.replace("\n│ ", " ")) == (code, True), err
    assert "Traceback" not in err
    assert kiosk.store.people.count() == 0


def test_a_look_alike_has_its_own_code_and_the_way_on(clockface: Clockface) -> None:
    clockface("enroll", *ADA, "--photo", str(ASTRONAUT))
    twin = ("--name", "Twin", "--number", "2", *CONSENT, "--photo", str(ASTRONAUT))
    code, _, err = clockface("enroll", *twin)
    assert code == 73
    assert "--accept-look-alike" in err
    code, _, err = clockface("enroll", *twin, "--accept-look-alike")
    assert code == 0
    assert "looks like person" in err


def test_one_bad_picture_of_two_is_told_and_the_person_is_enrolled(clockface: Clockface) -> None:
    code, out, err = clockface("enroll", *ADA, "--photo", __file__, "--photo", str(ASTRONAUT))
    assert code == 72
    assert "Enrolled Ada" in out
    assert "1 of 2 pictures were refused, 1 stored" in err


def test_the_camera_guides_and_enrols(clockface: Clockface, kiosk: TestKiosk) -> None:  # noqa: F811
    kiosk.tap.images = [tilted(0), tilted(0), tilted(8)]
    code, out, _ = clockface("enroll", *ADA, "--camera", "--frames", "2")
    assert code == 0
    assert "1 of 2 taken: good; now turn or tilt the head a little" in out
    assert "with 2 templates" in out
    kiosk.tap.images = [tilted(0)]
    code, out, _ = clockface("enroll", "--person", "1815", "--camera", "--frames", "1", "--json")
    assert [line["kind"] for line in _json(out)] == ["progress", "enrolled"]


def _staff(folder: Path, faces: Path, *rows: str) -> tuple[str, ...]:  # noqa: F811
    photos = folder / "photos"
    photos.mkdir()
    shutil.copy(ASTRONAUT, photos / "1.jpg")
    shutil.copy(next((faces / "Abel_Pacheco").glob("*.jpg")), photos / "2.jpg")
    (photos / "3.jpg").write_bytes(b"no picture")
    shutil.copy(ASTRONAUT, photos / "4.jpg")
    staff = folder / "staff.csv"
    staff.write_text("number,name\n1,Ada Lovelace\n2,Bob\n3,Cem\n4,Double\n5,Eve\n,Nobody\n" + "".join(rows))
    return ("enroll", "--csv", str(staff), "--photos", str(photos), "--face", "largest", *CONSENT)


def test_a_whole_staff_is_enrolled_what_is_refused_is_reported_and_a_rerun_goes_on(
    clockface: Clockface,
    kiosk: TestKiosk,  # noqa: F811
    faces: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    command, report = _staff(tmp_path, faces), tmp_path / "report.json"
    code, out, err = clockface(*command, "--report", str(report))
    assert code == 70
    assert "4 of 6 rows were refused" in err
    assert "2 enrolled, 4 refused" in out
    written = json.loads(report.read_text())
    outcomes = {row["line"]: (row["outcome"], " ".join(row["problems"])) for row in written["rows"]}
    assert outcomes[2] == ("enrolled", "")
    assert "not a JPEG" in outcomes[4][1]
    assert "enrolled under another person" in outcomes[5][1]
    assert "no photograph" in outcomes[6][1]
    assert "number" in outcomes[7][1]
    assert report.stat().st_mode & 0o077 == 0
    code, out, _ = clockface(*command, "--json")
    assert _json(out)[-1] == {"counts": {"enrolled": 0, "partly": 0, "already": 2, "refused": 4, "ready": 0}}
    assert kiosk.store.people.count() == 2


def test_a_dry_run_says_what_would_be_sent_and_sends_nothing(
    clockface: Clockface,
    kiosk: TestKiosk,  # noqa: F811
    faces: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    _, out, _ = clockface(*_staff(tmp_path, faces), "--dry-run", "--json")
    assert [row.get("outcome") for row in _json(out)[:-1]] == ["ready"] * 4 + ["refused"] * 2
    assert kiosk.store.people.count() == 0


def test_a_number_that_belongs_to_another_name_is_refused(
    clockface: Clockface,
    faces: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    clockface("people", "add", "--name", "Somebody Else", "--number", "1")
    _, out, _ = clockface(*_staff(tmp_path, faces), "--json")
    assert "another name" in str(_json(out)[0]["problems"])


def test_a_list_without_consents_enrols_nobody(
    clockface: Clockface,
    kiosk: TestKiosk,  # noqa: F811
    faces: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    command = _staff(tmp_path, faces)
    code, out, _ = clockface(*command[: -len(CONSENT)])
    assert code == 70
    assert "no consent" in out
    assert kiosk.store.people.count() == 0


def test_status_is_readable_and_complete_as_json(clockface: Clockface) -> None:
    clockface("enroll", *ADA, "--photo", str(ASTRONAUT))
    code, out, _ = clockface("status")
    assert code == 0
    assert "1 people, 1 templates" in out
    assert "off: a photograph can clock in" in out
    assert "\x1b" not in out
    _, out, _ = clockface("status", "--json")
    assert json.loads(out)["ledger"]["people"] == 1


def test_status_says_how_the_way_to_the_office_is_and_that_a_kiosk_is_retired(
    clockface: Clockface,
    kiosk: TestKiosk,  # noqa: F811
) -> None:
    assert "broker" not in clockface("status")[1]
    Central().install(kiosk.store, kiosk.clock)
    _, out, _ = clockface("status")
    assert "the courier has said nothing" in " ".join(out.split())
    since = kiosk.clock.now().wall
    for told, line in (
        (LinkTold(connected=True, broker=2, since=since), "connected to address 2 since"),
        (LinkTold(connected=False, since=since, reason="name_unknown"), "not connected since"),
    ):
        kiosk.service.note_link(told)
        _, out, _ = clockface("status")
        shown = " ".join(out.split())
        assert line in shown
        assert "nothing acknowledged since the daemon's start; 1 wait" in shown
    assert "name unknown" in shown
    kiosk.clock.advance(100)
    assert "has said nothing for 1 min 40 s" in " ".join(clockface("status")[1].split())
    assert "retired" not in clockface("status")[1]
    kiosk.store.events.retire("retired", actor="test")
    assert "retired: it records nobody any more" in " ".join(clockface("status")[1].split())
    assert json.loads(clockface("status", "--json")[1])["retired"] is True


def test_the_ledger_is_verified_and_its_audit_trail_printed(clockface: Clockface, kiosk: TestKiosk) -> None:  # noqa: F811
    clockface("enroll", *ADA, "--photo", str(ASTRONAUT))
    code, out, _ = clockface("ledger", "verify")
    assert code == 0
    assert "1 events in 1 epochs" in out
    _, out, _ = clockface("audit", "list", "--json")
    assert [entry["action"] for entry in _json(out)][-1] == "template.added"
    _, out, _ = clockface("audit", "list")
    assert "Ada" not in out
    with kiosk.store.database.write() as connection:
        connection.execute("UPDATE templates SET vector = zeroblob(300)")
    code, out, err = clockface("ledger", "verify", "--json")
    assert code == 42
    assert json.loads(out)["problems"]
    assert "does not hold" in err


def test_watch_shows_verdicts_with_names_and_json_lines(clockface: Clockface, kiosk: TestKiosk) -> None:  # noqa: F811
    _, out, _ = clockface("enroll", *ADA, "--photo", str(ASTRONAUT), "--json")
    person = PersonId(json.loads(out)["person"]["person_id"])
    for as_json in (False, True):
        player = threading.Thread(target=_play, args=(clockface, person))
        player.start()
        code, out, _ = clockface("watch", *(["--json"] if as_json else []))
        player.join(10)
        assert code == 0
        if as_json:
            assert {line["kind"] for line in _json(out)} >= {"verdict", "announcement"}
        else:
            assert "recognised Ada Lovelace score 0.700, margin 0.300, 3 of 3 frames" in out
            assert "out of service (camera_lost)" in out


def _play(clockface: Clockface, person: PersonId) -> None:
    """Show a walk-up to whoever has begun to watch, then end the stream as a stopping daemon does."""
    verdict = Verdict(
        Outcome.RECOGNISED,
        decided_s=2.0,
        track_id=TrackId(1),
        person_id=person,
        score=0.7,
        margin=0.3,
        frames_matched=3,
        frames_agreed=3,
    )
    waited = threading.Event()
    for _ in range(2000):
        if clockface.stage.listeners:
            break
        waited.wait(0.005)
    clockface.stage.show(Scene(1.0, 1, None, Coaching.COME_CLOSER, (verdict,)))
    clockface.stage.announce(Announcement(Notice.OUT_OF_SERVICE, detail="camera_lost"))
    clockface.stage.dismiss()


def test_without_a_daemon_every_command_names_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "clockface.toml"
    config.write_text(f'[paths]\nrun = "{tmp_path}"\n')
    command = Clockface(config, monkeypatch, capsys, None)  # type: ignore[arg-type]
    for arguments in (
        ("status",),
        ("watch",),
        ("people", "list"),
        ("ledger", "verify"),
        ("enroll", *ADA, "--photo", str(ASTRONAUT)),
    ):
        code, out, err = command(*arguments)
        assert (code, out) == (61, "")
        assert "systemctl start clockface-edge" in err


def test_the_audit_trail_is_verified_and_held_against_a_head_that_was_noted(
    clockface: Clockface,
    kiosk: TestKiosk,  # noqa: F811
) -> None:
    _, out, _ = clockface("audit", "verify", "--json")
    noted = json.loads(out)["head"]
    clockface("enroll", *ADA, "--photo", str(ASTRONAUT))
    code, out, _ = clockface("audit", "verify", "--head", noted)
    assert code == 0
    assert "the office was told nothing" in out
    seq, _, digest = noted.partition(":")
    code, _, err = clockface("audit", "verify", "--head", f"{seq}:{'ab' * 32}")
    assert (code, "whose head was noted" in err) == (42, True)
    assert clockface("audit", "verify", "--head", digest)[0] == 2
    with kiosk.store.database.write() as connection:
        connection.execute("DELETE FROM audit WHERE seq = 2")
    assert clockface("audit", "verify")[0] == 42
