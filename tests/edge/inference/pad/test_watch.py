"""Evidence belongs to one track, is gathered without a break, and fails closed."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from edge.config.recognition import LivenessPolicy
from edge.inference.pad.evidence import MIN_FRAMES, WINDOW_S, Moved
from edge.inference.pad.motion import MotionWatcher, Step
from edge.inference.pad.passive import PassiveNetwork
from edge.inference.pad.watch import MAX_GAP_S, LayeredLiveness
from edge.types.faces import BgrImage, Box, Coaching, Frame, TrackedFace
from edge.types.identity import PersonId, TrackId
from edge.types.verdicts import LivenessState, LivenessVerdict
from tests.edge.inference.given import face_at, landmarks_of

APART_S = 1 / 15
ADA, BOB = PersonId("a" * 32), PersonId("b" * 32)
IMAGE = np.zeros((480, 640, 3), np.uint8)


@dataclass
class Looks(PassiveNetwork):
    """A passive layer that says what the test says, face by face."""

    odds: dict[float, float] = field(default_factory=dict)  # by the left edge of the face
    closed: bool = False

    def log_odds(self, image: BgrImage, box: Box) -> float:
        del image
        return self.odds[box.left]

    def close(self) -> None:
        self.closed = True


class Room:
    """Faces in front of a liveness, frame by frame."""

    def __init__(
        self,
        *,
        policy: LivenessPolicy = "passive",
        people: dict[PersonId, LivenessPolicy] | None = None,
        **odds: float,
    ) -> None:
        self.places = {name: 100.0 + 200 * index for index, name in enumerate(odds)}
        detections = {name: face_at(left) for name, left in self.places.items()}
        self.faces = {
            name: TrackedFace(TrackId(index + 1), 0.0, detections[name]) for index, name in enumerate(odds)
        }
        self.looks = Looks({self.faces[name].detection.box.left: value for name, value in odds.items()})
        self.liveness = LayeredLiveness(
            self.looks, policy=policy, people=people or {}, mirrored=False, choose=lambda options: options[0]
        )

    def see(self, name: str, at_s: float) -> LivenessVerdict:
        face = self.faces[name]
        return self.liveness.judge(Frame(IMAGE, at_s, 0), face, landmarks_of(face.detection))

    def watch(self, name: str, *, frames: int, from_s: float = 0.0) -> list[LivenessVerdict]:
        return [self.see(name, from_s + index * APART_S) for index in range(frames)]


def test_a_live_face_is_live_from_the_third_frame_on() -> None:
    states = [verdict.state for verdict in Room(ada=5.0).watch("ada", frames=5)]
    assert states == [LivenessState.UNDECIDED] * 2 + [LivenessState.LIVE] * 3


def test_a_presented_face_is_refused_with_its_reason() -> None:
    last = Room(ada=-6.0).watch("ada", frames=MIN_FRAMES)[-1]
    assert (last.state, last.reason) == (LivenessState.NOT_LIVE, "looks_presented")


def test_doubt_that_lasts_is_refused_when_the_time_is_over() -> None:
    verdicts = Room(ada=0.0).watch("ada", frames=round(WINDOW_S / APART_S) + 2)
    assert {verdict.state for verdict in verdicts[:-2]} == {LivenessState.UNDECIDED}
    assert (verdicts[-1].state, verdicts[-1].reason) == (LivenessState.NOT_LIVE, "in_doubt")


def test_the_liveness_of_a_person_never_opens_for_the_photograph_beside_them() -> None:
    room = Room(ada=9.0, photograph=-1.0)
    for index in range(60):
        assert room.see("photograph", index * APART_S).state is not LivenessState.LIVE
        ada = room.see("ada", index * APART_S)
    assert ada.state is LivenessState.LIVE


def test_a_track_that_was_forgotten_begins_anew() -> None:
    room = Room(ada=5.0)
    assert room.watch("ada", frames=3)[-1].state is LivenessState.LIVE
    room.liveness.forget(1)
    assert room.see("ada", 1.0).state is LivenessState.UNDECIDED


def test_frames_that_are_missing_begin_the_evidence_anew() -> None:
    room = Room(ada=5.0)
    room.watch("ada", frames=3)
    assert room.see("ada", 2 * APART_S + MAX_GAP_S + 0.01).reason == "too_few_frames"


@pytest.mark.parametrize("at_s", [0.05, -10.0, float("nan")])
def test_a_clock_that_runs_backwards_is_not_live(at_s: float) -> None:
    room = Room(ada=5.0)
    room.watch("ada", frames=3)
    verdict = room.see("ada", at_s)
    assert (verdict.state, verdict.reason) == (LivenessState.NOT_LIVE, "clock_went_back")


def test_the_layers_are_closed_with_it() -> None:
    room = Room(ada=5.0)
    room.liveness.close()
    assert room.looks.closed


def test_the_policy_for_a_person_holds_as_soon_as_they_are_matched() -> None:
    room = Room(people={ADA: "off", BOB: "passive_and_time"}, ada=-9.0, bob=9.0)
    room.watch("ada", frames=4)
    assert room.liveness.concerning(1, ADA).state is LivenessState.LIVE
    assert room.liveness.concerning(1, PersonId("c" * 32)).state is LivenessState.NOT_LIVE
    room.watch("bob", frames=4)
    assert room.liveness.concerning(2, BOB).reason == "too_few_frames"
    assert room.liveness.concerning(2, ADA).state is LivenessState.LIVE


def test_before_a_match_nothing_is_said_that_not_every_policy_says() -> None:
    room = Room(people={BOB: "passive_and_time"}, ada=9.0)
    assert room.watch("ada", frames=5)[-1].state is LivenessState.UNDECIDED
    assert room.liveness.concerning(1, ADA).state is LivenessState.LIVE


def test_a_track_that_was_never_seen_is_not_live() -> None:
    verdict = Room(ada=9.0).liveness.concerning(7, ADA)
    assert (verdict.state, verdict.reason) == (LivenessState.NOT_LIVE, "not_seen")


def test_a_challenge_begins_only_once_somebody_was_matched_and_ends_when_another_is() -> None:
    room = Room(policy="challenge_always", ada=9.0)
    assert all(verdict.asks is None for verdict in room.watch("ada", frames=6))
    asked = room.liveness.concerning(1, ADA)
    assert (asked.state, asked.asks) == (LivenessState.UNDECIDED, Coaching.LOOK_HERE)
    assert room.see("ada", 6 * APART_S).asks is Coaching.TURN_LEFT
    assert room.liveness.concerning(1, BOB).reason == "challenge_face_changed"


def test_a_challenge_that_nobody_answers_is_refused_as_too_slow() -> None:
    room = Room(policy="challenge_always", ada=9.0)
    room.watch("ada", frames=6)
    room.liveness.concerning(1, ADA)
    last = room.watch("ada", frames=80, from_s=6 * APART_S)[-1]
    assert (last.state, last.reason) == (LivenessState.NOT_LIVE, "challenge_too_slow")


def test_doubt_leads_to_a_challenge_where_the_policy_says_so_and_to_the_badge_elsewhere() -> None:
    frames = round(WINDOW_S / APART_S) + 2
    asking, refusing = Room(policy="challenge_when_in_doubt", ada=9.0), Room(policy="passive_and_time", ada=9.0)
    assert refusing.watch("ada", frames=frames)[-1].state is LivenessState.NOT_LIVE
    asking.watch("ada", frames=3)
    assert asking.liveness.concerning(1, ADA).asks is None
    assert asking.watch("ada", frames=frames, from_s=3 * APART_S)[-1].asks is not None


def test_what_looks_presented_gets_no_challenge() -> None:
    room = Room(policy="challenge_always", photograph=-6.0)
    last = room.watch("photograph", frames=6)[-1]
    assert (last.state, last.reason) == (LivenessState.NOT_LIVE, "looks_presented")
    assert room.liveness.concerning(1, ADA).state is LivenessState.NOT_LIVE


def test_who_is_matched_gets_the_hint_that_motion_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    still = Moved(frames=9, turned_deg=0.1, certainty=2.0, changed=0.0, sway=0.01)
    monkeypatch.setattr(MotionWatcher, "look", lambda *_: Step.FOLLOWED)
    monkeypatch.setattr(MotionWatcher, "moved", still)
    room = Room(policy="passive_and_time", ada=5.0)
    assert room.watch("ada", frames=16)[-1].hints is Coaching.TURN_A_LITTLE
    hinted = room.liveness.concerning(1, ADA)
    assert (hinted.state, hinted.reason, hinted.asks) == (LivenessState.UNDECIDED, "stood_still", None)
    assert hinted.hints is Coaching.TURN_A_LITTLE


def test_a_face_that_takes_anothers_place_begins_with_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(ada=9.0)
    monkeypatch.setattr(MotionWatcher, "look", lambda *_: Step.FOLLOWED)
    assert room.watch("ada", frames=5)[-1].state is LivenessState.LIVE
    monkeypatch.setattr(MotionWatcher, "look", lambda *_: Step.LOST)
    cut = room.see("ada", 5 * APART_S)
    assert (cut.state, cut.reason) == (LivenessState.UNDECIDED, "too_few_frames")
    monkeypatch.setattr(MotionWatcher, "look", lambda *_: Step.FOLLOWED)
    assert room.watch("ada", frames=2, from_s=6 * APART_S)[-1].state is LivenessState.LIVE
