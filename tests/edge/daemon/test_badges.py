"""The counter: badges and PINs identify people, refusals tell nothing, wrong tries make everybody wait."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from edge.api.protocol.badges import BadgeAsked, BadgeIssued, CardSet, PinSet, WaySet
from edge.api.protocol.fields import WayCode
from edge.api.protocol.intents import CorrectionAsked, Disavowal, PromptGone
from edge.attendance.rules import Identification
from edge.badge import codes
from edge.config.attendance import BadgeConfig
from edge.config.device import DeviceConfig
from edge.config.tree import Config
from edge.daemon.badges import SPRAYED, Entry
from edge.daemon.counter import Counter
from edge.errors import AttendanceError, BadgeUnknown, PersonUnknown, PinTooEasy
from edge.store.keys import generate_keys, load_keyring
from edge.store.store import Store, create_store, ledger_path
from edge.types.announcements import Announcement, Notice
from edge.types.identity import DeviceId, PersonId
from edge.types.people import Profile
from edge.types.punches import Method
from tests.edge.daemon.kiosk import OPERATOR
from tests.edge.store.given import punch
from tests.fakes import ManualClock

PIN = "8052"


@dataclass
class Kiosk:
    """A counter on a real ledger, and what came of it."""

    store: Store
    clock: ManualClock
    counter: Counter
    said: list[Announcement]
    identified: list[Identification]
    ann: PersonId
    closed: list[str] = field(default_factory=list)
    disowned: list[int] = field(default_factory=list)

    def badge(self, **more: object) -> BadgeIssued:
        asked = BadgeAsked.model_validate({"person_id": self.ann, **more})
        return self.counter.service.issue_badge(asked, OPERATOR)

    def give_pin(self, pin: str | None = PIN) -> None:
        self.counter.service.set_pin(self.ann, PinSet(pin=pin), OPERATOR)

    def way(self, way: WayCode | None) -> None:
        self.counter.service.set_way(self.ann, WaySet(way=way), OPERATOR)

    def shown(self, text: str) -> Announcement | None:
        before = len(self.said)
        self.clock.advance(5)
        self.counter.desk.seen(text)
        return self.said[-1] if len(self.said) > before else None

    def prompt(self, text: str) -> str:
        asked = self.shown(text)
        assert asked is not None
        assert asked.prompt is not None, asked
        return asked.prompt.prompt_id

    def typed(self, pin: str, *, prompt: str | None = None, number: str | None = None) -> Entry:
        return self.counter.desk.enter(pin, prompt_id=prompt, number=number)[0]


Open = Callable[..., Kiosk]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Open]:
    stores: list[Store] = []

    def make(method: str = "badge_pin") -> Kiosk:
        generate_keys(tmp_path)
        keyring = load_keyring(state=tmp_path, environment={}, allow_environment=False)
        clock = ManualClock()
        store = create_store(
            ledger_path(tmp_path), keyring=keyring, clock=clock, device=DeviceId("door"), site="lab"
        )
        stores.append(store)
        config = Config(
            device=DeviceConfig(site="lab", name="door"),
            badge=BadgeConfig.model_validate({"method": method}),
        )
        said, identified, closed, disowned, shared = [], [], [], [], []

        class Screen:
            def announce(self, announcement: Announcement) -> None:
                said.append(announcement)

        counter = Counter(
            config=config,
            store=store,
            clock=clock,
            site_keys=None,
            announcer=Screen(),
            closed=lambda: closed[0] if closed else None,
            identified=identified.append,
            disowned=lambda: disowned.append(1),
            share=shared.append,
        )
        ann = store.people.add(Profile("Ann", "4711"))
        return Kiosk(store, clock, counter, said, identified, ann, closed, disowned)

    yield make
    for store in stores:
        store.close()


def test_a_badge_asks_for_the_pin_and_the_pin_identifies(opened: Open) -> None:
    kiosk = opened()
    kiosk.give_pin()
    prompt = kiosk.prompt(kiosk.badge().token)
    assert kiosk.said[-1].notice is Notice.ENTER_PIN
    assert kiosk.counter.desk.prompting
    assert kiosk.typed("8053", prompt=prompt) is Entry.REFUSED
    assert kiosk.typed(PIN, prompt=prompt) is Entry.ACCEPTED
    assert kiosk.identified == [Identification(kiosk.ann, Method.BADGE)]
    assert not kiosk.counter.desk.prompting
    assert kiosk.typed(PIN, prompt=prompt) is Entry.REFUSED


def test_a_code_that_stays_in_view_is_one_badge(opened: Open) -> None:
    kiosk = opened("badge")
    text = kiosk.badge().token
    for _ in range(20):
        kiosk.counter.desk.seen(text)
        kiosk.clock.advance(0.2)
    assert kiosk.identified == [Identification(kiosk.ann, Method.BADGE)]
    kiosk.shown(text)
    assert len(kiosk.identified) == 2


def test_a_prompt_ends_by_itself_and_by_a_word(opened: Open) -> None:
    kiosk = opened()
    kiosk.give_pin()
    text = kiosk.badge().token
    old = kiosk.prompt(text)
    kiosk.clock.advance(31)
    assert not kiosk.counter.desk.prompting
    assert kiosk.typed(PIN, prompt=old) is Entry.REFUSED
    new = kiosk.prompt(text)
    kiosk.counter.service.cancel_pin(PromptGone(prompt_id=new))
    assert not kiosk.counter.desk.prompting
    assert kiosk.identified == []


def test_a_badge_that_was_revoked_has_ended_or_is_nobody_s_looks_the_same(opened: Open) -> None:
    kiosk = opened("badge")
    revoked, ended, disabled = (
        kiosk.badge(),
        kiosk.badge(ends_at=kiosk.clock.now().wall + timedelta(minutes=5)),
        None,
    )
    kiosk.counter.service.revoke_badge(revoked.badge.badge_id, OPERATOR)
    kiosk.clock.advance(600)
    disabled = kiosk.badge()
    told = [kiosk.shown(text) for text in (revoked.token, ended.token, "CLK1" + "A" * 72)]
    kiosk.store.people.set_enabled(kiosk.ann, False)
    told.append(kiosk.shown(disabled.token))
    assert {(each.notice, each.detail) for each in told if each} == {
        (Notice.BADGE_REFUSED, "badge_not_accepted")
    }
    assert None not in told
    assert kiosk.identified == []
    with pytest.raises(BadgeUnknown):
        kiosk.counter.service.badge_text(revoked.badge.badge_id, OPERATOR)


def test_a_badge_is_printed_again_as_it_was(opened: Open) -> None:
    kiosk = opened()
    issued = kiosk.badge()
    assert kiosk.counter.service.badge_text(issued.badge.badge_id, OPERATOR).token == issued.token
    assert "badge.printed" in [each.action for each in kiosk.store.audit.list()]


def test_number_and_pin_is_for_those_whose_way_it_is(opened: Open) -> None:
    kiosk = opened()
    kiosk.give_pin()
    assert kiosk.typed(PIN, number="4711") is Entry.REFUSED
    assert kiosk.counter.desk.ways() == ("badge",)
    kiosk.way("number_pin")
    assert kiosk.counter.desk.ways() == ("badge", "pin")
    assert kiosk.typed(PIN, number=" 4711") is Entry.ACCEPTED
    assert kiosk.identified == [Identification(kiosk.ann, Method.PIN)]


def test_nobody_learns_whether_a_number_exists(opened: Open) -> None:
    kiosk = opened("number_pin")
    kiosk.give_pin()
    outcomes = []
    for number in ("4711", "0815"):
        tried = []
        for _ in range(6):
            tried.append(kiosk.counter.desk.enter("0000", prompt_id=None, number=number))
            kiosk.clock.advance(1)
        outcomes.append((tried, [(a.notice, a.detail, a.seconds, a.ways) for a in kiosk.said]))
        kiosk.said.clear()
    assert outcomes[0] == outcomes[1]
    assert [outcome for outcome, _ in outcomes[0][0]] == [Entry.REFUSED] * 3 + [Entry.WAIT] * 3


def test_while_one_waits_the_right_pin_does_not_count_and_a_restart_forgets_nothing(opened: Open) -> None:
    kiosk = opened("number_pin")
    kiosk.give_pin()
    for _ in range(3):
        kiosk.typed("0000", number="4711")
    assert kiosk.typed(PIN, number="4711") is Entry.WAIT
    assert kiosk.store.credentials.failures(kiosk.ann)[0] == 3
    kiosk.clock.advance(31)
    assert kiosk.typed(PIN, number="4711") is Entry.ACCEPTED
    assert kiosk.store.credentials.failures(kiosk.ann)[0] == 0
    wrong = [each for each in kiosk.store.audit.list() if each.action == "pin.wrong"]
    assert [each.subject for each in wrong] == [kiosk.ann] * 3


def test_trying_one_pin_on_everybody_is_slowed_down(opened: Open) -> None:
    kiosk = opened("number_pin")
    outcomes = [kiosk.typed("0000", number=str(number)) for number in range(SPRAYED + 5)]
    assert outcomes == [Entry.REFUSED] * SPRAYED + [Entry.WAIT] * 5


def test_a_one_time_code_counts_once(opened: Open) -> None:
    kiosk = opened("badge_code")
    text = kiosk.badge().token
    refused = kiosk.shown(text)
    assert refused is not None
    assert refused.detail == "code_not_set"
    uri = kiosk.counter.service.new_code(kiosk.ann, OPERATOR).uri
    assert uri.startswith("otpauth://totp/lab:4711?secret=")
    secret = kiosk.store.credentials.of(kiosk.ann).code
    assert secret is not None
    prompt = kiosk.prompt(text)
    code = codes.code_of(secret, codes.step_of(kiosk.clock.now().wall))
    assert kiosk.typed(code, prompt=prompt) is Entry.ACCEPTED
    again = kiosk.prompt(text)
    assert kiosk.typed(code, prompt=again) is Entry.REFUSED


def test_easy_and_short_pins_and_unknown_people_are_refused(opened: Open) -> None:
    kiosk = opened()
    for easy in ("1111", "4711"):
        with pytest.raises(PinTooEasy):
            kiosk.give_pin(easy)
    with pytest.raises(PersonUnknown):
        kiosk.counter.service.set_pin("0" * 32, PinSet(pin=PIN), OPERATOR)


def test_a_card_identifies_like_a_badge_and_its_number_is_kept_nowhere(opened: Open, tmp_path: Path) -> None:
    kiosk = opened("badge")
    kiosk.counter.service.set_card(kiosk.ann, CardSet(card="04A2B3C4D5"), OPERATOR)
    kiosk.counter.desk.tapped("04A2B3C4D5")
    assert kiosk.identified == [Identification(kiosk.ann, Method.BADGE)]
    kiosk.counter.desk.tapped("'; DROP TABLE cards; --")
    assert kiosk.said[-1].detail == "badge_not_accepted"
    kiosk.counter.desk.tapped(kiosk.badge().token)
    assert len(kiosk.identified) == 2
    assert b"04A2B3C4D5" not in b"".join(path.read_bytes() for path in tmp_path.glob("ledger.db*"))
    kiosk.counter.service.set_card(kiosk.ann, CardSet(card=None), OPERATOR)
    kiosk.counter.desk.tapped("04A2B3C4D5")
    assert len(kiosk.identified) == 2


def test_out_of_service_by_order_closes_these_ways_too(opened: Open) -> None:
    kiosk = opened("badge")
    text = kiosk.badge().token
    kiosk.closed.append("out_of_service_by_order")
    assert kiosk.shown(text) is None
    assert kiosk.typed(PIN, number="4711") is Entry.CLOSED


def test_whoever_is_removed_leaves_no_badge_pin_or_card(opened: Open) -> None:
    kiosk = opened("badge")
    kiosk.give_pin()
    text = kiosk.badge().token
    kiosk.counter.service.set_card(kiosk.ann, CardSet(card="04A2B3C4D5"), OPERATOR)
    kiosk.store.people.remove(kiosk.ann)
    kiosk.shown(text)
    kiosk.counter.desk.tapped("04A2B3C4D5")
    assert kiosk.identified == []
    assert kiosk.store.badges.list() == ()
    assert kiosk.store.verify().problems == ()


def test_a_record_is_disowned_within_seconds_and_only_then(opened: Open) -> None:
    kiosk = opened()
    recorded = kiosk.store.events.record(punch(kiosk.ann, kiosk.clock.now()))
    kiosk.counter.afterthoughts.note(recorded)
    said = Disavowal(epoch=recorded.id.epoch, seq=recorded.id.seq)
    kiosk.clock.advance(18)
    assert kiosk.counter.service.disavow(said).outcome == "too_late"
    later = kiosk.store.events.record(punch(kiosk.ann, kiosk.clock.now()))
    kiosk.counter.afterthoughts.note(later)
    said = Disavowal(epoch=later.id.epoch, seq=later.id.seq)
    assert kiosk.counter.service.disavow(said).outcome == "voided"
    assert kiosk.counter.service.disavow(said).outcome == "too_late"
    assert (kiosk.said[-1].notice, kiosk.said[-1].ways, kiosk.disowned) == (Notice.VOIDED, ("badge",), [1])
    assert list(kiosk.store.events.punches()) == [recorded]


def test_a_missing_record_is_asked_for_by_whoever_stands_here(opened: Open) -> None:
    kiosk = opened()
    recorded = kiosk.store.events.record(punch(kiosk.ann, kiosk.clock.now()))
    kiosk.counter.afterthoughts.note(recorded)
    asked = CorrectionAsked(
        epoch=recorded.id.epoch,
        seq=recorded.id.seq,
        direction="out",
        at=kiosk.clock.now().wall - timedelta(hours=14),
    )
    assert kiosk.counter.service.ask_correction(asked).outcome == "sent"
    with pytest.raises(AttendanceError):
        kiosk.counter.service.ask_correction(
            asked.model_copy(update={"at": kiosk.clock.now().wall + timedelta(hours=1)})
        )
    kiosk.clock.advance(70)
    assert kiosk.counter.service.ask_correction(asked).outcome == "too_late"


def test_who_types_slowly_gets_more_time_ten_times(opened: Open) -> None:
    kiosk = opened()
    kiosk.give_pin()
    prompt = kiosk.prompt(kiosk.badge().token)
    for _ in range(10):
        kiosk.clock.advance(25)
        assert kiosk.counter.service.hold_pin(PromptGone(prompt_id=prompt)).left_s == 30.0
    kiosk.clock.advance(25)
    assert kiosk.counter.service.hold_pin(PromptGone(prompt_id=prompt)).left_s == 5.0
    kiosk.clock.advance(6)
    assert kiosk.counter.service.hold_pin(PromptGone(prompt_id=prompt)).left_s == 0.0
    assert kiosk.typed(PIN, prompt=prompt) is Entry.REFUSED


def test_the_wrong_pin_that_makes_everybody_wait_says_so_at_once(opened: Open) -> None:
    kiosk = opened()
    kiosk.give_pin()
    prompt = kiosk.prompt(kiosk.badge().token)
    told = [kiosk.counter.desk.enter("0000", prompt_id=prompt, number=None) for _ in range(3)]
    assert told == [(Entry.REFUSED, 0.0), (Entry.REFUSED, 0.0), (Entry.REFUSED, 30.0)]
    assert (kiosk.said[-1].detail, kiosk.said[-1].seconds) == ("pin_not_accepted", 30)
    assert not kiosk.counter.desk.prompting


def test_who_is_recorded_by_face_while_asked_for_a_pin_is_asked_no_more(opened: Open) -> None:
    kiosk = opened()
    kiosk.give_pin()
    kiosk.prompt(kiosk.badge().token)
    other = kiosk.store.people.add(Profile("Bo", "4712"))
    for person, asked in ((other, True), (kiosk.ann, False)):
        recorded = kiosk.store.events.record(punch(person, kiosk.clock.now()))
        kiosk.counter.note(recorded)
        kiosk.counter.announcer.announce(Announcement(Notice.RECORDED, recorded=recorded))
        assert (kiosk.said[-1].prompt is not None) is asked
