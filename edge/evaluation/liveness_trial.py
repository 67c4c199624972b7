"""Shows presentations to the whole pipeline, as the daemon would see them, and notes what it made of each.

The victim is enrolled while their presentation is shown, so that an attack that the liveness seam lets
through is recognised and would be recorded: the rate of the whole system. Frames and templates stay in memory.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import cv2

from edge.camera.replay import FastReplay, open_recording
from edge.camera.view import View
from edge.errors import CameraUnavailable, EvaluationError
from edge.evaluation.presentations import Kind, Presentation
from edge.evaluation.samples import read_folder, read_picture
from edge.inference.analyser import FaceAnalyser
from edge.inference.pipeline import Recogniser
from edge.ports import Liveness
from edge.types.faces import BgrImage, Embedding, Frame, Landmarks, TrackedFace
from edge.types.identity import PersonId, TemplateId
from edge.types.people import Template
from edge.types.verdicts import LivenessState, LivenessVerdict, Outcome, Scene, Verdict

VICTIM = PersonId("1" * 32)
IMAGE_FRAMES = 5
"""As often is a still picture shown: enough for layers that want a few frames, too few to pass for a clip."""
MAX_CLIP_S = 60.0
UNDECIDED_AT_LIMIT = "liveness_undecided"
"""The decision's reason where the time was over without a word of the seam: no response, not a refusal."""
APART_S = 3600.0
"""Between two presentations, on the pipeline's clock: whatever one of them left behind has passed."""
ENROLMENT_FRAMES, ENROLMENT_STEP = 3, 5
THUMBNAIL_PX = 160


class Response(StrEnum):
    """What the liveness seam made of a presentation, in the words of ISO/IEC 30107-3."""

    BONA_FIDE = "bona_fide"
    ATTACK = "attack"
    NONE = "none"  # no response: no face, none good enough, or undecided to the end


@dataclass(frozen=True, slots=True)
class Result:
    """One presentation and what became of it.

    Args:
        presentation: What was shown.
        response: How it was classified.
        reason: The seam's code, or why there was no response: "no_face", a coaching, "undecided".
        score: Of the track that decided, in [0, 1]; None where no layer scored.
        recorded: Whether the victim was recognised: the daemon would have recorded an event.
        frames: How many were shown.
        response_s: From first sight of the track to the response, on the clip's clock; None without one.
        judge_s: Seconds of one core that the seam took for the response.
        enrolled: Whether there was a template of the victim.
        thumbnail: The picture that decided, 160 pixels wide, where asked for.
    """

    presentation: Presentation
    response: Response
    reason: str
    score: float | None
    recorded: bool
    frames: int
    response_s: float | None
    judge_s: float
    enrolled: bool
    thumbnail: BgrImage | None = None


@dataclass(slots=True)
class Heard:
    """What the seam said of one track last."""

    verdict: LivenessVerdict
    first_seen_s: float
    last_s: float
    responded_s: float | None = None
    judge_s: float = 0.0

    def note(self, verdict: LivenessVerdict) -> None:
        """Take the newest answer; a response counts from when it was given and not taken back."""
        self.verdict = verdict
        undecided = verdict.state is LivenessState.UNDECIDED
        self.responded_s = None if undecided else self.responded_s or self.last_s


