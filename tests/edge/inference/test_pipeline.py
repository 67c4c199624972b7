import itertools
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.config.recognition import DecisionConfig
from edge.config.tree import Config
from edge.errors import ModelError, OperatingPointMissing
from edge.inference.analyser import FaceAnalyser
from edge.inference.chain import Models
from edge.inference.comparator import Comparator
from edge.inference.gallery import Gallery
from edge.inference.liveness import LivenessOff, LivenessUnavailable
from edge.inference.pipeline import RETRY_S, open_recogniser
from edge.inference.stages import Stage
from edge.types.faces import BgrImage, Coaching, Frame
from edge.types.identity import ModelHash, PersonId, TemplateId
from edge.types.people import Template
from edge.types.verdicts import LivenessState, LivenessVerdict, Outcome, Verdict
from tests.edge.inference.booth import ANY_QUALITY, Booth, Stand, Watcher, looks, measured, verdicts
from tests.edge.inference.given import face_at, person, template

OLD_CHAIN = ModelHash("b" * 64)
STRANGER = 9


def test_an_enrolled_person_is_recognised_once_after_three_frames_and_then_costs_detection_only() -> None:
    booth = Booth()
    scenes = booth.show((1, face_at(300)), frames=60)
    (verdict,) = verdicts(scenes)
    assert (verdict.outcome, verdict.person_id) == (Outcome.RECOGNISED, person(1))
    assert [bool(scene.verdicts) for scene in scenes].index(True) == 2
    assert booth.stand.embedded == 3
    assert all(scene.outline is not None and scene.faces == 1 for scene in scenes)


def test_an_empty_scene_shows_nothing() -> None:
    (scene,) = Booth().show()
    assert (scene.faces, scene.outline, scene.coaching, scene.verdicts) == (0, None, None, ())


def test_a_stranger_is_unknown_and_gets_another_attempt_under_a_new_track_after_a_pause() -> None:
    booth = Booth()
    found = verdicts(booth.show((STRANGER, face_at(300)), frames=90))
    assert [v.outcome for v in found] == [Outcome.UNKNOWN, Outcome.UNKNOWN]
    assert found[0].track_id != found[1].track_id
    assert found[1].decided_s - found[0].decided_s > RETRY_S[Outcome.UNKNOWN]


def test_nobody_enrolled_means_nobody_recognised() -> None:
    assert [v.outcome for v in verdicts(Booth(enrolled=()).show((1, face_at(300)), frames=20))] == [
        Outcome.UNKNOWN
    ]


def test_a_poor_face_is_coached_and_not_embedded() -> None:
    booth = Booth(quality=ANY_QUALITY.model_copy(update={"min_brightness": 0.9}))
    scenes = booth.show((1, face_at(300)), frames=31)
    assert scenes[0].coaching is Coaching.TOO_DARK
    (verdict,) = verdicts(scenes)
    assert (verdict.outcome, verdict.coaching) == (Outcome.POOR_QUALITY, Coaching.TOO_DARK)
    assert booth.stand.embedded == 0


def test_of_two_people_the_nearest_is_judged() -> None:
    booth = Booth()
    found = verdicts(booth.show((2, face_at(150, width=90)), (1, face_at(450, width=150)), frames=30))
    assert [v.person_id for v in found] == [person(1)]


def test_the_next_person_is_judged_when_the_first_has_gone() -> None:
    booth = Booth()
    first = booth.show((2, face_at(150, width=90)), (1, face_at(450, width=150)), frames=10)
    second = booth.show((2, face_at(150, width=90)), frames=20)
    assert [v.person_id for v in verdicts(first + second)] == [person(1), person(2)]


def test_each_in_turn() -> None:
    booth = Booth(decision=DecisionConfig(people="each"))
    found = verdicts(booth.show((2, face_at(150, width=90)), (1, face_at(450, width=150)), frames=12))
    assert [v.person_id for v in found] == [person(1), person(2)]


