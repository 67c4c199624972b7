"""What plays when: pure, with the time given."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.signals.cues import DIM, RESULTS, STANDING, Colour, Programme, Score
from edge.types.announcements import Announcement, Notice
from tests.edge.signals.given import recorded


def programme(*, dims: bool = True) -> Programme:
    return Programme(result_s=2.5, dims=dims)


def rhythm(score: Score, *, for_s: float = 2.5) -> tuple[tuple[bool, float], ...]:
    """Lit or not, and for how long: what somebody sees who cannot tell colours."""
    left_s, beats = for_s, []
    for step in itertools.cycle(score):
        beats.append((step.level > 0, round(min(step.seconds, left_s), 3)))
        left_s -= step.seconds
        if left_s <= 0:
            break
    merged: list[tuple[bool, float]] = []
    for lit, seconds in beats:
        if merged and merged[-1][0] == lit:
            merged[-1] = (lit, round(merged[-1][1] + seconds, 3))
        else:
            merged.append((lit, seconds))
    return tuple(merged)


def test_no_two_results_look_alike_to_somebody_who_cannot_tell_colours() -> None:
    shown = {notice: rhythm(score) for notice, score in RESULTS.items()}
    assert len(set(shown.values())) == len(shown), shown


def test_no_two_results_sound_alike_on_a_buzzer_of_one_pitch() -> None:
    heard = {
        notice: tuple((step.buzz, step.seconds) for step in score if step.buzz)
        for notice, score in RESULTS.items()
    }
    assert len(set(heard.values())) == len(heard), heard


@pytest.mark.parametrize("notice", sorted(RESULTS))
def test_a_result_is_longer_than_it_may_be_shown_or_may_be_played_again(notice: Notice) -> None:
    if notice is not Notice.IDENTIFY:
        assert sum(step.seconds for step in RESULTS[notice]) >= 10.0  # light.result_s at most


def test_every_notice_but_a_message_has_a_cue() -> None:
    assert set(Notice) - set(RESULTS) - set(STANDING) == {Notice.MESSAGE}


def test_before_anything_is_announced_the_light_is_off() -> None:
    assert programme().at(0.0)[0].colour is Colour.OFF


def test_waiting_is_a_dim_light_and_a_wink_where_a_pin_cannot_dim() -> None:
    dim, wink = programme(), programme(dims=False)
    for each in (dim, wink):
        each.take(Announcement(Notice.ATTRACT), 0.0)
    assert dim.at(1.0)[0].level == DIM
    assert [wink.at(moment)[0].level for moment in (0.01, 0.1, 2.9, 3.01)] == [1.0, 0.0, 0.0, 1.0]


def test_a_result_is_over_after_its_time_and_what_stands_comes_back() -> None:
    playing = programme()
    playing.take(Announcement(Notice.ATTRACT), 0.0)
    playing.take(recorded(), 10.0)
    assert playing.at(10.1)[0].colour is Colour.GREEN
    assert playing.at(12.49)[0].colour is Colour.GREEN
    assert playing.at(12.5)[0].colour is Colour.WHITE


def test_the_newest_result_wins_at_once() -> None:
    playing = programme()
    playing.take(recorded(), 10.0)
    playing.take(Announcement(Notice.NOT_RECOGNISED), 10.1)
    assert playing.at(10.2)[0].colour is Colour.AMBER


def test_guidance_does_not_cut_a_result_short() -> None:
    playing = programme()
    playing.take(recorded(), 10.0)
    playing.take(Announcement(Notice.GUIDANCE), 10.1)
    assert playing.at(10.2)[0].colour is Colour.GREEN


def test_identify_blinks_for_the_seconds_that_were_asked_for() -> None:
    playing = programme()
    playing.take(Announcement(Notice.ATTRACT), 0.0)
    playing.take(Announcement(Notice.IDENTIFY, seconds=30), 0.0)
    seen = {playing.at(moment / 8)[0].level for moment in range(8 * 30)}
    assert seen == {0.0, 1.0}
    assert playing.at(30.0)[0].level == DIM


def test_the_same_state_again_is_no_news() -> None:
    playing = programme()
    assert playing.take(Announcement(Notice.OUT_OF_SERVICE), 0.0)
    assert not playing.take(Announcement(Notice.OUT_OF_SERVICE, detail="camera_lost"), 1.0)


@given(
    taken=st.lists(
        st.tuples(st.sampled_from(list(Notice)), st.floats(0, 1e6), st.integers(0, 300)), max_size=8
    ),
    moments=st.lists(st.floats(0, 1e6), min_size=1, max_size=8),
)
def test_there_is_always_a_step_that_ends(taken: list[tuple[Notice, float, int]], moments: list[float]) -> None:
    playing = programme()
    for notice, moment, seconds in taken:
        playing.take(Announcement(notice, seconds=seconds), moment)
    for moment in moments:
        step, stands_s = playing.at(moment)
        assert 0.0 <= step.level <= 1.0
        assert 0.0 < stands_s <= 60.0
