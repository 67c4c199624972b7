"""One choice serves one person, an old one nobody, and nobody who was asked goes without a record."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.api.protocol.intents import IntentChosen
from edge.attendance.rules import NO_INTENT, Intent
from edge.config.attendance import AttendanceConfig
from edge.daemon.intents import ABSENT_S, ANSWER_S, CHOICE_S, NO_ANSWER, Intents, Taken, offered
from edge.errors import AttendanceError
from edge.types.identity import PersonId, TrackId
from edge.types.punches import Direction
from edge.types.verdicts import Outcome, Scene, Verdict

IN = Intent(direction=Direction.IN)
OUT = Intent(direction=Direction.OUT)


def recognised(who: str, track: int) -> Verdict:
    return Verdict(
        Outcome.RECOGNISED,
        decided_s=0.0,
        track_id=TrackId(track),
        person_id=PersonId(who * 32),
        reason="agreed",
    )


def not_recognised(outcome: Outcome, track: int = 9) -> Verdict:
    return Verdict(outcome, decided_s=0.0, track_id=TrackId(track))


def scene(track: int | None, faces: int = 1) -> Scene:
    if track is None:
        return Scene(0.0, faces=faces, outline=None, coaching=None)
    return Scene(0.0, faces=faces, outline=None, coaching=None, track_id=TrackId(track))


class Kiosk:
    """Choices, and a clock that moves when told to."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.intents = Intents(lambda: self.now_s)

    def asked(self, who: str = "a", track: int = 1) -> Verdict:
        """Somebody was recognised, chose nothing, was asked, and stands there."""
        verdict = recognised(who, track)
        assert self.intents.meet(verdict) == NO_INTENT
        self.intents.ask(verdict)
        self.intents.present(scene(track))
        return verdict

    def stays(self, seconds: float, track: int = 1) -> None:
        """Time passes with this person in view."""
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.intents.present(scene(track))
            self.now_s = min(until_s, self.now_s + 0.5)


def test_a_choice_goes_to_the_next_person_and_to_nobody_after() -> None:
    kiosk = Kiosk()
    assert kiosk.intents.choose(IN) is Taken.NEXT
    assert kiosk.intents.meet(recognised("a", 1)) == IN
    kiosk.intents.serve(recognised("a", 1))
    assert kiosk.intents.meet(recognised("b", 2)) == NO_INTENT


def test_an_old_choice_serves_nobody() -> None:
    kiosk = Kiosk()
    kiosk.intents.choose(IN)
    kiosk.now_s += CHOICE_S
    assert kiosk.intents.meet(recognised("a", 1)) == NO_INTENT


def test_the_newest_choice_counts() -> None:
    kiosk = Kiosk()
    kiosk.intents.choose(IN)
    kiosk.intents.choose(OUT)
    assert kiosk.intents.meet(recognised("a", 1)) == OUT


@pytest.mark.parametrize(
    ("outcome", "kept"),
    [
        (Outcome.UNSURE, IN),
        (Outcome.POOR_QUALITY, IN),
        (Outcome.SEVERAL_PEOPLE, IN),
        (Outcome.UNKNOWN, NO_INTENT),
        (Outcome.NOT_LIVE, NO_INTENT),
    ],
)
def test_a_choice_outlives_a_bad_attempt_but_not_a_stranger(outcome: Outcome, kept: Intent) -> None:
    kiosk = Kiosk()
    kiosk.intents.choose(IN)
    assert kiosk.intents.meet(not_recognised(outcome)) == NO_INTENT
    assert kiosk.intents.meet(recognised("a", 1)) == kept


def test_the_answer_of_the_person_who_was_asked_completes_their_record_once() -> None:
    kiosk = Kiosk()
    verdict = kiosk.asked()
    kiosk.stays(4.0)
    assert kiosk.intents.choose(OUT) is Taken.WAITING
    assert [(each.who, each.intent) for each in kiosk.intents.answered()] == [(verdict, OUT)]
    assert kiosk.intents.answered(all_of_them=True) == []


