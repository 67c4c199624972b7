from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from sync.office.attendance import (
    Correction,
    CorrectionKind,
    Direction,
    Flag,
    PersonDay,
    Record,
    Rules,
    corrected,
    days_of,
)

MADRID = Rules(zone=ZoneInfo("Europe/Madrid"))
ANA = "a" * 32
LATER = datetime(2026, 11, 30, tzinfo=UTC)


def at(text: str, *, stated: Direction | None = None, key: int = 0, **more: object) -> Record:
    moment = datetime.fromisoformat(f"2026-11-{text}").replace(tzinfo=ZoneInfo("Europe/Madrid"))
    record = Record(key=key, person=ANA, at=moment.astimezone(UTC), day=None, stated=stated)
    return Record(**{name: getattr(record, name) for name in Record.__slots__} | more)  # type: ignore[arg-type]


def day(*records: Record, rules: Rules = MADRID, now: datetime = LATER) -> PersonDay:
    (only,) = days_of(records, rules=rules, now=now)
    return only


def test_the_first_record_is_an_in_and_the_next_at_any_kiosk_an_out() -> None:
    seen = day(at("09 08:00", device="door"), at("09 17:00", device="gate"))
    assert (seen.day, seen.worked_s, seen.flags) == (date(2026, 11, 9), 9 * 3600, ())


def test_a_lunch_break_is_not_worked() -> None:
    assert day(at("09 08:00"), at("09 12:00"), at("09 13:00"), at("09 17:00")).worked_s == 8 * 3600


def test_a_night_shift_counts_for_the_day_on_which_it_began() -> None:
    seen = day(at("09 22:00"), at("10 06:00"))
    assert (seen.day, seen.worked_s) == (date(2026, 11, 9), 8 * 3600)


def test_a_forgotten_out_is_missing_and_the_next_day_begins_anew() -> None:
    first, second = days_of([at("09 08:00"), at("10 08:00"), at("10 16:00")], rules=MADRID, now=LATER)
    assert (first.flags, first.worked_s) == ((Flag.MISSING_OUT,), 0)
    assert (second.flags, second.worked_s) == ((), 8 * 3600)


def test_who_came_in_this_morning_is_still_in() -> None:
    now = datetime(2026, 11, 9, 10, tzinfo=UTC)
    assert day(at("09 08:00"), now=now).flags == (Flag.STILL_IN,)


def test_an_out_without_an_in_says_so() -> None:
    assert day(at("09 17:00", stated=Direction.OUT)).flags == (Flag.MISSING_IN,)


def test_a_direction_that_was_chosen_stands() -> None:
    first, second = day(at("09 08:00", stated=Direction.IN), at("09 09:00", stated=Direction.IN)).stays
    assert first.ended is None
    assert second.began is not None


def test_the_same_person_at_the_next_kiosk_within_a_minute_is_one_record() -> None:
    seen = day(at("09 08:00:00", device="door"), at("09 08:00:40", device="gate"), at("09 17:00"))
    assert seen.worked_s == 9 * 3600


def test_leaving_at_once_by_choice_is_no_repeat() -> None:
    seen = day(at("09 08:00:00", stated=Direction.IN), at("09 08:00:30", stated=Direction.OUT))
    assert seen.worked_s == 30


def test_a_clock_that_nobody_vouches_for_is_marked() -> None:
    seen = day(at("09 08:00", trusted=False), at("09 17:00", clock_corrected=True))
    assert seen.flags == (Flag.CLOCK_CORRECTED, Flag.UNTRUSTED_CLOCK)


def test_hours_over_a_change_of_clocks_are_hours_that_passed() -> None:
    spring = Rules(zone=ZoneInfo("Europe/Madrid"))
    came = Record(key=1, person=ANA, at=datetime(2026, 3, 28, 22, tzinfo=UTC), day=None, stated=None)
    went = Record(key=2, person=ANA, at=datetime(2026, 3, 29, 6, tzinfo=UTC), day=None, stated=None)
    seen = day(came, went, rules=spring)
    assert (seen.day, seen.worked_s) == (date(2026, 3, 28), 8 * 3600)


def test_a_holiday_is_marked() -> None:
    rules = Rules(zone=MADRID.zone, holidays=frozenset({date(2026, 11, 9)}))
    assert day(at("09 08:00"), at("09 12:00"), rules=rules).flags == (Flag.HOLIDAY,)


def test_an_approved_correction_adds_the_forgotten_out() -> None:
    out = Correction(CorrectionKind.ADD_EVENT, ANA, at=at("09 17:00").at, direction=Direction.OUT)
    seen = day(*corrected([at("09 08:00", key=1)], [out]))
    assert (seen.worked_s, seen.flags) == (9 * 3600, (Flag.CORRECTED,))


def test_a_voided_record_counts_no_more_and_a_moved_one_counts_where_it_is_now() -> None:
    records = [at("09 08:00", key=1), at("09 09:30", key=2), at("09 17:00", key=3)]
    changes = [
        Correction(CorrectionKind.VOID_EVENT, ANA, key=2),
        Correction(CorrectionKind.CHANGE_TIME, ANA, key=3, at=at("09 16:00").at),
    ]
    assert day(*corrected(records, changes)).worked_s == 8 * 3600


def test_a_direction_can_be_corrected() -> None:
    records = [at("09 08:00", key=1, stated=Direction.OUT), at("09 17:00", key=2, stated=Direction.OUT)]
    change = Correction(CorrectionKind.CHANGE_DIRECTION, ANA, key=1, direction=Direction.IN)
    assert day(*corrected(records, [change])).worked_s == 9 * 3600


def test_a_correction_of_another_persons_record_changes_nothing() -> None:
    record = at("09 08:00", key=1)
    assert corrected([record], [Correction(CorrectionKind.VOID_EVENT, "b" * 32, key=1)]) == [record]


RECORDS = st.lists(
    st.builds(
        lambda key, minutes, stated: Record(
            key=key,
            person=ANA,
            at=datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=minutes),
            day=None,
            stated=stated,
        ),
        st.integers(0, 10**6),
        st.integers(0, 14 * 24 * 60),
        st.sampled_from([None, None, Direction.IN, Direction.OUT]),
    ),
    max_size=40,
    unique_by=lambda record: (record.key, record.at),
)


@given(RECORDS, st.randoms())
def test_the_order_of_arrival_changes_nothing(records: list[Record], random: object) -> None:
    shuffled = list(records)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert days_of(shuffled, rules=MADRID, now=LATER) == days_of(records, rules=MADRID, now=LATER)


@given(RECORDS)
def test_no_record_counts_twice_and_no_stay_is_longer_than_the_rules_allow(records: list[Record]) -> None:
    days = days_of(records, rules=MADRID, now=LATER)
    used = [each for day in days for stay in day.stays for each in (stay.began, stay.ended) if each]
    assert len({id(each) for each in used}) == len(used)
    assert all(stay.seconds < MADRID.open_for_s for day in days for stay in day.stays)
    assert all(
        stay.ended.at >= stay.began.at for day in days for stay in day.stays if stay.began and stay.ended
    )
