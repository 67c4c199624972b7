"""The real daemon as a process: people walk up, are recorded, and nothing else gets out."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.api.protocol.courier import EnvelopeBatch, EnvelopeQuery
from edge.api.protocol.intents import IntentChosen
from edge.api.protocol.ledger import LedgerVerified
from edge.errors import AttendanceError
from tests.edge.api.clients import CourierClient, ScreenClient
from tests.edge.device import Device, Watcher, astronaut, jpeg, nobody, recording, standing, walk_up

NAME, NUMBER = "Wilhelmina Zzyzx", "E-1048290"
STOP_WITHIN_S = 3.0


@dataclass
class Morning:
    """A device whose daemon ran for some walk-ups, and everything that it said and left."""

    device: Device
    enrolment: str
    listed: list[dict[str, object]]
    watcher: Watcher
    envelopes: EnvelopeBatch
    verified: LedgerVerified
    manager: list[str]
    stopped_after_s: float


@pytest.fixture(scope="module")
def morning(lab: Path) -> Morning:
    """Somebody unknown walks up again and again; staff enrol that person by the command line meanwhile."""
    pictures = recording(lab / "pictures", nobody(8), standing(astronaut(), 30))
    device = Device(lab, camera={"replay_path": str(pictures), "replay_pace": "realtime"})
    assert device.clockface("init").returncode == 0
    photo = lab / "photo.jpg"
    photo.write_bytes(jpeg(astronaut()))
    with device.running(WATCHDOG_USEC="400000") as daemon:
        watcher = device.watch()
        watcher.notice("not_recognised")
        consent = ["--consent-how", "paper", "--consent-text-version", "1", "--consent-language", "en"]
        person = [
            "--name",
            NAME,
            "--number",
            NUMBER,
            "--greeting",
            NAME.split(maxsplit=1)[0],
            "--photo",
            str(photo),
        ]
        enrolled = device.clockface("enroll", *person, *consent)
        assert enrolled.returncode == 0, enrolled.stderr
        watcher.notice("recorded")
        listed = device.clockface("attendance", "list", "--json")
        assert listed.returncode == 0, listed.stderr
        with CourierClient(device.run) as courier:
            envelopes = courier.envelopes(EnvelopeQuery())
        with device.client() as staff:
            verified = staff.verify_ledger()
        stopped_after_s = daemon.terminate()
        watcher.close()
        daemon.manager.until("STOPPING=1")
    records = [json.loads(line) for line in listed.stdout.splitlines()]
    return Morning(
        device, enrolled.stdout, records, watcher, envelopes, verified, daemon.manager.told, stopped_after_s
    )


def test_whoever_was_enrolled_by_the_command_line_is_recorded_and_listed(morning: Morning) -> None:
    first = morning.listed[0]
    assert (first["name"], first["number"]) == (NAME, NUMBER)
    assert {(one["name"], one["method"]) for one in morning.listed} == {(NAME, "face")}
    told = [(one.epoch, one.seq) for one in morning.watcher.confirmed]
    assert (first["epoch"], first["seq"]) in told
    assert morning.watcher.confirmed[0].profile is None  # a greeting is all that the screen learns


def test_whoever_is_not_enrolled_is_told_so_and_not_recorded(morning: Morning) -> None:
    refused = [line for line in morning.watcher.lines if line.notice == "not_recognised"]
    assert refused
    assert {line.recorded for line in refused} == {None}
    assert {line.greeting for line in refused} == {None}


def test_the_ledger_that_a_morning_leaves_verifies(morning: Morning) -> None:
    assert morning.verified.problems == ()
    assert morning.verified.people == 1
    assert morning.verified.events >= 1 + len(morning.listed)  # the first event says why the epoch began


def test_the_service_manager_hears_ready_status_life_and_the_end(morning: Morning) -> None:
    said = "\n".join(morning.manager)
    assert morning.manager[0].startswith("READY=1")
    assert "STATUS=camera streaming" in said
    assert said.count("WATCHDOG=1") >= 2
    assert "STOPPING=1" in said


def test_sigterm_ends_the_daemon_in_time_and_takes_its_sockets_away(morning: Morning) -> None:
    assert morning.stopped_after_s < STOP_WITHIN_S
    assert list(morning.device.run.iterdir()) == []


def test_no_name_number_or_id_gets_into_the_log_the_envelopes_or_the_file(morning: Morning) -> None:
    log = morning.device.log.read_bytes()
    assert b"punch_recorded" in log  # it did log what it did
    on_the_wire = morning.envelopes.model_dump_json().encode()
    assert len(morning.envelopes.envelopes) >= 2
    for canary in (NAME, *NAME.split(), NUMBER):
        for sink in (log, on_the_wire, morning.device.ledger_bytes(), "".join(morning.manager).encode()):
            assert canary.encode() not in sink
    person_id = str(morning.watcher.confirmed[0].person_id)
    assert person_id.encode() not in log


def test_nothing_single_worded_is_withheld_from_the_log_of_a_morning(morning: Morning) -> None:
    lines = [json.loads(line) for line in morning.device.log.read_text().splitlines() if line.startswith("{")]
    assert {line["reason"] for line in lines if line["event"] == "verdict"} >= {"agreed", "below_threshold"}
    assert not [line for line in lines if "<withheld" in json.dumps(line)]


def test_what_is_chosen_on_the_screen_gives_the_record_its_direction_and_code(
    lab: Path, enrolled: Path
) -> None:
    there = lab / "choosing"
    there.mkdir()
    pictures = walk_up(there / "pictures", astronaut())
    attendance = {"direction": "choose", "work_codes": ["paint"], "repeat_s": 3600.0}
    device = Device(there, camera={"replay_path": str(pictures)}, attendance=attendance).like(enrolled)
    with device.running() as daemon, ScreenClient(device.run) as screen:
        watcher = device.watch()
        watcher.notice("not_recognised", detail="direction_needed")
        assert watcher.confirmed == []
        with pytest.raises(AttendanceError, match="work code"):
            screen.choose(IntentChosen(direction="out", work_code="sleep"))
        taken = screen.choose(IntentChosen(direction="out", work_code="paint"))
        assert taken.goes_to in {"waiting", "next"}  # whichever frame it fell on
        watcher.notice("recorded")
        watcher.notice("already_recorded")
        daemon.terminate()
        watcher.close()
    (recorded,) = watcher.confirmed
    assert (recorded.direction, recorded.source, recorded.work_code) == ("out", "chosen", "paint")


def test_people_move_over_to_another_recognition_chain_as_they_walk_up(lab: Path, enrolled: Path) -> None:
    there = lab / "moving"
    there.mkdir()
    pictures = walk_up(there / "pictures", astronaut())
    chains = {"chain": "mobilefacenet", "previous_chain": "fused"}
    device = Device(there, camera={"replay_path": str(pictures)}, inference=chains).like(enrolled)
    with device.running() as daemon, device.client() as staff:
        (before,) = staff.people().people
        watcher = device.watch()
        watcher.notice("recorded")
        watcher.notice("attract", after=len(watcher.lines))
        watcher.notice("recorded", after=len(watcher.lines))
        (after,) = staff.people().people
        assert staff.verify_ledger().problems == ()
        daemon.terminate()
        watcher.close()
    assert sorted(before.templates.values()) == [1]
    assert sorted(after.templates.values()) == [1, 1]
    assert before.templates.items() < after.templates.items()
    used = [recorded.model_hash for recorded in watcher.confirmed]
    assert (used[0], used[-1]) == tuple(
        sorted(after.templates, key=lambda chain: chain not in before.templates)
    )
