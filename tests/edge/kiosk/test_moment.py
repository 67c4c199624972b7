"""What the screen shows at a moment: results that wait for their person, nothing confirmed without a record."""

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from edge.api.protocol.stage import AnnouncementLine
from edge.api.views import announcement_line
from edge.kiosk.screen.director import Director
from edge.kiosk.screen.moment import Choice, Moment, State
from edge.types.announcements import Announcement
from edge.types.faces import Coaching
from edge.types.verdicts import Outcome
from tests.edge.kiosk import given


class Played:
    """A director, and the clock in the tester's hand."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.director = Director(greeting_s=4.0, now_s=self.now_s)

    def hear(self, *announcements: Announcement) -> "Played":
        for each in announcements:
            self.director.hear(announcement_line(each), self.now_s)
        return self

    def after(self, seconds: float) -> "Played":
        self.now_s += seconds
        return self

    @property
    def moment(self) -> Moment:
        return self.director.moment(self.now_s)

    @property
    def state(self) -> State:
        return self.moment.state


def test_without_edge_it_starts_and_after_a_minute_it_says_so() -> None:
    played = Played()
    assert played.state is State.STARTING
    assert (played.after(61).state, played.moment.code) == (State.OUT_OF_SERVICE, "edge_gone")
    assert played.hear(given.attract()).state is State.ATTRACT


def test_a_result_stays_until_its_person_has_left_however_long_that_takes() -> None:
    played = Played().hear(given.attract(), given.recorded("Ana"))
    assert played.after(300).state is State.RECORDED
    assert played.hear(given.attract()).state is State.ATTRACT


def test_a_result_stays_its_least_time_though_its_person_is_gone_at_once() -> None:
    played = Played().hear(given.recorded("Ana"), given.attract())
    assert played.after(3.9).state is State.RECORDED
    assert played.after(0.2).state is State.ATTRACT


def test_whoever_comes_next_is_guided_soon_but_not_at_once() -> None:
    played = Played().hear(given.recorded("Ana"), given.guidance(Coaching.LOOK_HERE))
    assert played.after(1.0).state is State.RECORDED
    assert played.after(1.1).state is State.GUIDANCE


def test_a_newer_result_replaces_an_older_one_at_once() -> None:
    played = Played().hear(given.recorded("Ana"), given.recorded("Bo"))
    assert played.moment.greeting == "Bo"


def test_a_person_who_has_walked_off_is_told_nothing() -> None:
    played = Played().hear(given.attract(), given.refused(Outcome.POOR_QUALITY, "left"))
    assert played.state is State.ATTRACT


def test_the_question_for_a_direction_waits_as_long_as_edge_does_though_nobody_looks_up() -> None:
    played = Played().hear(given.choose(), given.attract())
    assert played.after(11).state is State.CHOOSE
    assert played.hear(given.recorded("Ana")).state is State.RECORDED


def test_edge_that_goes_takes_the_greeting_with_it() -> None:
    played = Played().hear(given.message("Fire drill"), given.recorded("Ana"))
    played.director.gone(played.now_s)
    assert (played.state, played.director.board) == (State.STARTING, ())


def test_identify_stands_before_all_for_its_time() -> None:
    played = Played().hear(given.recorded("Ana"), given.identify(10))
    assert played.after(9).state is State.IDENTIFY
    assert played.after(2).state is State.RECORDED


def test_what_could_not_be_stored_is_never_a_confirmation() -> None:
    assert Played().hear(given.not_stored()).state is State.NOT_STORED


def test_the_time_is_the_site_s() -> None:
    moment = Played().hear(given.recorded("Ana")).moment
    assert moment.at is not None
    assert moment.at.strftime("%H:%M") == "08:02"


@drawn(
    st.lists(
        st.sampled_from(
            [given.attract(), given.guidance(Coaching.HOLD_STILL), given.refused(), given.several(),
             given.choose(), given.out("camera_lost"), given.not_stored(), given.message("x")]
        )
    ),
    st.floats(0, 100),
)  # fmt: skip
def test_nothing_is_ever_confirmed_without_a_committed_record(heard: list[Announcement], wait_s: float) -> None:
    played = Played().hear(*heard).after(wait_s)
    assert played.state not in {State.RECORDED, State.ALREADY_RECORDED}


@pytest.mark.parametrize("notice", ["recorded", "already_recorded"])
def test_a_confirmation_whose_record_is_missing_shows_nothing(notice: str) -> None:
    played = Played().hear(given.attract())
    played.director.hear(AnnouncementLine(notice=notice, greeting="Ana"), played.now_s)
    assert played.state is State.ATTRACT


def test_a_greeting_stands_in_no_traceback() -> None:
    assert "Ana" not in repr(Played().hear(given.recorded("Ana")).moment)


def test_a_question_for_a_pin_stands_until_edge_stops_waiting() -> None:
    played = Played().hear(given.attract(), given.enter_pin(seconds=30))
    assert played.state is State.ENTER_PIN
    assert played.after(29).state is State.ENTER_PIN
    assert played.after(2).state is State.ATTRACT


def test_a_wrong_pin_gives_the_whole_time_again_and_a_hold_does_too() -> None:
    played = Played().hear(given.enter_pin(seconds=30)).after(25).hear(given.badge_refused("pin_not_accepted"))
    assert played.after(25).state is State.ENTER_PIN
    question = played.moment.question
    assert question is not None
    assert question.wrong == 1
    played.director.held(30.0, played.now_s)
    assert played.after(29).state is State.ENTER_PIN


def test_a_lock_out_ends_the_question_and_says_how_long() -> None:
    played = Played().hear(given.attract(), given.enter_pin())
    played.hear(given.badge_refused("pin_not_accepted", seconds=30))
    assert (played.state, played.moment.code) == (State.BADGE_REFUSED, "pin_wait")
    assert played.moment.until_s == played.now_s + 30
    assert played.after(21).state is State.ATTRACT


def test_a_question_that_still_stands_comes_back_after_a_greeting_and_an_answered_one_does_not() -> None:
    played = Played().hear(given.enter_pin(), given.recorded("Bo", prompt=given.PROMPT))
    assert played.state is State.RECORDED
    assert played.after(2.1).state is State.ENTER_PIN
    played.director.answered(played.now_s)
    assert played.hear(given.recorded("Ana")).state is State.RECORDED
    assert played.after(2.1).state is State.RECORDED


def test_a_cancelled_question_is_gone_at_once() -> None:
    played = Played().hear(given.attract(), given.enter_pin())
    played.director.cancelled()
    assert played.state is State.ATTRACT


def test_what_a_person_may_say_of_their_record_ends_by_itself() -> None:
    played = Played().hear(given.recorded("Ana"))
    assert (played.moment.may_disown, played.moment.may_ask) == (True, True)
    assert (played.after(16).moment.may_disown, played.moment.may_ask) == (False, True)
    assert not played.after(50).moment.may_ask
    assert played.moment.record == ("000001-9f86d081884c7d65", 7)


def test_nothing_of_a_repeat_may_be_disowned() -> None:
    assert not Played().hear(given.recorded("Ana", again=True)).moment.may_disown


def test_a_language_that_was_touched_goes_after_its_visitor_and_never_before_a_person_s_own() -> None:
    played = Played().hear(given.attract())
    played.director.speak("ar", played.now_s)
    assert played.moment.language == "ar"
    assert played.hear(given.recorded("Ana", language="es")).moment.language == "es"
    assert played.hear(given.attract()).after(61).moment.language == ""


def test_a_choice_waits_fifteen_seconds_and_is_used_up_by_a_record() -> None:
    played = Played().hear(given.attract())
    played.director.chose(Choice("out"), played.now_s)
    assert played.after(14).moment.chosen == Choice("out")
    assert played.after(2).moment.chosen is None
    played.director.chose(Choice("out"), played.now_s)
    assert played.hear(given.recorded("Ana")).moment.chosen is None


def test_the_screen_sleeps_only_when_nobody_has_been_there_and_only_at_night() -> None:
    played = Played()
    played.director = Director(greeting_s=4.0, now_s=played.now_s, sleep_after_s=60.0)
    played.hear(given.attract()).after(61)
    assert played.director.moment(played.now_s, night=False).state is State.ATTRACT
    assert played.state is State.ASLEEP
    played.director.touched(played.now_s)
    assert played.state is State.ATTRACT
    assert played.after(61).hear(given.guidance(Coaching.LOOK_HERE)).state is State.GUIDANCE
    assert played.hear(given.out("camera_lost")).after(120).state is State.OUT_OF_SERVICE


def test_a_refused_badge_is_said_for_a_moment_though_nobody_is_seen_to_leave() -> None:
    played = Played().hear(given.attract(), given.badge_refused())
    assert played.after(5).state is State.BADGE_REFUSED
    assert played.after(2).state is State.ATTRACT
