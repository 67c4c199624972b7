from datetime import date, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.attendance.days import attendance_day
from edge.attendance.rules import (
    NO_INTENT,
    Identification,
    Intent,
    Record,
    RefusalReason,
    Refused,
    Repeat,
    decide,
)
from edge.config.attendance import AttendanceConfig, ShiftConfig
from edge.errors import AttendanceError
from edge.types.clock import ClockTrust, Instant
from edge.types.identity import ModelHash
from edge.types.punches import Direction, Method, Punch
from edge.types.verdicts import Outcome, Verdict
from tests.edge.attendance.given import (
    ANNA,
    BERT,
    MADRID,
    directions,
    instant,
    instants,
    moment,
    punch,
    zones,
)
from tests.fakes import ManualClock

EIGHT = moment("2026-03-02T08:00:00")
ANNA_BY_FACE = Verdict(
    outcome=Outcome.RECOGNISED, decided_s=1.0, person_id=ANNA, score=0.7, model_hash=ModelHash("m")
)
ANNA_BY_BADGE = Identification(person_id=ANNA, method=Method.BADGE)
SITE = AttendanceConfig()


def ruled(
    at: Instant, last: Punch | None, config: AttendanceConfig = SITE, intent: Intent = NO_INTENT
) -> object:
    return decide(ANNA_BY_BADGE, at=at, last=last, config=config, zone=MADRID, intent=intent)


def recorded(at: Instant, last: Punch | None, config: AttendanceConfig = SITE) -> Punch:
    ruling = ruled(at, last, config)
    assert isinstance(ruling, Record)
    return ruling.punch


def test_a_recognised_face_becomes_a_record_that_says_how_it_came_about() -> None:
    ruling = decide(ANNA_BY_FACE, at=instant(EIGHT), last=None, config=SITE, zone=MADRID)
    assert isinstance(ruling, Record)
    made = ruling.punch
    assert (made.person_id, made.method, made.score, made.model_hash) == (ANNA, Method.FACE, 0.7, "m")
    assert (made.direction, made.day, made.at) == (Direction.IN, date(2026, 3, 2), instant(EIGHT))


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.RECOGNISED])
def test_no_other_verdict_records_anything(outcome: Outcome) -> None:
    verdict = Verdict(outcome=outcome, decided_s=1.0, person_id=ANNA)
    ruling = decide(verdict, at=instant(EIGHT), last=None, config=SITE, zone=MADRID)
    assert ruling == Refused(RefusalReason.NOT_RECOGNISED)


def test_a_recognition_of_nobody_records_nothing() -> None:
    verdict = Verdict(outcome=Outcome.RECOGNISED, decided_s=1.0)
    ruling = decide(verdict, at=instant(EIGHT), last=None, config=SITE, zone=MADRID)
    assert ruling == Refused(RefusalReason.NOT_RECOGNISED)


def test_a_second_look_names_the_record_that_stands() -> None:
    clock = ManualClock()
    first = recorded(clock.now(), None)
    assert ruled(clock.advance(30), first) == Repeat(of=first)


def test_another_persons_last_record_is_an_error() -> None:
    with pytest.raises(AttendanceError, match="another person"):
        ruled(instant(EIGHT), punch(instant(EIGHT), person=BERT))


def test_a_code_that_the_site_does_not_offer_is_refused() -> None:
    config = AttendanceConfig(work_codes=("paint",))
    assert ruled(instant(EIGHT), None, config, Intent(work_code="weld")) == Refused(
        RefusalReason.WORK_CODE_NOT_OFFERED
    )
    ruling = ruled(instant(EIGHT), None, config, Intent(work_code="paint"))
    assert isinstance(ruling, Record)
    assert ruling.punch.work_code == "paint"


def test_the_screen_is_told_to_ask_and_then_the_answer_is_recorded() -> None:
    config = AttendanceConfig(direction="choose")
    assert ruled(instant(EIGHT), None, config) == Refused(RefusalReason.DIRECTION_NEEDED)
    ruling = ruled(instant(EIGHT), None, config, Intent(direction=Direction.OUT))
    assert isinstance(ruling, Record)
    assert ruling.punch.direction is Direction.OUT


def test_leaving_counts_for_the_day_of_arriving_also_without_shifts() -> None:
    clock = ManualClock(instant(moment("2026-03-02T21:55:00")))
    arrived = recorded(clock.now(), None)
    left = recorded(clock.advance(8.5 * 3600), arrived)
    assert (left.direction, left.day) == (Direction.OUT, date(2026, 3, 2))


def test_an_arrival_forgotten_to_be_closed_does_not_lend_its_day() -> None:
    clock = ManualClock(instant(moment("2026-03-02T08:00:00")))
    arrived = recorded(clock.now(), None)
    later = recorded(clock.advance(24 * 3600), arrived)
    assert (later.direction, later.day) == (Direction.IN, date(2026, 3, 3))