def test_one_at_a_time_is_asked_for_and_said_once() -> None:
    booth = Booth(decision=DecisionConfig(people="one"))
    scenes = booth.show((1, face_at(150)), (2, face_at(450)), frames=30)
    assert all(scene.coaching is Coaching.ONE_AT_A_TIME for scene in scenes)
    assert [v.outcome for v in verdicts(scenes)] == [Outcome.SEVERAL_PEOPLE]
    assert booth.stand.embedded == 0
    assert [v.person_id for v in verdicts(booth.show((1, face_at(150)), frames=5))] == [person(1)]


def test_people_in_the_background_are_left_alone() -> None:
    booth = Booth(decision=DecisionConfig(people="one"))
    small = face_at(500, width=ANY_QUALITY.min_face_px * 0.45)
    scenes = booth.show((1, face_at(200)), (2, small), frames=5)
    assert [v.person_id for v in verdicts(scenes)] == [person(1)]
    assert scenes[0].faces == 2
    assert booth.show((2, small), frames=1)[0].outline is None


def test_liveness_whose_model_is_missing_keeps_everybody_out_without_embedding() -> None:
    booth = Booth(liveness=LivenessUnavailable())
    (verdict,) = verdicts(booth.show((1, face_at(300)), frames=20))
    assert (verdict.outcome, verdict.reason) == (Outcome.NOT_LIVE, "no_liveness_model")
    assert booth.stand.embedded == 0


def test_matches_wait_for_liveness_of_the_same_track() -> None:
    booth = Booth(liveness=Watcher(live_after=8))
    scenes = booth.show((1, face_at(300)), frames=15)
    assert [bool(scene.verdicts) for scene in scenes].index(True) == 8
    assert verdicts(scenes)[0].outcome is Outcome.RECOGNISED


def test_liveness_shown_by_one_person_is_not_inherited_by_the_next() -> None:
    watcher = Watcher(live_after=2)
    booth = Booth(liveness=watcher, decision=DecisionConfig(frames=5))
    booth.show((STRANGER, face_at(300)), frames=4)
    assert max(watcher.looked.values()) == 4
    booth.show((1, face_at(300)), frames=1)
    assert watcher.looked == {}
    booth.show((1, face_at(300)), frames=1)
    assert list(watcher.looked.values()) == [1]


def test_a_face_that_is_exchanged_in_place_begins_a_new_track() -> None:
    booth = Booth()
    booth.show((1, face_at(300)), frames=2)
    found = verdicts(booth.show((2, face_at(302)), frames=6))
    assert [(v.person_id, v.frames_matched) for v in found] == [(person(2), 3)]


def test_who_leaves_before_a_verdict_leaves_one() -> None:
    booth = Booth()
    booth.show((1, face_at(300)), frames=2)
    (verdict,) = verdicts(booth.show(frames=10))
    assert (verdict.outcome, verdict.reason, verdict.person_id) == (Outcome.UNSURE, "left", None)


def test_after_a_reset_nothing_of_the_past_counts() -> None:
    booth = Booth()
    booth.show((1, face_at(300)), frames=2)
    booth.recogniser.reset()
    assert verdicts(booth.show((1, face_at(300)), frames=2)) == []


def test_somebody_enrolled_while_standing_there_is_recognised_and_removed_again() -> None:
    booth = Booth()
    booth.show((5, face_at(300)), frames=3)
    booth.recogniser.enrolled(person(5), [template(50, 5, looks(5))])
    assert [v.person_id for v in verdicts(booth.show((5, face_at(300)), frames=4))] == [person(5)]
    booth.recogniser.removed(person(5))
    booth.show(frames=10)
    assert [v.outcome for v in verdicts(booth.show((5, face_at(300)), frames=20))] == [Outcome.UNKNOWN]