def test_a_second_tap_before_the_record_does_not_wait_for_the_next_person() -> None:
    kiosk = Kiosk()
    kiosk.asked()
    assert kiosk.intents.choose(OUT) is Taken.WAITING
    assert kiosk.intents.choose(OUT) is Taken.NOBODY
    assert kiosk.intents.meet(recognised("b", 2)) == NO_INTENT


def test_a_tap_after_the_record_does_not_go_to_the_next_in_the_queue() -> None:
    kiosk = Kiosk()
    kiosk.intents.meet(recognised("a", 1))
    kiosk.intents.serve(recognised("a", 1))
    kiosk.stays(30.0)
    assert kiosk.intents.choose(OUT) is Taken.NOBODY
    kiosk.intents.present(scene(None, faces=0))
    kiosk.now_s += ABSENT_S / 2
    assert kiosk.intents.choose(OUT) is Taken.NOBODY
    kiosk.now_s += ABSENT_S
    assert kiosk.intents.choose(OUT) is Taken.NEXT


def test_who_does_not_answer_is_recorded_without_a_direction() -> None:
    kiosk = Kiosk()
    verdict = kiosk.asked()
    kiosk.stays(ANSWER_S - 0.5)
    assert kiosk.intents.answered() == []
    kiosk.stays(0.5)
    assert [(each.who, each.intent) for each in kiosk.intents.answered()] == [(verdict, NO_ANSWER)]


def test_who_has_left_is_not_waited_for_and_the_tap_of_the_next_is_not_theirs() -> None:
    kiosk = Kiosk()
    verdict = kiosk.asked()
    kiosk.intents.present(scene(None, faces=0))
    kiosk.now_s += ABSENT_S
    assert kiosk.intents.choose(IN) is Taken.NEXT
    assert [(each.who, each.intent) for each in kiosk.intents.answered()] == [(verdict, NO_ANSWER)]
    assert kiosk.intents.meet(recognised("b", 2)) == IN


def test_who_looks_down_at_the_screen_is_still_the_one_who_was_asked() -> None:
    kiosk = Kiosk()
    kiosk.asked()
    kiosk.intents.present(scene(None, faces=0))
    kiosk.now_s += ABSENT_S - 0.1
    assert kiosk.intents.choose(IN) is Taken.WAITING


def test_the_next_person_identified_does_not_answer_for_the_one_who_was_asked() -> None:
    kiosk = Kiosk()
    first = kiosk.asked("a", 1)
    kiosk.intents.present(scene(2))
    assert kiosk.intents.choose(OUT) is Taken.NEXT
    assert kiosk.intents.meet(recognised("b", 2)) == OUT
    assert [(each.who, each.intent) for each in kiosk.intents.answered()] == [(first, NO_ANSWER)]


def test_who_is_lost_from_sight_and_recognised_again_answers_for_themselves() -> None:
    kiosk = Kiosk()
    kiosk.asked("a", 1)
    kiosk.intents.present(scene(2))
    assert kiosk.intents.choose(OUT) is Taken.NEXT  # nobody knows yet that it is the same person
    again = recognised("a", 2)
    assert kiosk.intents.meet(again) == OUT
    kiosk.intents.serve(again)
    assert kiosk.intents.answered(all_of_them=True) == []


def test_asked_again_a_person_gets_no_more_time() -> None:
    kiosk = Kiosk()
    kiosk.asked("a", 1)
    kiosk.stays(ANSWER_S - 1)
    kiosk.asked("a", 2)
    kiosk.stays(1.0, track=2)
    assert [each.intent for each in kiosk.intents.answered()] == [NO_ANSWER]


def test_among_several_people_of_whom_none_is_judged_nobody_answers_for_the_one_asked() -> None:
    kiosk = Kiosk()
    kiosk.asked()
    kiosk.intents.present(scene(None, faces=2))
    assert kiosk.intents.choose(OUT) is Taken.NEXT


def test_when_the_daemon_stops_who_was_asked_is_recorded() -> None:
    kiosk = Kiosk()
    kiosk.asked()
    assert [each.intent for each in kiosk.intents.answered(all_of_them=True)] == [NO_ANSWER]