class Overheard:
    """The seam, with everything that it says noted by track. What is judged before `from_s` is forgotten.

    Args:
        inner: The seam under test.
        timer: Seconds of this thread on a core.
    """

    def __init__(self, inner: Liveness, timer: Callable[[], float] = time.thread_time) -> None:
        self._inner, self._timer = inner, timer
        self.seen: dict[int, Heard] = {}
        self._dropped: set[int] = set()
        self._decided: set[int] = set()
        self.from_s = 0.0

    def judge(self, frame: Frame, face: TrackedFace, landmarks: Landmarks) -> LivenessVerdict:
        """Ask the seam and note its answer."""
        began_s = self._timer()
        verdict = self._inner.judge(frame, face, landmarks)
        took_s = self._timer() - began_s
        if frame.captured_s < self.from_s:
            return verdict
        first_s = max(face.first_seen_s, self.from_s)
        seen = self.seen.setdefault(face.track_id, Heard(verdict, first_s, frame.captured_s))
        seen.last_s = frame.captured_s
        seen.judge_s += took_s
        seen.note(verdict)
        return verdict

    def concerning(self, track_id: int, person_id: PersonId) -> LivenessVerdict:
        """Ask the seam once more, now that somebody was matched, and note its answer in place of the first."""
        began_s = self._timer()
        verdict = self._inner.concerning(track_id, person_id)
        seen = self.seen.get(track_id)
        if seen is not None:
            seen.judge_s += self._timer() - began_s
            seen.note(verdict)
        return verdict

    def begin(self, *, from_s: float) -> None:
        """A new presentation, which counts from this capture time on."""
        self.seen.clear()
        self._dropped.clear()
        self._decided.clear()
        self.from_s = from_s

    def final(self) -> list[Heard]:
        """What was said of each track when the pipeline decided it, or last.

        A track that the pipeline dropped without a verdict, as where two people are seen in it, opened nothing
        and is not counted.
        """
        gone = self._dropped - self._decided
        return [seen for track_id, seen in self.seen.items() if track_id not in gone]

    def decided(self, verdict: Verdict) -> None:
        """The pipeline's verdict; it may refuse a track itself, as when the face changed during a challenge."""
        if verdict.track_id is not None:
            self._decided.add(verdict.track_id)
        seen = None if verdict.track_id is None else self.seen.get(verdict.track_id)
        if seen is not None and verdict.outcome is Outcome.NOT_LIVE and verdict.reason != UNDECIDED_AT_LIMIT:
            seen.note(LivenessVerdict(LivenessState.NOT_LIVE, verdict.reason, seen.verdict.score))

    def forget(self, track_id: int) -> None:
        """Pass it on."""
        self._dropped.add(track_id)
        self._inner.forget(track_id)

    def close(self) -> None:
        """Pass it on."""
        self._inner.close()


@dataclass
class Trial:
    """Shows presentations, one after the other.

    Args:
        recogniser: The pipeline, with `overheard` as its seam and empty galleries.
        overheard: The seam.
        analyser: Reads pictures that people are enrolled from.
        fps: Of clips that are folders of pictures.
        gallery: Pictures of people by name, or empty: then everybody is enrolled from what is shown.
        thumbnails: Whether results carry the picture that decided.
    """

    recogniser: Recogniser
    overheard: Overheard
    analyser: FaceAnalyser
    fps: float
    gallery: Mapping[str, Sequence[Path]]
    thumbnails: bool = False
    _templates: dict[str, list[Embedding]] = field(default_factory=dict)
    _clock_s: float = 0.0

    def show(self, presentation: Presentation) -> Result:
        """Show one presentation to its end.

        Raises:
            EvaluationError: It broke off while it was read.
            ModelError: A model failed.
        """
        began_s = self.next_s()
        frames = frames_of(presentation, began_s=began_s, fps=self.fps)
        return self.watch(
            presentation,
            frames,
            templates=self._enrolled(presentation),
            from_s=began_s + presentation.attack_from_s,
        )

    def next_s(self) -> float:
        """A time on the pipeline's clock that is far from everything before."""
        self._clock_s += APART_S
        return self._clock_s

    def enrol(self, presentation: Presentation) -> None:
        """Make the person of a presentation the only one known."""
        self._put(self._enrolled(presentation))

    def watch(
        self,
        presentation: Presentation,
        frames: Iterable[Frame],
        *,
        templates: Sequence[Embedding],
        from_s: float = 0.0,
        until_verdict: bool = False,
        looking: Callable[[Scene], None] | None = None,
    ) -> Result:
        """Let the pipeline watch frames.

        Args:
            presentation: What they show.
            frames: In the order of capture, later than those of any presentation before.
            templates: The victim's, enrolled for as long as this lasts.
            from_s: Capture time from which on they count.
            until_verdict: End with the first verdict on a track, as one try at a kiosk does.
            looking: Told what each frame showed.

        Raises:
            ModelError: A model failed.
        """
        self._put(templates)
        overheard = self.overheard
        overheard.begin(from_s=from_s)
        faces, coaching, recorded, shown = 0, "", False, 0
        kept: BgrImage | None = None
        for frame in frames:
            shown += 1
            scene = self.recogniser.process(frame)
            if looking is not None:
                looking(scene)
            if frame.captured_s < from_s:
                continue
            for verdict in scene.verdicts:
                overheard.decided(verdict)
            faces = max(faces, scene.faces)
            coaching = scene.coaching.value if scene.coaching else coaching
            recorded |= any(v.outcome is Outcome.RECOGNISED and v.person_id == VICTIM for v in scene.verdicts)
            if self.thumbnails and scene.outline is not None:
                kept = frame.image
            if until_verdict and any(v.track_id is not None for v in scene.verdicts):
                break
        heard = overheard.final()
        self.recogniser.reset()
        self._put(())
        response, reason, seen = _response(heard, faces=faces, coaching=coaching)
        waited_s = None if seen is None or seen.responded_s is None else seen.responded_s - seen.first_seen_s
        return Result(
            presentation,
            response,
            reason,
            score=None if seen is None else seen.verdict.score,
            recorded=recorded,
            frames=shown,
            response_s=waited_s,
            judge_s=0.0 if seen is None else seen.judge_s,
            enrolled=bool(templates),
            thumbnail=None if kept is None else _thumbnail(kept),
        )

    def _put(self, templates: Sequence[Embedding]) -> None:
        """Make these the only templates that there are."""
        if not templates:
            self.recogniser.removed(VICTIM)
            return
        chain = self.analyser.model_hash
        rows = enumerate(templates)
        self.recogniser.enrolled(
            VICTIM, [Template(TemplateId(f"{index:032x}"), VICTIM, chain, row) for index, row in rows]
        )

    def _enrolled(self, presentation: Presentation) -> list[Embedding]:
        person = presentation.person
        if person not in self.gallery:
            return self._embedded_frames(presentation)
        if person not in self._templates:
            self._templates[person] = self._embedded(self.gallery[person])
        return self._templates[person]

    def _embedded(self, paths: Sequence[Path]) -> list[Embedding]:
        pictures = (read_picture(path) for path in paths)
        found = (self._embed(picture) for picture in pictures if picture is not None)
        return [one for one in found if one is not None]

    def _embedded_frames(self, presentation: Presentation) -> list[Embedding]:
        """From what is shown itself: the hardest case, since the attack then matches as well as can be."""
        found: list[Embedding] = []
        for frame in frames_of(presentation, began_s=0.0, fps=self.fps):
            if frame.captured_s >= presentation.attack_from_s and frame.index % ENROLMENT_STEP == 0:
                template = self._embed(frame.image)
                found += [] if template is None else [template]
            if len(found) == ENROLMENT_FRAMES:
                break
        return found

    def _embed(self, picture: BgrImage) -> Embedding | None:
        face = self.analyser.subject(picture)
        return None if face is None else self.analyser.template(picture, face)


