"""From a frame to verdicts: detect, track, judge quality and liveness, embed, match, decide. One direction.

Everything after tracking happens to one track at a time, so the face that passed liveness is the face that is
matched. A track with a verdict costs detection only. Nothing here knows names, and nothing is logged.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from edge.config.recognition import DecisionConfig, QualityConfig
from edge.config.tree import Config
from edge.inference.analyser import Face
from edge.inference.chain import Models
from edge.inference.comparator import Comparator
from edge.inference.crowd import Crowd
from edge.inference.decision import Compared, Observation, TrackDecider
from edge.inference.gallery import Gallery
from edge.inference.matching import Matcher
from edge.inference.moving import Candidate, Move
from edge.inference.operating_point import OperatingPoint, Threshold
from edge.inference.pad.evidence import DOUBTS
from edge.inference.quality import assess
from edge.inference.stages import Stage, StageTimes
from edge.inference.tracking import Tracker
from edge.ports import Embedder, Liveness
from edge.types.faces import Coaching, Embedding, Frame, TrackedFace
from edge.types.identity import ModelHash, PersonId, TrackId
from edge.types.people import Template
from edge.types.verdicts import LivenessState, LivenessVerdict, Outcome, Scene, Verdict

BYSTANDER = 0.5
"""Faces narrower than this share of `quality.min_face_px` are people in the background: nobody judges them."""
KEEP = 0.8  # the face that is being judged stays it until another one is this much larger
DOUBT_RETRY_S, MOST_RETRY_S = 1.5, 60.0
"""Who only stood still may soon try again; who is refused again and again waits twice as long each time."""
SAME = 0.4
"""While a challenge runs, every frame must look like its first one at least so much, turned heads included:
on five people's clips heads turned by 15 degrees and more kept 0.62 of it, and two people had 0.15 at most."""
RETRY_S = {Outcome.POOR_QUALITY: 0.5, Outcome.UNSURE: 1.0, Outcome.NOT_LIVE: 3.0, Outcome.UNKNOWN: 5.0}
"""Pause before somebody who stays gets another attempt, under a new track; somebody recognised gets none."""


@dataclass(slots=True)
class _Judged:
    """What is kept of a track that is or was judged."""

    decider: TrackDecider
    candidate: Candidate | None
    last: dict[ModelHash, Embedding] = field(default_factory=dict)
    retry_s: float | None = None
    anchor: Embedding | None = None  # of the frame in which a challenge began
    refused: int = 0  # attempts of the same face, one after the other, that were not live