@dataclass
class Played:
    """Plays people, taps and time as the loop would, and notes whose record each tap became."""

    kiosk: Kiosk = field(default_factory=Kiosk)
    tapped: list[float] = field(default_factory=list)
    walks: int = 0
    records: list[tuple[str, Intent, float]] = field(default_factory=list)
    episodes: int = 0
    waiting: str | None = None

    def tap(self, _: int) -> None:
        self.kiosk.intents.choose(Intent(direction=Direction.IN, work_code=str(len(self.tapped))))
        self.tapped.append(self.kiosk.now_s)

    def walk_up(self, who: int) -> None:
        self.walks += 1
        verdict = recognised("abc"[who % 3], self.walks)
        assert verdict.person_id is not None
        self.kiosk.intents.present(Scene(0.0, 1, None, None, track_id=verdict.track_id))
        intent = self.kiosk.intents.meet(verdict)
        self.settle(0)
        if self.waiting != verdict.person_id:
            self.episodes += 1
        if intent.direction is None:
            self.waiting = verdict.person_id
            self.kiosk.intents.ask(verdict)
        else:
            self.record(verdict, intent)

    def record(self, verdict: Verdict, intent: Intent) -> None:
        assert verdict.person_id is not None
        self.records.append((verdict.person_id, intent, self.kiosk.now_s))
        if self.waiting == verdict.person_id:
            self.waiting = None
        self.kiosk.intents.serve(verdict)

    def settle(self, _: int) -> None:
        for each in self.kiosk.intents.answered():
            self.record(each.who, each.intent)

    def stranger(self, _: int) -> None:
        self.walks += 1
        self.kiosk.intents.meet(not_recognised(Outcome.UNKNOWN, self.walks))

    def nobody(self, _: int) -> None:
        self.kiosk.intents.present(scene(None, faces=0))

    def stay(self, _: int) -> None:
        self.kiosk.intents.present(scene(self.walks))

    def wait(self, tenths: int) -> None:
        self.kiosk.now_s += tenths / 2


STEPS: tuple[Callable[[Played, int], None], ...] = (
    Played.tap,
    Played.walk_up,
    Played.settle,
    Played.stranger,
    Played.nobody,
    Played.stay,
    Played.wait,
)


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 40)), max_size=40))
def test_whatever_happens_a_choice_serves_one_person_in_time_and_nobody_asked_is_forgotten(
    steps: list[tuple[Callable[[Played, int], None], int]],
) -> None:
    played = Played()
    for step, how in steps:
        step(played, how)
        played.settle(0)  # as the loop does after every frame
    for each in played.kiosk.intents.answered(all_of_them=True):
        played.record(each.who, each.intent)
    used = [int(intent.work_code) for _, intent, _ in played.records if intent.work_code is not None]
    assert len(used) == len(set(used))
    for _, intent, at_s in played.records:
        if intent.work_code is not None:
            assert at_s - played.tapped[int(intent.work_code)] < CHOICE_S
    assert len(played.records) == played.episodes


@pytest.mark.parametrize(
    ("direction", "choice", "says"),
    [
        ("in", IntentChosen(direction="in"), "nobody choose"),
        ("unstated", IntentChosen(direction="out"), "nobody choose"),
        ("choose", IntentChosen(work_code="paint"), "asks for a direction"),
        ("assume", IntentChosen(work_code="sleep"), "does not use"),
    ],
)
def test_what_the_kiosk_does_not_offer_is_refused(direction: str, choice: IntentChosen, says: str) -> None:
    config = AttendanceConfig.model_validate({"direction": direction, "work_codes": ["paint"]})
    with pytest.raises(AttendanceError, match=says):
        offered(choice, config)


def test_what_the_kiosk_offers_becomes_an_intent() -> None:
    choice = IntentChosen(direction="out", work_code="paint")
    config = AttendanceConfig(direction="choose", work_codes=("paint",))
    assert offered(choice, config) == Intent(direction=Direction.OUT, work_code="paint")
    assert offered(IntentChosen(work_code="paint"), AttendanceConfig(work_codes=("paint",))).direction is None
