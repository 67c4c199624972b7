"""Rules, ledger, local API, list and doctor together, on a kiosk of real parts."""

import io
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from edge.api.client import EdgeClient
from edge.api.protocol.people import PersonProfile
from edge.api.server import ApiServer
from edge.api.stage import Stage
from edge.attendance.export import ExportRow, write_csv
from edge.attendance.rules import Identification, Record, decide
from edge.cli.records import Records, Selection
from edge.config.device import ApiConfig
from edge.config.tree import Config
from edge.doctor.daemon import meet
from edge.doctor.findings import Health
from edge.doctor.ledger import check_ledger
from edge.doctor.models import check_operating_point
from edge.inference.chain import Models, open_models
from edge.inference.models import ModelStore
from edge.types.clock import ClockTrust
from edge.types.identity import PersonId
from edge.types.punches import Method, Punch
from tests.edge.daemon.kiosk import TestKiosk, open_kiosk

CONFIG = Config.model_validate(
    {
        "device": {"timezone": "Europe/Madrid", "site": "site", "name": "kiosk"},
        "attendance": {"shifts": [{"name": "night", "starts": "22:00", "ends": "06:00"}]},
    }
)


class Served(NamedTuple):
    """A kiosk and a way to it."""

    kiosk: TestKiosk
    client: EdgeClient
    last: dict[str, Punch]


@pytest.fixture(scope="module")
def models() -> Iterator[Models]:
    opened = open_models(ModelStore(), CONFIG.inference)
    yield opened
    opened.close()


@pytest.fixture
def served(tmp_path: Path, models: Models) -> Iterator[Served]:
    kiosk = open_kiosk(tmp_path, models, CONFIG)
    with tempfile.TemporaryDirectory(prefix="cf-") as run:
        server = ApiServer(service=kiosk.service, stage=Stage(), run=Path(run), config=ApiConfig())
        server.start()
        with EdgeClient(Path(run)) as client:
            yield Served(kiosk, client, {})
        server.close()
    kiosk.store.close()


def walk_up(served: Served, person: str) -> None:
    """Somebody is identified: rule, and commit what the rule says."""
    kiosk = served.kiosk
    ruling = decide(
        Identification(PersonId(person), Method.PIN),
        at=kiosk.clock.now(),
        last=served.last.get(person),
        config=CONFIG.attendance,
        zone=ZoneInfo(CONFIG.device.timezone),
    )
    if isinstance(ruling, Record):
        served.last[person] = kiosk.store.events.record(ruling.punch).punch


def shown(rows: list[ExportRow]) -> list[tuple[str, str, str, str]]:
    return [(row.direction, row.day.isoformat(), row.shift, row.clock) for row in rows]


def test_a_night_with_a_reboot_and_a_lost_clock_is_listed_as_it_was(served: Served) -> None:
    kiosk, client, _ = served
    person = client.add_person(PersonProfile(name="=Ada Lovelace", number="1815")).person_id
    records = Records(client, CONFIG)
    kiosk.clock.jump(
        (datetime.fromisoformat("2026-03-02T20:55:00+00:00") - kiosk.clock.now().wall).total_seconds()
    )
    walk_up(served, person)
    kiosk.clock.advance(20)
    walk_up(served, person)  # a second glance
    kiosk.clock.advance(8 * 3600)
    walk_up(served, person)
    kiosk.clock.advance(16 * 3600)
    walk_up(served, person)
    kiosk.clock.advance(4 * 3600)
    kiosk.clock.reboot(boottime_s=600)
    kiosk.clock.trust(ClockTrust.UNSYNCHRONISED)
    walk_up(served, person)
    rows = list(records.all(Selection()))
    assert shown(rows) == [
        ("in", "2026-03-02", "night", "synchronised"),
        ("out", "2026-03-02", "night", "synchronised"),
        ("in", "2026-03-03", "night", "synchronised"),
        ("unstated", "2026-03-03", "night", "unsynchronised"),
    ]
    assert list(records.all(Selection(first=rows[2].day))) == rows[2:]
    assert list(records.all(Selection(person="1815", last=rows[0].day))) == rows[:2]
    out = io.StringIO(newline="")
    assert write_csv(rows, out) == 4
    assert '"\'=Ada Lovelace"' in out.getvalue()
    client.remove_person(person)
    assert [row.name for row in records.all(Selection())] == [""] * 4


def test_following_shows_each_new_record_once_also_when_other_events_lie_between(served: Served) -> None:
    kiosk, client, _ = served
    first = client.add_person(PersonProfile(name="Ada", number="1")).person_id
    second = client.add_person(PersonProfile(name="Bert", number="2")).person_id
    walk_up(served, first)
    coming = iter((second, first))

    def pause(_seconds: float) -> None:
        kiosk.clock.advance(3600)
        person = next(coming, None)
        if person is not None:
            walk_up(served, person)

    seen: list[str] = []
    looks = 0
    for row in Records(client, CONFIG).follow(Selection(), pause=pause):
        if row is not None:
            seen.append(row.name)
            continue
        looks += 1
        if looks == 6:
            break
    assert seen == ["Bert", "Ada"]


def test_doctor_hears_from_the_daemon_what_is_wrong_with_its_ledger(served: Served) -> None:
    kiosk, client, _ = served
    walk_up(served, client.add_person(PersonProfile(name="Ada", number="1")).person_id)
    daemon = meet(client)
    assert check_ledger(CONFIG, {}, daemon).health is Health.OK
    assert check_operating_point(CONFIG, daemon).health is Health.OK
    with kiosk.store.database.write() as connection:
        connection.execute("UPDATE people SET profile = zeroblob(100)")
    finding = check_ledger(CONFIG, {}, daemon)
    assert finding.health is Health.FAIL
    assert "Ada" not in finding.found
