"""Consent to a text: asked again when it changes, imported with proof, and nobody is worse off without."""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.api.protocol.people import ConsentGiven
from edge.api.protocol.punches import PunchQuery
from edge.config.attendance import EnrolmentConfig
from edge.config.device import DeviceConfig
from edge.config.tree import Config
from edge.inference.chain import Models
from edge.store.store import Store
from edge.types.identity import PersonId
from edge.types.punches import Method
from tests.edge.cli.served import Clockface, served
from tests.edge.daemon.conftest import models  # noqa: F401 - fixture
from tests.edge.daemon.kiosk import ASTRONAUT, OPERATOR, TestKiosk, astronaut, new, open_kiosk
from tests.edge.store.given import badge_punch, punch

PAPER = ("--how", "paper", "--text-version", "2", "--language", "en")


@pytest.fixture
def kiosk(tmp_path: Path, models: Models) -> Iterator[TestKiosk]:  # noqa: F811
    """A kiosk whose people agreed to text 1 before text 2 came into force."""
    opened = open_kiosk(tmp_path, models)
    opened.service.enrol_photo(new(), astronaut(), OPERATOR)
    config = Config(
        device=DeviceConfig(name="kiosk", site="site"), enrolment=EnrolmentConfig(consent_text_version="2")
    )
    yield opened.restarted(config)
    opened.store.close()


@pytest.fixture
def clockface(
    kiosk: TestKiosk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Clockface]:
    with tempfile.TemporaryDirectory(prefix="cf-") as run, served(kiosk.service, Path(run)) as stage:
        config = tmp_path / "clockface.toml"
        config.write_text(f'[paths]\nrun = "{run}"\n')
        yield Clockface(config, monkeypatch, capsys, stage)


def test_who_agreed_to_an_earlier_text_is_listed_until_they_agree_to_the_new_one(
    clockface: Clockface, kiosk: TestKiosk
) -> None:
    clockface("people", "add", "--name", "Bob", "--number", "2")
    _, out, _ = clockface("people", "list", "--consent-outdated", "--json")
    (listed,) = [json.loads(line) for line in out.splitlines()]
    assert (listed["number"], listed["consent_outdated"]) == ("1815", True)
    _, out, _ = clockface("people", "show", "1815")
    assert "consent to an earlier text: ask again" in out
    assert kiosk.gallery_people == 1  # recognised on, as configured
    code, _, err = clockface("people", "consent", "1815", *PAPER)
    assert (code, err) == (0, "")
    _, out, _ = clockface("people", "list", "--consent-outdated")
    assert out == "Every consent is to the text in force.\n"
    ada = PersonId(listed["person_id"])
    assert [each.text_version for each in kiosk.store.consents.history(ada)] == ["1", "2"]


def test_an_imported_consent_says_where_its_proof_lies(clockface: Clockface) -> None:
    how = ("--how", "imported", "--text-version", "2", "--language", "en")
    code, _, err = clockface("people", "consent", "1815", *how)
    assert (code, "needs a proof" in err) == (2, True)
    code, out, _ = clockface("people", "consent", "1815", *how, "--proof", "HR archive 2026/114", "--json")
    assert code == 0
    assert json.loads(out)["consent"]["proof"] == "HR archive 2026/114"
    code, _, err = clockface(
        "enroll", "--name", "Eve", "--number", "3", "--photo", str(ASTRONAUT),
        "--consent-how", "imported", "--consent-text-version", "2", "--consent-language", "en",
    )  # fmt: skip
    assert (code, "needs a proof" in err) == (2, True)


def test_where_it_is_to_stop_nobody_is_matched_on_an_earlier_text_and_at_once_after_the_new_one(
    kiosk: TestKiosk,
) -> None:
    store, (ada,) = kiosk.store, [each.person_id for each in kiosk.store.people.list()]
    store.templates.hold_back(lambda person: store.consents.outdated(person, "2"))  # as open_face_path does
    kiosk.link.roster.refresh([ada])
    chain = next(iter(kiosk.recogniser.galleries))
    assert (kiosk.gallery_people, len(store.templates.load_all(chain).template_ids)) == (0, 0)
    kiosk.service.set_enabled(ada, enabled=True, peer=OPERATOR)  # no way around it
    assert kiosk.gallery_people == 0
    assert store.templates.counts_by_model() == {chain: 1}
    agreed = ConsentGiven(text_version="2", language="en", how="screen")
    kiosk.service.record_consent(ada, agreed, OPERATOR)
    assert kiosk.gallery_people == 1


def test_a_person_without_a_face_has_the_same_events_and_the_same_report(kiosk: TestKiosk) -> None:
    """Withdrawing changes how one comes in and nothing of what is recorded."""
    store, (ada,) = kiosk.store, [each.person_id for each in kiosk.store.people.list()]
    by_face = work_a_day(kiosk, store, ada, face=True)
    kiosk.service.withdraw_consent(ada, OPERATOR)
    assert kiosk.gallery_people == 0
    assert kiosk.service.person(ada).enabled
    by_badge = work_a_day(kiosk, store, ada, face=False)
    assert by_face == by_badge
    assert {each.method for each in kiosk.service.punches(PunchQuery()).punches} == {"face", "badge"}


def work_a_day(kiosk: TestKiosk, store: Store, person_id: PersonId, *, face: bool) -> list[dict[str, object]]:
    """In and out, as staff see it, without when, under which number, and by which way in."""
    before = len(kiosk.service.punches(PunchQuery()).punches)
    for _ in range(2):
        at = kiosk.clock.advance(4 * 3600)
        made = punch(person_id, at) if face else badge_punch(person_id, at)
        assert store.events.record(replace(made, work_code=None)).punch.method is (
            Method.FACE if face else Method.BADGE
        )
    own = {"epoch", "seq", "hash", "at", "day", "method", "score", "model_hash"}
    found = kiosk.service.punches(PunchQuery()).punches[before:]
    return [each.model_dump(mode="json", exclude=own) for each in found]
