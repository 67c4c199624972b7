"""A stage on which tests place people: working stand-ins for detector, mesh, embedder and liveness.

A person is a direction in a small space; what the embedder sees is whoever stands where the landmarks are.
"""

from dataclasses import dataclass, field

import numpy as np

from edge.config.recognition import DecisionConfig, InferenceConfig, QualityConfig
from edge.config.tree import Config
from edge.inference.alignment import Aligner
from edge.inference.chain import Models
from edge.inference.operating_point import OperatingPoint
from edge.inference.pipeline import Recogniser, open_recogniser
from edge.ports import Liveness
from edge.types.faces import BgrImage, Detection, Embedding, Frame, Landmarks, TrackedFace
from edge.types.identity import ModelHash, PersonId
from edge.types.verdicts import LivenessState, LivenessVerdict, Scene, Verdict
from tests.edge.inference.given import CHAIN, LIVE, THRESHOLD, face_at, landmarks_of, person, template

DIM = 24
ANY_QUALITY = QualityConfig(
    min_sharpness=0, min_brightness=0, max_brightness=1, min_contrast=0, min_mouth_detail=0, min_face_px=60
)


def looks(who: int) -> Embedding:
    """A person's direction: orthogonal to everybody else's."""
    vector = np.zeros(DIM, np.float32)
    vector[who] = 1
    return vector


@dataclass
class Stand:
    """Who stands where. Stands in for every model."""

    people: list[tuple[int, Detection]] = field(default_factory=list)
    chain: ModelHash = CHAIN
    embedded: int = 0

    @property
    def model_hash(self) -> ModelHash:
        return self.chain

    @property
    def dim(self) -> int:
        return DIM

    def detect(self, image: BgrImage) -> tuple[Detection, ...]:
        return tuple(detection for _, detection in self.people)

    def locate(self, image: BgrImage, detection: Detection) -> Landmarks:
        return landmarks_of(detection)

    def embed(self, image: BgrImage, landmarks: Landmarks) -> Embedding:
        self.embedded += 1
        nose = landmarks.five[2]
        return looks(min(self.people, key=lambda p: float(np.hypot(*(p[1].keypoints[2] - nose))))[0])

    def template(self, image: BgrImage, landmarks: Landmarks) -> Embedding:
        return self.embed(image, landmarks)

    def close(self) -> None:
        pass


@dataclass
class Watcher:
    """A liveness that becomes LIVE after some frames of a track, and remembers whom it was asked about."""

    live_after: int = 0
    looked: dict[int, int] = field(default_factory=dict)

    def judge(self, frame: Frame, face: TrackedFace, landmarks: Landmarks) -> LivenessVerdict:
        self.looked[face.track_id] = self.looked.get(face.track_id, 0) + 1
        state = LivenessState.LIVE if self.looked[face.track_id] > self.live_after else LivenessState.UNDECIDED
        return LivenessVerdict(state, "watched")

    def concerning(self, track_id: int, person_id: PersonId) -> LivenessVerdict:
        state = LivenessState.LIVE if self.looked[track_id] > self.live_after else LivenessState.UNDECIDED
        return LivenessVerdict(state, "watched")

    def forget(self, track_id: int) -> None:
        self.looked.pop(track_id, None)

    def close(self) -> None:
        pass


@dataclass
class AlwaysLive:
    """The policy "off"."""

    def judge(self, frame: Frame, face: TrackedFace, landmarks: Landmarks) -> LivenessVerdict:
        return LIVE

    def concerning(self, track_id: int, person_id: PersonId) -> LivenessVerdict:
        return LIVE

    def forget(self, track_id: int) -> None:
        pass

    def close(self) -> None:
        pass


def measured(chain: ModelHash, *, threshold: float = THRESHOLD) -> OperatingPoint:
    return OperatingPoint(
        model_hash=chain,
        fpir=0.01,
        threshold=threshold,
        gallery_people=250,
        strangers=350,
        fnir=0.02,
        command="clockface evaluate identify --write",
    )


class Booth:
    """The real pipeline in front of a stand."""

    def __init__(
        self,
        *,
        liveness: Liveness | None = None,
        decision: DecisionConfig | None = None,
        quality: QualityConfig = ANY_QUALITY,
        previous: Stand | None = None,
        enrolled: tuple[int, ...] = (1, 2, 3),
        fps: float = 10.0,
        stand: Stand | None = None,
    ) -> None:
        self.stand = stand or Stand()
        self.previous = previous
        self.fps = fps
        models = Models(self.stand, self.stand, Aligner(), self.stand, previous)
        config = Config(decision=decision or DecisionConfig(), quality=quality, inference=InferenceConfig())
        points = [measured(CHAIN), *([measured(previous.chain)] if previous else [])]
        self.recogniser: Recogniser = open_recogniser(
            models, config, points=points, liveness=liveness or AlwaysLive()
        )
        for who in enrolled:
            self.recogniser.enrolled(person(who), [template(who, who, looks(who))])
        self.frames = 0

    def show(self, *people: tuple[int, Detection], frames: int = 1) -> list[Scene]:
        """Let these people stand there for some frames."""
        scenes = []
        for _ in range(frames):
            self.stand.people = list(people)
            if self.previous is not None:
                self.previous.people = list(people)
            image = np.full((480, 640, 3), 100, np.uint8)
            scenes.append(self.recogniser.process(Frame(image, self.frames / self.fps, self.frames)))
            self.frames += 1
        return scenes


def verdicts(scenes: list[Scene]) -> list[Verdict]:
    return [verdict for scene in scenes for verdict in scene.verdicts]


__all__ = ["Booth", "Stand", "Watcher", "face_at", "verdicts"]