def test_a_person_with_only_an_old_template_is_matched_by_the_previous_chain() -> None:
    booth = Booth(previous=Stand(chain=OLD_CHAIN), enrolled=(1,))
    old = booth.recogniser.galleries[OLD_CHAIN]
    old.add([template(7, 7, looks(7), chain=OLD_CHAIN)])
    (verdict,) = verdicts(booth.show((7, face_at(300)), frames=5))
    assert (verdict.person_id, verdict.model_hash) == (person(7), OLD_CHAIN)
    booth.recogniser.enrolled(person(7), [template(8, 7, looks(7))])
    assert person(7) not in old
    booth.show(frames=10)
    (verdict,) = verdicts(booth.show((7, face_at(300)), frames=5))
    assert (verdict.person_id, verdict.model_hash) == (person(7), booth.stand.chain)


def test_an_old_template_of_somebody_who_has_a_new_one_does_not_count() -> None:
    booth = Booth(previous=Stand(chain=OLD_CHAIN), enrolled=(1,))
    booth.recogniser.galleries[OLD_CHAIN].add([template(7, 1, looks(7), chain=OLD_CHAIN)])
    found = verdicts(booth.show((7, face_at(300)), frames=20))
    assert [v.outcome for v in found] == [Outcome.UNKNOWN]


def test_without_a_measured_threshold_there_is_no_pipeline(models: Models) -> None:
    with pytest.raises(OperatingPointMissing):
        open_recogniser(models, Config(), points=[measured(OLD_CHAIN)], liveness=Watcher())


def test_a_gallery_of_another_chain_is_refused() -> None:
    gallery = Gallery(model_hash=OLD_CHAIN, dim=24)
    with pytest.raises(ModelError):
        Comparator(Stand(), gallery, points=[measured(OLD_CHAIN)], max_fpir=0.01)


walk_ons = st.lists(
    st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from([120, 180, 300, 330, 480])),
        max_size=2,
        unique_by=lambda p: p[1],
    ),
    min_size=10,
    max_size=60,
)


@given(walk_ons, st.sampled_from(["nearest", "each", "one"]), st.integers(0, 4))
@settings(max_examples=150)
def test_a_verdict_never_mixes_people(
    script: list[list[tuple[int, int]]], people: str, live_after: int
) -> None:
    """Whoever jumps where: the recognised one stands in that place, and each track has one verdict."""
    booth = Booth(
        liveness=Watcher(live_after=live_after),
        decision=DecisionConfig.model_validate({"people": people, "frames": 3}),
        enrolled=(1, 2, 3),
    )
    found: list[Verdict] = []
    for shown in script:
        now = booth.show(*((who, face_at(x)) for who, x in shown))[0]
        for verdict in now.verdicts:
            if verdict.outcome is Outcome.RECOGNISED:
                assert now.outline is not None
                here = [who for who, x in shown if abs(x - now.outline.centre[0]) < 1]
                assert [person(who) for who in here] == [verdict.person_id]
                assert verdict.frames_agreed >= 3
                assert verdict.person_id != person(4)
        found += now.verdicts
    tracks = [v.track_id for v in found if v.track_id is not None]
    assert len(tracks) == len(set(tracks))


def walk_up(image: BgrImage, *, frames: int, start_s: float) -> list[Frame]:
    """A photograph that approaches: recorded motion of one real face, for the flow and not for accuracy."""
    shown = []
    for index in range(frames):
        scale = 0.8 + 0.01 * index
        matrix = np.array([[scale, 0, 100 + 2 * index], [0, scale, 40]])
        picture = cv2.warpAffine(image, matrix, (640, 480), borderMode=cv2.BORDER_REPLICATE)
        shown.append(Frame(picture, start_s + index / 15, index))
    return shown