def test_a_chosen_out_long_after_the_last_in_counts_by_its_own_time() -> None:
    clock = ManualClock(instant(moment("2026-03-02T08:00:00")))
    arrived = recorded(clock.now(), None)
    ruling = ruled(clock.advance(33 * 3600), arrived, SITE, Intent(direction=Direction.OUT))
    assert isinstance(ruling, Record)
    assert ruling.punch.day == date(2026, 3, 3)


def test_leaving_counts_for_the_day_of_arriving_also_if_the_settings_changed_meanwhile() -> None:
    clock = ManualClock(instant(moment("2026-03-02T04:30:00")))
    arrived = recorded(clock.now(), None)
    later = AttendanceConfig(day_starts=time(6))
    left = recorded(clock.advance(3600), arrived, later)
    assert (arrived.day, left.day) == (date(2026, 3, 2), date(2026, 3, 2))


def test_leaving_after_the_clock_was_set_counts_for_the_day_on_which_the_stay_really_began() -> None:
    clock = ManualClock(instant(moment("2026-03-02T21:55:00"), trust=ClockTrust.UNSYNCHRONISED))
    arrived = recorded(clock.now(), None)
    clock.advance(8 * 3600)
    clock.jump(100 * 86_400)
    unsure = recorded(clock.now(), arrived)
    assert (unsure.direction, unsure.day) == (Direction.OUT, date(2026, 3, 2))
    left = recorded(clock.trust(ClockTrust.SYNCHRONISED), arrived)
    assert (left.direction, left.day) == (Direction.OUT, date(2026, 6, 10))


def test_a_week_of_nights_over_the_end_of_summer_time_pairs_up() -> None:
    night = ShiftConfig(name="night", starts=time(22), ends=time(6))
    config = AttendanceConfig(shifts=(night,))
    last, days = None, []
    for day in range(22, 29):
        for local in (f"2026-10-{day:02}T21:50:00", f"2026-10-{day + 1:02}T06:05:00"):
            wall = moment(local)
            last = recorded(instant(wall, boottime_s=wall.timestamp()), last, config)
            days.append((last.direction, last.day.day))
    assert days == [(d, day) for day in range(22, 29) for d in (Direction.IN, Direction.OUT)]


configs = st.builds(
    AttendanceConfig,
    direction=st.sampled_from(["in", "out", "assume", "choose", "unstated"]),
    sole_kiosk=st.booleans(),
    repeat_s=st.sampled_from([0.0, 60.0, 86_400.0]),
    shifts=st.sampled_from([(), (ShiftConfig(name="night", starts=time(22), ends=time(6)),)]),
    work_codes=st.sampled_from([(), ("paint",)]),
)


@given(
    at=instants,
    last=st.none() | st.builds(punch, instants, directions),
    config=configs,
    zone=zones,
    intent=st.builds(Intent, st.none() | directions, st.none() | st.just("paint")),
)
def test_every_input_gets_exactly_one_ruling_and_a_record_is_consistent(
    at: Instant, last: Punch | None, config: AttendanceConfig, zone: ZoneInfo, intent: Intent
) -> None:
    ruling = decide(ANNA_BY_FACE, at=at, last=last, config=config, zone=zone, intent=intent)
    if isinstance(ruling, Repeat):
        assert ruling.of is last
    elif isinstance(ruling, Record):
        made = ruling.punch
        assert made.at is at
        assert made.work_code == intent.work_code
        own = attendance_day(at.wall, direction=made.direction, config=config, zone=zone)
        assert made.day == own or (made.direction is Direction.OUT and last is not None)
    else:
        assert ruling.reason is not RefusalReason.NOT_RECOGNISED


@given(at=instants, last=st.none() | st.builds(punch, instants, directions), config=configs)
def test_a_badge_or_pin_is_ruled_as_a_face_is(
    at: Instant, last: Punch | None, config: AttendanceConfig
) -> None:
    by_face = decide(ANNA_BY_FACE, at=at, last=last, config=config, zone=MADRID)
    by_badge = decide(ANNA_BY_BADGE, at=at, last=last, config=config, zone=MADRID)
    assert type(by_face) is type(by_badge)
    if isinstance(by_face, Record) and isinstance(by_badge, Record):
        assert by_face.punch.direction is by_badge.punch.direction
        assert by_face.punch.day == by_badge.punch.day


def test_a_person_is_neither_locked_out_nor_recorded_twice_by_a_clock_that_comes_and_goes() -> None:
    clock = ManualClock()
    arrived = recorded(clock.now(), None)
    clock.advance(1800)
    clock.reboot(boottime_s=20)
    clock.trust(ClockTrust.UNSYNCHRONISED)
    clock.jump(-1790)
    assert isinstance(ruled(clock.now(), arrived), Repeat)
    second = recorded(clock.advance(120), arrived)
    assert second.direction is Direction.UNSTATED
    clock.trust(ClockTrust.SYNCHRONISED)
    assert isinstance(ruled(clock.jump(100_000), second), Repeat)
    assert isinstance(ruled(clock.advance(61), second), Record)
