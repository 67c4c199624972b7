import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config.recognition import DecisionConfig
from edge.inference.decision import EXTRA_FRAMES, NEAR, Observation, TrackDecider
from edge.types.faces import Coaching
from edge.types.identity import TrackId
from edge.types.verdicts import LivenessState, Outcome, Verdict
from tests.edge.inference.given import CHAIN, LIVE, NOT_LIVE, THRESHOLD, UNDECIDED, matched, person, seen

RULES = DecisionConfig(frames=3, margin=0.05, time_limit_s=3.0)


def decider(rules: DecisionConfig = RULES) -> TrackDecider:
    return TrackDecider(TrackId(7), first_seen_s=0.0, began_s=0.0, rules=rules)


def run(*frames: Observation, rules: DecisionConfig = RULES) -> Verdict | None:
    """The verdict of the first frame that decides."""
    track = decider(rules)
    return next((verdict for frame in frames if (verdict := track.observe(frame))), None)


def test_three_agreeing_frames_recognise() -> None:
    verdict = run(*(seen(t / 10, matched(1, s)) for t, s in enumerate((0.6, 0.7, 0.9))))
    assert verdict is not None
    assert (verdict.outcome, verdict.person_id, verdict.decided_s) == (Outcome.RECOGNISED, person(1), 0.2)
    assert (verdict.score, verdict.frames_agreed, verdict.frames_matched) == (0.7, 3, 3)
    assert (verdict.track_id, verdict.model_hash, verdict.reason) == (7, CHAIN, "agreed")


def test_two_agreeing_frames_do_not() -> None:
    assert run(seen(0.0, matched(1, 0.9)), seen(0.1, matched(1, 0.9))) is None


def test_one_blurred_frame_does_not_begin_the_count_anew() -> None:
    verdict = run(*(seen(t / 10, matched(1, s)) for t, s in enumerate((0.9, 0.3, 0.9, 0.9))))
    assert verdict is not None
    assert (verdict.outcome, verdict.frames_agreed, verdict.frames_matched) == (Outcome.RECOGNISED, 3, 4)


def test_agreement_must_lie_within_the_last_frames() -> None:
    scores = (0.9, 0.45, 0.45, 0.45, 0.9, 0.9)
    assert len(scores) > RULES.frames + EXTRA_FRAMES
    assert run(*(seen(t / 10, matched(1, s)) for t, s in enumerate(scores))) is None


def test_a_frame_without_a_clear_lead_does_not_count() -> None:
    assert run(*(seen(t / 10, matched(1, 0.9, runner_up=0.87)) for t in range(5))) is None


def test_an_empty_gallery_recognises_nobody() -> None:
    verdict = run(*(seen(t / 10, matched(None, -1.0, runner_up=-1.0)) for t in range(31)))
    assert verdict is not None
    assert (verdict.outcome, verdict.person_id) == (Outcome.UNKNOWN, None)


def test_another_confident_person_in_the_same_track_restarts_the_count() -> None:
    frames = [matched(1, 0.9), matched(1, 0.9), matched(2, 0.9), matched(2, 0.9)]
    track = decider()
    assert all(track.observe(seen(t / 10, frame)) is None for t, frame in enumerate(frames))
    verdict = track.observe(seen(0.5, matched(2, 0.9)))
    assert verdict is not None
    assert (verdict.outcome, verdict.person_id, verdict.frames_agreed) == (Outcome.RECOGNISED, person(2), 3)


def test_two_people_by_turns_are_unsure() -> None:
    verdict = run(*(seen(t / 10, matched(1 + t % 2, 0.9)) for t in range(5)))
    assert verdict is not None
    assert (verdict.outcome, verdict.reason) == (Outcome.UNSURE, "conflict")


def test_matches_before_live_count_only_once_live_arrives() -> None:
    track = decider()
    for t in range(5):
        assert track.observe(seen(t / 10, matched(1, 0.9), live=UNDECIDED)) is None
    verdict = track.observe(seen(0.6, matched(1, 0.9), live=LIVE))
    assert verdict is not None
    assert verdict.outcome is Outcome.RECOGNISED


def test_undecided_liveness_at_the_limit_is_not_live() -> None:
    verdict = run(*(seen(t / 10, matched(1, 0.9), live=UNDECIDED) for t in range(31)))
    assert verdict is not None
    assert (verdict.outcome, verdict.reason, verdict.person_id) == (
        Outcome.NOT_LIVE,
        "liveness_undecided",
        None,
    )


def test_no_liveness_verdict_at_all_never_opens() -> None:
    verdict = run(*(seen(t / 10, matched(1, 0.9), live=None) for t in range(31)))
    assert verdict is not None
    assert verdict.outcome is Outcome.NOT_LIVE


def test_not_live_ends_the_track_with_its_reason() -> None:
    verdict = run(seen(0.0, matched(1, 0.9)), seen(0.1, matched(1, 0.9)), seen(0.2, live=NOT_LIVE))
    assert verdict is not None
    assert (verdict.outcome, verdict.reason) == (Outcome.NOT_LIVE, "flat_motion")