class Recogniser:
    """The pipeline of one camera. `process` is called by one thread, in the order of capture.

    Args:
        models: The open models; they stay the caller's to close.
        current: The chain that new templates are made with.
        previous: The chain that some people still have templates of, or None.
        min_template_px: Least width of a face that a person may move over to the current chain with.
        liveness: The seam; guarded, it never raises.
        quality: Limits.
        decision: Rules.
        times: Where stages are timed.
    """

    def __init__(
        self,
        models: Models,
        *,
        current: Comparator,
        liveness: Liveness,
        quality: QualityConfig,
        decision: DecisionConfig,
        previous: Comparator | None = None,
        min_template_px: float = 0.0,
        times: StageTimes | None = None,
    ) -> None:
        self._models = models
        self._min_template_px = min_template_px
        self._moving: tuple[TrackId, Move] | None = None
        self._liveness = liveness
        self._quality = quality
        self._rules = decision
        self.times = times or StageTimes()
        self._matcher = Matcher(current=current, previous=previous, times=self.times)
        self._tracker = Tracker(gap_s=decision.track_gap_s)
        self._judged: dict[TrackId, _Judged] = {}
        self._refused: dict[TrackId, int] = {}  # attempts of a face before its present track
        self._favourite: TrackId | None = None
        self._crowd = Crowd(decision.track_gap_s)

    def process(self, frame: Frame) -> Scene:
        """Take one frame through the pipeline.

        Returns:
            What the frame shows: guidance while nothing is decided, and the verdicts that it brought.

        Raises:
            ModelError: A model failed. Nothing of this frame counts; nobody was recognised by it.
        """
        self._moving = None
        with self._models.lock, self.times.measure(Stage.TOTAL):
            with self.times.measure(Stage.DETECT):
                detections = self._models.detector.detect(frame.image)
            with self.times.measure(Stage.TRACK):
                tracking = self._tracker.update(detections, at_s=frame.captured_s)
                verdicts = self._end(tracking.ended, at_s=frame.captured_s)
            return self._judge(frame, tracking.faces, verdicts)

    def take_move(self, track_id: TrackId) -> Embedding | None:
        """The current chain's template of somebody whom the last frame recognised in the previous chain.

        Call it before the next `process`, on the same thread; it is made now, with enrolment's care.

        Returns:
            (dim,) float32, L2-normalised, once; None unless that recognition leaves no doubt (`Candidate`).

        Raises:
            ModelError: A model failed.
        """
        moving, self._moving = self._moving, None
        if moving is None or moving[0] != track_id:
            return None
        with self._models.lock:
            return self._models.embedder.template(moving[1].image, moving[1].landmarks)

    @property
    def galleries(self) -> Mapping[ModelHash, Gallery]:
        """The gallery of each chain in use, the current one first."""
        return self._matcher.galleries

    @property
    def thresholds(self) -> Mapping[ModelHash, Threshold]:
        """The threshold in force of each chain in use; doctor warns where it is not supported."""
        return self._matcher.thresholds

    def enrolled(self, person_id: PersonId, templates: Iterable[Template]) -> None:
        """Give a person exactly these templates of the current chain; the previous chain's are used no more."""
        self._matcher.enrolled(person_id, templates)

    def removed(self, person_id: PersonId) -> None:
        """Take a person out of both galleries."""
        self._matcher.removed(person_id)

    def reset(self) -> None:
        """Forget all tracks, as when the camera was reopened; verdicts already given stand."""
        with self._models.lock:
            gone = self._tracker.update((), at_s=-math.inf).ended
            for track_id in {*gone, *self._judged}:
                self._drop(track_id)
            self._crowd = Crowd(self._rules.track_gap_s)

    def _end(self, ended: tuple[TrackId, ...], *, at_s: float) -> list[Verdict]:
        """Conclude the tracks that are over; who was never judged gets no verdict."""
        verdicts = []
        for track_id in ended:
            judged = self._drop(track_id)
            verdict = None if judged is None else judged.decider.leave(at_s)
            if verdict is not None:
                verdicts.append(verdict)
        return verdicts

    def _judge(self, frame: Frame, faces: tuple[TrackedFace, ...], verdicts: list[Verdict]) -> Scene:
        at_s = frame.captured_s
        widest = BYSTANDER * self._quality.min_face_px
        near = [self._renewed(face, at_s) for face in faces if face.detection.box.width >= widest]
        crowded = self._rules.people == "one" and len(near) > 1
        if self._crowd.stands(crowded, at_s):
            verdicts.append(Verdict(Outcome.SEVERAL_PEOPLE, decided_s=at_s, reason="one_at_a_time"))
        if crowded:
            self._drop_undecided(except_for=None)
            return Scene(at_s, len(faces), None, Coaching.ONE_AT_A_TIME, tuple(verdicts))
        face = self._choose(near)
        if face is None:
            return Scene(at_s, len(faces), None, None, tuple(verdicts))
        outline, coaching = face.detection.box, None
        if not self._decided(face.track_id):
            coaching, verdict = self._look(frame, face)
            if verdict is not None:
                verdicts.append(verdict)
        return Scene(at_s, len(faces), outline, coaching, tuple(verdicts), face.track_id)

    def _choose(self, near: list[TrackedFace]) -> TrackedFace | None:
        """Whose turn it is: the nearest, or of those without a verdict the one begun or the nearest."""
        if not near:
            return None
        undecided = [face for face in near if not self._decided(face.track_id)]
        one_by_one = self._rules.people == "each"
        candidates = undecided if one_by_one and undecided else near
        largest = max(candidates, key=lambda face: face.detection.box.width)
        begun = next((face for face in candidates if face.track_id == self._favourite), largest)
        keeps = one_by_one or begun.detection.box.width >= KEEP * largest.detection.box.width
        chosen = begun if keeps else largest
        self._favourite = chosen.track_id
        self._drop_undecided(except_for=chosen.track_id)
        return chosen

    def _look(self, frame: Frame, face: TrackedFace) -> tuple[Coaching | None, Verdict | None]:
        """Judge one frame of one undecided track."""
        judged = self._judged.get(face.track_id)
        if judged is None:
            judged = _Judged(
                TrackDecider(
                    face.track_id,
                    first_seen_s=face.first_seen_s,
                    began_s=frame.captured_s,
                    rules=self._rules,
                ),
                candidate=self._candidate(),
                refused=self._refused.pop(face.track_id, 0),
            )
            self._judged[face.track_id] = judged
        examined = self._examine(frame, face)
        if not examined.quality.acceptable:
            seen = Observation(frame.captured_s, coaching=examined.quality.coaching)
        else:
            with self.times.measure(Stage.LIVENESS):
                live = self._liveness.judge(frame, face, examined.landmarks)
            compared = None
            if live.state is not LivenessState.NOT_LIVE:
                compared = self._matcher.compare(frame, examined, judged.last)
                if compared is None:
                    self._restart(face.track_id, frame.captured_s)
                    return None, None
                if judged.candidate is not None:
                    judged.candidate.take(compared, frame.image, examined)
                live = self._known(live, compared, face.track_id, judged)
            seen = Observation(frame.captured_s, liveness=live, compared=compared)
        with self.times.measure(Stage.DECIDE):
            verdict = judged.decider.observe(seen)
        if verdict is not None:
            self._tracker.settle(face.track_id)
            pause_s = self._pause_s(verdict, judged)
            judged.retry_s = None if pause_s is None else frame.captured_s + pause_s
            judged.last.clear()
            move = None if judged.candidate is None else judged.candidate.move(verdict)
            self._moving = None if move is None else (face.track_id, move)
            judged.candidate = None
        live_says = None if seen.liveness is None else seen.liveness.asks or seen.liveness.hints
        return seen.coaching or live_says, verdict

    def _known(
        self, live: LivenessVerdict, compared: Compared, track_id: TrackId, judged: _Judged
    ) -> LivenessVerdict:
        """The verdict under the policy for whoever was matched; who is asked something must stay themselves."""
        match = compared.match
        if (
            match.person_id is not None
            and match.score >= compared.threshold
            and match.margin >= self._rules.margin
        ):
            live = self._liveness.concerning(track_id, match.person_id)
        probe = judged.last[self._matcher.current.model_hash]
        if live.asks is not None and judged.anchor is None:
            judged.anchor = probe
        if judged.anchor is not None and float(np.dot(judged.anchor, probe)) < SAME:
            return LivenessVerdict(LivenessState.NOT_LIVE, "challenge_face_changed")
        return live

    def _pause_s(self, verdict: Verdict, judged: _Judged) -> float | None:
        """How long this face waits for its next attempt; a face that is refused again waits twice as long."""
        pause_s = RETRY_S.get(verdict.outcome)
        if verdict.outcome is not Outcome.NOT_LIVE or pause_s is None:
            return pause_s
        judged.refused += 1
        if verdict.reason in DOUBTS:
            pause_s = DOUBT_RETRY_S
        return float(min(pause_s * 2 ** (judged.refused - 1), MOST_RETRY_S))

    def _candidate(self) -> Candidate | None:
        previous = self._matcher.previous
        if previous is None:
            return None
        return Candidate(previous=previous.model_hash, min_face_px=self._min_template_px)

    def _examine(self, frame: Frame, face: TrackedFace) -> Face:
        with self.times.measure(Stage.LANDMARKS):
            landmarks = self._models.landmarker.locate(frame.image, face.detection)
        with self.times.measure(Stage.QUALITY):
            crop = self._models.aligner.crop(frame.image, landmarks)
            quality = assess(frame.image.shape, face.detection, landmarks, crop=crop, limits=self._quality)
        return Face(face.detection, landmarks, quality)

    def _decided(self, track_id: TrackId) -> bool:
        judged = self._judged.get(track_id)
        return judged is not None and judged.decider.verdict is not None

    def _renewed(self, face: TrackedFace, at_s: float) -> TrackedFace:
        """The same face under a new track when it is time for another attempt."""
        judged = self._judged.get(face.track_id)
        if judged is None or judged.retry_s is None or at_s < judged.retry_s:
            return face
        refused = judged.refused
        track_id = self._restart(face.track_id, at_s)
        if refused:
            self._refused[track_id] = refused
        return TrackedFace(track_id, at_s, face.detection)

    def _restart(self, track_id: TrackId, at_s: float) -> TrackId:
        self._drop(track_id)
        return self._tracker.renew(track_id, at_s=at_s)

    def _drop_undecided(self, *, except_for: TrackId | None) -> None:
        """Whoever lost the turn begins anew when it comes back: frames of one verdict follow each other."""
        for track_id in tuple(self._judged):
            if track_id != except_for and not self._decided(track_id):
                self._drop(track_id)

    def _drop(self, track_id: TrackId) -> _Judged | None:
        self._liveness.forget(track_id)
        self._refused.pop(track_id, None)
        if self._favourite == track_id:
            self._favourite = None
        return self._judged.pop(track_id, None)


def open_recogniser(
    models: Models,
    config: Config,
    *,
    points: Sequence[OperatingPoint],
    liveness: Liveness,
    times: StageTimes | None = None,
) -> Recogniser:
    """The pipeline with empty galleries of the chains that are open; fill them through `Recogniser.galleries`.

    Raises:
        OperatingPointMissing: Nothing was measured for a chain at the configured FPIR.
    """

    def comparator(embedder: Embedder) -> Comparator:
        gallery = Gallery(model_hash=embedder.model_hash, dim=embedder.dim)
        return Comparator(embedder, gallery, points=points, max_fpir=config.decision.max_fpir)

    return Recogniser(
        models,
        current=comparator(models.embedder),
        previous=None if models.previous is None else comparator(models.previous),
        min_template_px=max(config.enrolment.min_face_px, config.quality.min_face_px),
        liveness=liveness,
        quality=config.quality,
        decision=config.decision,
        times=times,
    )