def frames_of(presentation: Presentation, *, began_s: float, fps: float) -> Iterator[Frame]:
    """The frames of a presentation on the pipeline's clock, each once; a still picture a few times."""
    if presentation.kind is Kind.IMAGE:
        picture = read_picture(presentation.path)
        if picture is None:
            raise EvaluationError("the picture cannot be read", where=str(presentation.path))
        for index in range(IMAGE_FRAMES):
            yield Frame(picture, began_s + index / fps, index)
        return
    try:
        replay = FastReplay(open_recording(presentation.path, fps=fps), loop=False, view=View())
    except CameraUnavailable as error:
        raise EvaluationError("the clip cannot be read", where=str(presentation.path)) from error
    try:
        while (frame := replay.read(timeout_s=0)) is not None and frame.captured_s < MAX_CLIP_S:
            yield Frame(frame.image, began_s + frame.captured_s, frame.index)
    finally:
        replay.close()


def people_of(folder: Path | None) -> dict[str, list[Path]]:
    """Pictures to enrol people from, by name: one folder a person.

    Raises:
        EvaluationError: The folder is missing or empty.
    """
    people: dict[str, list[Path]] = {}
    for sample in read_folder(folder) if folder is not None else ():
        people.setdefault(sample.person, []).append(sample.path)
    return people


def _response(seen: Sequence[Heard], *, faces: int, coaching: str) -> tuple[Response, str, Heard | None]:
    """One track taken for a living person is enough; else one that was refused; else nobody answered."""
    for state, response in (
        (LivenessState.LIVE, Response.BONA_FIDE),
        (LivenessState.NOT_LIVE, Response.ATTACK),
        (LivenessState.UNDECIDED, Response.NONE),
    ):
        tracks = [one for one in seen if one.verdict.state is state]
        if tracks:
            chosen = max(tracks, key=lambda one: -1.0 if one.verdict.score is None else one.verdict.score)
            return response, chosen.verdict.reason, chosen
    return Response.NONE, (coaching or "not_judged") if faces else "no_face", None


def _thumbnail(image: BgrImage) -> BgrImage:
    scale = THUMBNAIL_PX / image.shape[1]
    small: BgrImage = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return small