def test_a_stranger_is_unknown_after_half_the_time() -> None:
    verdict = run(*(seen(t / 10, matched(1, 0.1)) for t in range(31)))
    assert verdict is not None
    assert (verdict.outcome, verdict.decided_s, verdict.person_id) == (Outcome.UNKNOWN, 1.5, None)


def test_one_score_near_the_threshold_keeps_a_person_from_being_called_unknown() -> None:
    near = THRESHOLD - NEAR / 2
    verdict = run(*(seen(t / 10, matched(1, near if t == 3 else 0.1)) for t in range(31)))
    assert verdict is not None
    assert (verdict.outcome, verdict.decided_s, verdict.reason) == (Outcome.UNSURE, 3.0, "time_limit")


def test_an_enrolled_person_with_bad_frames_first_is_recognised_in_time() -> None:
    frames = [seen(t / 10, matched(1, 0.42)) for t in range(25)]
    frames += [seen(2.5 + t / 10, matched(1, 0.8)) for t in range(3)]
    verdict = run(*frames)
    assert verdict is not None
    assert verdict.outcome is Outcome.RECOGNISED


def test_only_poor_frames_end_with_the_last_coaching() -> None:
    frames = [seen(t / 10, coaching=Coaching.COME_CLOSER) for t in range(20)]
    frames += [seen(2 + t / 10, coaching=Coaching.TOO_DARK) for t in range(11)]
    verdict = run(*frames)
    assert verdict is not None
    assert (verdict.outcome, verdict.coaching) == (Outcome.POOR_QUALITY, Coaching.TOO_DARK)
    assert (verdict.frames_matched, verdict.score) == (0, None)


@pytest.mark.parametrize(
    ("frame", "outcome"),
    [
        (seen(0.1, matched(1, 0.9)), Outcome.UNSURE),
        (seen(0.1, coaching=Coaching.LOOK_HERE), Outcome.POOR_QUALITY),
    ],
)
def test_who_leaves_early_was_not_decided(frame: Observation, outcome: Outcome) -> None:
    track = decider()
    track.observe(frame)
    verdict = track.leave(0.9)
    assert verdict is not None
    assert (verdict.outcome, verdict.reason, verdict.decided_s) == (outcome, "left", 0.9)


def test_a_track_has_exactly_one_verdict() -> None:
    track = decider()
    verdicts = [track.observe(seen(t / 10, matched(1, 0.9))) for t in range(60)]
    assert [v for v in verdicts if v] == [track.verdict]
    assert track.leave(9.0) is None


scores = st.floats(-1, 1, allow_nan=False)
observations = st.lists(
    st.tuples(
        st.integers(1, 3),
        scores,
        scores,
        st.sampled_from([LIVE, LIVE, LIVE, UNDECIDED, NOT_LIVE]),
        st.booleans(),
    ),
    max_size=40,
)


@given(observations, st.integers(1, 6), st.floats(0, 0.5))
@settings(max_examples=300)
def test_success_needs_agreement_a_threshold_a_lead_and_life(
    drawn: list[tuple[int, float, float, object, bool]], frames: int, margin: float
) -> None:
    """Never with fewer than N agreeing frames, below the threshold, or without LIVE at that moment."""
    rules = DecisionConfig(frames=frames, margin=margin, time_limit_s=3.0)
    track = decider(rules)
    past: list[Observation] = []
    for index, (who, score, runner_up, live, poor) in enumerate(drawn):
        frame = (
            seen(index / 15, coaching=Coaching.HOLD_STILL)
            if poor
            else seen(index / 15, matched(who, score, runner_up=min(score, runner_up)), live=live)  # type: ignore[arg-type]
        )
        past.append(frame)
        verdict = track.observe(frame)
        if verdict is None:
            continue
        if verdict.outcome is not Outcome.RECOGNISED:
            assert verdict.person_id is None
            return
        good = [o.compared for o in past if o.compared is not None][-(frames + EXTRA_FRAMES) :]
        own = [
            c
            for c in good
            if c.match.person_id == verdict.person_id
            and c.match.score >= THRESHOLD
            and c.match.margin >= margin
        ]
        assert len(own) >= frames
        assert verdict.frames_agreed >= frames
        last = [o.liveness for o in past if o.liveness is not None][-1]
        assert last.state is LivenessState.LIVE
        return


@given(observations)
@settings(max_examples=200)
def test_every_track_gets_a_verdict_by_its_limit_or_its_end(
    drawn: list[tuple[int, float, float, object, bool]],
) -> None:
    track = decider()
    verdicts = []
    for index, (who, score, _, live, poor) in enumerate(drawn):
        frame = (
            seen(index / 5, coaching=Coaching.TOO_DARK)
            if poor
            else seen(index / 5, matched(who, score), live=live)  # type: ignore[arg-type]
        )
        verdicts.append(track.observe(frame))
        if index / 5 >= RULES.time_limit_s:
            assert track.verdict is not None
    verdicts.append(track.leave(len(drawn) / 5))
    assert len([v for v in verdicts if v is not None]) == 1
