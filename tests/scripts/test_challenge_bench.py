"""Simulated people and attackers in a closed loop with the challenge: who answers, when, and which way."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.config.tree import Config
from edge.evaluation.liveness_run import open_trial
from edge.evaluation.liveness_trial import Response, Result
from edge.evaluation.presentations import Kind, Presentation
from edge.inference.models import SHIPPED_MODELS, ModelStore
from edge.inference.pad.challenge import Challenge, Progress, Sight
from edge.inference.quality import pose
from edge.types.faces import Box, Coaching, Frame, Landmarks, TrackedFace
from edge.types.identity import PersonId
from edge.types.verdicts import LivenessState, LivenessVerdict
from scripts.challenge_bench import perform, report_of, table
from scripts.pad_bench.acts import ATTACKS, LATE, LIVING, PROMPT, WRONG, Company, Swap, answering
from scripts.pad_bench.camera import FPS, FinalCamera
from scripts.pad_bench.motion import Pose
from scripts.pad_bench.responding import FURTHEST, Manner, Posture, Recorded, Responder, steered
from scripts.pad_bench.sources import Finder

ORDERS = (
    (Coaching.TURN_LEFT, Coaching.TURN_RIGHT),
    (Coaching.TURN_RIGHT, Coaching.COME_CLOSER),
    (Coaching.COME_CLOSER, Coaching.TURN_LEFT),
)


def ended(moves: Responder, asked: Sequence[Coaching]) -> Progress:
    """How a challenge of these requests ends for a face whose sights follow its posture."""
    challenge = Challenge(asked, before=None)
    for index in range(round(20 * FPS)):
        at_s = index / FPS
        posture = moves.at(at_s)
        width = 100 * posture.closer
        box = Box(320 - width / 2, 240 - width / 2, width, width)
        if challenge.see(Sight(at_s, box, math.degrees(posture.yaw))) is not Progress.ASKING:
            break
        moves.hear(challenge.asks, at_s)
    return challenge.progress


def responder(manner: Manner, seed: int) -> Responder:
    return Responder(manner, np.random.default_rng(seed))


@pytest.mark.parametrize("asked", ORDERS)
@pytest.mark.parametrize("seed", range(3))
def test_who_answers_promptly_or_late_passes_and_the_wrong_way_fails(asked: tuple[Coaching, ...], seed: int):
    for manner, progress in ((PROMPT, Progress.PASSED), (LATE, Progress.PASSED), (WRONG, Progress.WRONG)):
        moves = responder(manner, seed)
        assert ended(moves, asked) is progress


def test_who_takes_longer_than_the_challenge_waits_is_too_slow():
    moves = responder(Manner(latency_s=(4.2, 4.5), takes_s=(0.5, 0.6), yaw=(0.5, 0.6)), 0)
    assert ended(moves, ORDERS[0]) is Progress.TOO_SLOW


def test_nobody_moves_before_their_latency_is_over_and_a_request_heard_twice_is_one():
    moves = responder(PROMPT, 1)
    moves.hear(Coaching.TURN_RIGHT, 1.0)
    moves.hear(Coaching.TURN_RIGHT, 1.2)
    moves.hear(None, 1.3)
    assert moves.at(1.4) == Posture()
    assert moves.at(4.0).yaw < -0.4
    moves.hear(Coaching.LOOK_HERE, 4.0)
    assert moves.at(7.0).yaw == pytest.approx(0)


def test_who_is_still_asked_after_turning_turns_further_and_not_without_end():
    moves = responder(PROMPT, 1)
    times = np.arange(0, 12, 1 / FPS)
    for at_s in times:
        moves.hear(Coaching.TURN_LEFT, float(at_s))
    yaw = [moves.at(float(at_s)).yaw for at_s in times]
    assert PROMPT.yaw[1] < yaw[-1] <= FURTHEST
    assert max(np.diff(yaw)) < 0.2


def test_a_film_hears_nothing_and_moves_all_the_same():
    deaf, asked = (Recorded(PROMPT, np.random.default_rng(2), length_s=20.0) for _ in range(2))
    asked.hear(Coaching.TURN_LEFT, 0.1)
    times = np.arange(0, 20, 0.25)
    assert [deaf.at(at_s) for at_s in times] == [asked.at(at_s) for at_s in times]
    assert len({round(deaf.at(at_s).yaw, 3) for at_s in times}) > 5


def test_a_hand_turns_a_sheet_to_the_side_on_which_a_head_would_turn_left():
    moves = responder(PROMPT, 3)
    moves.hear(Coaching.TURN_LEFT, 0.0)
    turned = steered(moves)(5.0, Pose(np.array([0.0, 0.0, 400.0]), np.eye(3)))
    out_of_the_face = -turned.normal
    assert out_of_the_face[0] > 0.3  # the person's left is on the right of a picture that is not mirrored
    assert out_of_the_face[2] < 0


def test_somebody_else_is_there_only_while_something_is_asked():
    shown, living = (np.full((1, 1, 3), value, np.float32) for value in (0.0, 1.0))
    swap = Swap(lambda _s: shown, lambda _s: living, responder(PROMPT, 0), np.random.default_rng(0))
    swap.hear(Coaching.LOOK_HERE, 0.2)
    assert swap.view(1.0) is shown
    swap.hear(Coaching.TURN_LEFT, 1.0)
    assert swap.view(1.05) is shown
    assert swap.view(2.0) is living
    swap.hear(Coaching.LOOK_HERE, 2.0)
    assert swap.view(3.0) is shown


class AsksForALeftTurn:
    """A seam that is content when the head was turned to the left, and looked ahead before."""

    def __init__(self) -> None:
        self.seen_deg: list[float] = []

    def judge(self, frame: Frame, face: TrackedFace, landmarks: Landmarks) -> LivenessVerdict:
        del frame, face
        self.seen_deg.append(pose(landmarks).yaw_deg)
        return self._said()

    def concerning(self, track_id: int, person_id: PersonId) -> LivenessVerdict:
        del track_id, person_id
        return self._said()

    def _said(self) -> LivenessVerdict:
        if self.seen_deg[-1] - self.seen_deg[0] >= 10:
            return LivenessVerdict(LivenessState.LIVE, "turned", 0.9)
        return LivenessVerdict(LivenessState.UNDECIDED, "challenge", 0.5, asks=Coaching.TURN_LEFT)

    def forget(self, track_id: int) -> None:
        del track_id

    def close(self) -> None:
        """Nothing to free."""


@pytest.fixture(scope="module")
def turned() -> Result:
    """The shipped sample face, which answers, before the whole pipeline and a seam that asks for one turn."""
    finder = Finder()
    picture = cv2.imread(str(SHIPPED_MODELS / "sample-face.jpg"))
    scale = 250 / max(picture.shape[:2])
    picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    shown = finder.find("anna", picture)
    assert shown is not None
    people = Company(shown, shown, shown, lambda name: lambda seen: finder.find(name, seen))
    rng = np.random.default_rng(4)
    act = answering(PROMPT)(people, rng)
    trial = open_trial(
        Config(),
        finder.models,
        ModelStore(SHIPPED_MODELS),
        gallery={},
        fps=FPS,
        thumbnails=False,
        seam=lambda _config, _store: AsksForALeftTurn(),
    )
    presentation = Presentation(Path("anna-0"), Kind.CLIP, "answers", "anna")
    known = finder.templates([picture])
    return perform(trial, act, FinalCamera(act.optics, rng), shown=presentation, known=known)


def test_what_the_kiosk_asks_for_turns_the_head_that_it_sees(turned: Result):
    assert (turned.response, turned.reason) == (Response.BONA_FIDE, "turned")
    assert turned.recorded
    assert turned.response_s is not None
    assert PROMPT.latency_s[0] < turned.response_s < 4


def test_a_report_says_simulated_and_gives_rates_for_every_kind(turned: Result):
    results = []
    kinds = {"answers": Response.BONA_FIDE, "answers-wrongly": Response.ATTACK, "print-turned": Response.ATTACK}
    assert set(kinds) < {*LIVING, *ATTACKS}
    for name, response in kinds.items():
        shown = Presentation(Path(name), Kind.CLIP, name, "anna")
        results.append(replace(turned, presentation=shown, response=response, reason="x", recorded=False))
    told = {"policy": "challenge_always", "half": "tune", "bench_version": "3", "look": True}
    report = report_of([turned, *results], told=told)
    assert report["simulated"] is True
    assert set(report["species"]) == {"print-turned"}
    assert set(report["bona_fide"]) == {"answers", "answers-wrongly"}
    assert report["bpcer"] == 0
    assert table(report).startswith("simulated, ")
    with pytest.raises(SystemExit, match="a kind that answers as asked"):
        report_of([turned], told=told)