def test_real_models_recognise_a_real_face_and_not_a_strangers(
    models: Models, analyser: FaceAnalyser, astronaut: BgrImage, lfw: list[list[Path]]
) -> None:
    points = [measured(analyser.model_hash)]
    recogniser = open_recogniser(models, Config(), points=points, liveness=LivenessOff())
    face = analyser.subject(astronaut)
    assert face is not None
    vector = analyser.template(astronaut, face)
    who = PersonId("0" * 32)
    recogniser.enrolled(who, [Template(TemplateId("1" * 32), who, analyser.model_hash, vector)])
    scenes = [recogniser.process(frame) for frame in walk_up(astronaut, frames=15, start_s=0.0)]
    assert [(v.outcome, v.person_id) for v in verdicts(scenes)] == [(Outcome.RECOGNISED, who)]
    stranger = cv2.imread(str(lfw[0][0]))
    assert stranger is not None
    enlarged = cv2.resize(stranger, (512, 512), interpolation=cv2.INTER_CUBIC)
    recogniser.reset()
    scenes = [recogniser.process(frame) for frame in walk_up(enlarged, frames=40, start_s=10.0)]
    assert [v.outcome for v in verdicts(scenes)] == [Outcome.UNKNOWN]
    costs = recogniser.times.costs()
    assert {Stage.DETECT, Stage.LANDMARKS, Stage.EMBED, Stage.MATCH, Stage.TOTAL} <= set(costs)
    assert costs[Stage.DETECT].runs > costs[Stage.EMBED].runs
    assert 0 < costs[Stage.EMBED].median_ms < costs[Stage.TOTAL].p95_ms


PASSED = LivenessVerdict(LivenessState.LIVE, "challenge_passed")


@dataclass
class Asker(Watcher):
    """A liveness that asks for something for some frames, and then says what it was told to."""

    asked_frames: int = 60
    then: LivenessVerdict = PASSED

    def concerning(self, track_id: int, person_id: PersonId) -> LivenessVerdict:
        if self.looked[track_id] > self.asked_frames:
            return self.then
        return LivenessVerdict(LivenessState.UNDECIDED, "challenge", asks=Coaching.TURN_LEFT)


def test_a_challenge_is_asked_for_on_the_screen_and_has_more_time_than_a_glance() -> None:
    asked = 75  # frames: 5 seconds, where 3 are the limit
    booth = Booth(liveness=Asker(live_after=10_000, asked_frames=asked))
    scenes = booth.show((1, face_at(300)), frames=asked + 5)
    assert {scene.coaching for scene in scenes[:asked]} == {Coaching.TURN_LEFT}
    assert [verdict.outcome for verdict in verdicts(scenes)] == [Outcome.RECOGNISED]


def test_strangers_are_asked_for_nothing() -> None:
    booth = Booth(liveness=Asker(live_after=10_000))
    scenes = booth.show((STRANGER, face_at(300)), frames=60)
    assert {scene.coaching for scene in scenes} == {None}
    assert verdicts(scenes)[0].outcome is Outcome.UNKNOWN


def test_a_face_that_is_exchanged_during_a_challenge_never_passes_it() -> None:
    booth = Booth(liveness=Asker(live_after=10_000, asked_frames=10))
    first = booth.show((STRANGER, face_at(300)), (1, face_at(500, width=60)), frames=2)
    asked = booth.show((1, face_at(300)), frames=6)
    swapped = booth.show((2, face_at(300)), frames=9)
    assert not [v for v in verdicts(first + asked + swapped) if v.outcome is Outcome.RECOGNISED]


def test_who_is_refused_again_and_again_waits_longer_each_time() -> None:
    refused = LivenessVerdict(LivenessState.NOT_LIVE, "flat_motion")
    booth = Booth(liveness=Asker(live_after=10_000, asked_frames=0, then=refused))
    found = verdicts(booth.show((1, face_at(300)), frames=15 * 25))
    assert {verdict.outcome for verdict in found} == {Outcome.NOT_LIVE}
    pauses = [round(b.decided_s - a.decided_s) for a, b in itertools.pairwise(found)]
    assert pauses == [3, 6, 12]
