"""Retention on a kiosk with real models: unused templates go from ledger and gallery, the people stay."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.api.protocol.privacy import RetentionAsked
from edge.config.keeping import RetentionConfig
from edge.daemon.backups import FILE, Backups
from edge.daemon.privacy import PrivacyDesk
from edge.daemon.retention import Retention
from edge.errors import ApiError
from edge.types.clock import ClockTrust
from edge.types.identity import PersonId
from edge.types.punches import Method, Punch
from tests.edge.daemon.kiosk import OPERATOR, TestKiosk, astronaut, new
from tests.edge.store.given import badge_punch, punch

MONTH_S = 31 * 86_400.0
DAILY = RetentionAsked()
TRIAL = RetentionAsked(dry_run=True)


def desk_of(kiosk: TestKiosk, config: RetentionConfig | None = None) -> PrivacyDesk:
    """As the daemon wires it."""
    config = config or RetentionConfig(templates_unused_months=6, events_days=31, audit_days=31)
    return PrivacyDesk(
        store=kiosk.store,
        config=kiosk.config,
        clock=kiosk.clock,
        person=kiosk.service.person,
        backups=Backups(kiosk.store.database.path.parent, days=config.backups_days, clock=kiosk.clock),
        retention=Retention(
            store=kiosk.store,
            config=config,
            clock=kiosk.clock,
            lock=kiosk.link.lock,
            refresh=kiosk.link.roster.refresh,
            monotonic_s=time.monotonic,
        ),
    )


@pytest.fixture
def desk(kiosk: TestKiosk) -> Iterator[PrivacyDesk]:
    opened = desk_of(kiosk)
    yield opened
    opened.close()


def enrolled(kiosk: TestKiosk) -> PersonId:
    return PersonId(kiosk.service.enrol_photo(new(), astronaut(), OPERATOR).person.person_id)


def faced(kiosk: TestKiosk, person_id: PersonId) -> Punch:
    chain = next(iter(kiosk.recogniser.galleries))
    return replace(punch(person_id, kiosk.clock.now()), model_hash=chain)


def test_a_template_that_recognised_nobody_for_months_goes_and_its_person_stays(
    kiosk: TestKiosk, desk: PrivacyDesk
) -> None:
    person_id = enrolled(kiosk)
    kiosk.clock.advance(4 * MONTH_S)
    kiosk.store.events.record(faced(kiosk, person_id))
    kiosk.clock.advance(4 * MONTH_S)  # eight months after enrolment, four after the last match
    assert desk.retention(DAILY, OPERATOR).templates == 0
    kiosk.store.events.record(badge_punch(person_id, kiosk.clock.now()))  # a badge is no match
    kiosk.clock.advance(4 * MONTH_S)
    trial = desk.retention(TRIAL, OPERATOR)
    assert (trial.templates, trial.people, trial.dry_run) == (1, 1, True)
    assert kiosk.gallery_people == 1
    done = desk.retention(DAILY, OPERATOR)
    assert (done.templates, done.people, done.complete) == (1, 1, True)
    assert kiosk.gallery_people == 0
    person = kiosk.service.person(person_id)
    assert (person.consented, person.templates) == (True, {})
    kept = kiosk.store.events.record(badge_punch(person_id, kiosk.clock.advance(60)))
    assert kept.punch.method is Method.BADGE
    assert kiosk.store.verify().problems == ()


def test_each_run_is_audited_with_counts_and_a_dry_run_changes_nothing(
    kiosk: TestKiosk, desk: PrivacyDesk
) -> None:
    person_id = enrolled(kiosk)
    first = kiosk.store.events.record(faced(kiosk, person_id))
    kiosk.clock.advance(2 * MONTH_S)
    last = kiosk.store.events.record(faced(kiosk, person_id))
    kiosk.store.frontier.advance(last.id)
    before = list(kiosk.store.audit.list())
    trial = desk.retention(TRIAL, OPERATOR)
    assert (trial.events, trial.audit_entries) == (2, len(before) - 1)
    assert list(kiosk.store.audit.list()) == before
    done = desk.retention(RetentionAsked(backups=3), OPERATOR)
    assert (done.events, done.audit_entries) == (trial.events, trial.audit_entries)
    assert kiosk.store.frontier.pruned(first.id)
    assert kiosk.store.frontier.removed_to() == first.id, "what telemetry tells the office"
    entry = list(kiosk.store.audit.list())[-1]
    assert (entry.action, entry.actor) == ("retention.applied", "operator")
    assert entry.detail == (
        f"templates=0,people=0,events=2,audit={trial.audit_entries},reports=0,alarms=0,backups=3"
    )
    assert person_id not in entry.detail
    assert kiosk.store.verify().problems == ()
    seen = desk.processing()
    assert (seen.events, seen.people, seen.with_face) == (1, 1, 1)
    assert seen.last_retention == entry.at


def test_nothing_goes_by_its_age_under_a_clock_that_cannot_be_trusted(
    kiosk: TestKiosk, desk: PrivacyDesk
) -> None:
    enrolled(kiosk)
    kiosk.clock.advance(100 * MONTH_S)
    kiosk.clock.trust(ClockTrust.UNSYNCHRONISED)
    with pytest.raises(ApiError, match="clock cannot be trusted"):
        desk.retention(DAILY, OPERATOR)
    assert kiosk.gallery_people == 1


def test_the_ledger_is_free_between_batches_and_a_second_run_waits_its_turn(kiosk: TestKiosk) -> None:
    person_id = enrolled(kiosk)
    for _ in range(200):
        kiosk.clock.advance(60)
        kiosk.store.events.record(faced(kiosk, person_id))
    kiosk.clock.advance(3 * MONTH_S)
    last = kiosk.store.events.record(faced(kiosk, person_id))
    kiosk.store.frontier.advance(last.id)
    desk = desk_of(kiosk, RetentionConfig(events_days=31, templates_unused_months=0, audit_days=0))
    refused: list[ApiError] = []
    recorded = threading.Event()
    remove = kiosk.store.pruning.remove_events

    def slowly(until: int, *, rows: int) -> int:
        """Between two batches somebody clocks in, and somebody else asks for retention."""
        done = remove(until, rows=rows)
        if not recorded.is_set():
            kiosk.store.events.record(faced(kiosk, person_id))
            with pytest.raises(ApiError, match="under way") as told:
                desk.retention(DAILY, OPERATOR)
            refused.append(told.value)
            recorded.set()
        return done

    object.__setattr__(kiosk.store, "pruning", _Watched(kiosk.store.pruning, slowly))
    done = desk.retention(DAILY, OPERATOR)
    assert (done.events, len(refused)) == (201, 1)
    assert done.longest_held_ms < 250
    assert kiosk.store.verify().problems == ()


class _Watched:
    """The ledger's own pruning, with one step of it in the test's hands."""

    def __init__(self, pruning: object, remove_events: object) -> None:
        self._pruning = pruning
        self.remove_events = remove_events

    def __getattr__(self, name: str) -> object:
        return getattr(self._pruning, name)


def test_a_daemon_that_ends_leaves_the_rest_for_the_next_run(kiosk: TestKiosk) -> None:
    enrolled(kiosk)
    kiosk.clock.advance(100 * MONTH_S)
    desk = desk_of(kiosk)
    desk.close()
    done = desk.retention(DAILY, OPERATOR)
    assert (done.complete, done.templates, kiosk.gallery_people) == (False, 0, 1)


def test_the_day_on_which_the_last_backup_dies_is_told_from_when_it_was_made(
    kiosk: TestKiosk, tmp_path: Path
) -> None:
    backups = Backups(tmp_path, days=30, clock=kiosk.clock)
    assert (backups.last_made(), backups.last_dies()) == (None, None)
    for nonsense in ("yesterday", "2026-02-01T02:00:00"):
        (tmp_path / FILE).write_text(nonsense)
        assert backups.last_dies() is None
    (tmp_path / FILE).write_text("2026-02-01T02:00:00+00:00\n")
    dies = backups.last_dies()
    assert dies is not None
    assert dies.isoformat() == "2026-03-04"
