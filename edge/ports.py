"""The seams of the edge daemon, in the order in which data flows. Start reading here, then `edge/app.py`.

    Camera -> Detector -> Landmarker -> Liveness -> Embedder -> Gallery
           -> (decision, rules: pure) -> Ledger -> Announcer

Each has one method of work and `close()`. Nothing calls back up. Tracking, quality, decision and
rules are pure classes and functions, not seams: there is one right implementation of each.
"""

from typing import Protocol

from edge.types.announcements import Announcement
from edge.types.camera import CameraHealth
from edge.types.clock import Instant
from edge.types.faces import BgrImage, Detection, Embedding, Frame, Landmarks, TrackedFace
from edge.types.identity import ModelHash, PersonId
from edge.types.punches import Punch, RecordedPunch
from edge.types.verdicts import LivenessVerdict


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> Instant:
        """Read all clocks at once."""
        ...


class Camera(Protocol):
    """A source of frames. Opening, freezing, vanishing and reopening are its own business, for ever."""

    def read(self, *, timeout_s: float) -> Frame | None:
        """Wait for a frame newer than the last one read.

        Returns:
            The newest frame, or None if none came within `timeout_s` (see `health` for why).
        """
        ...

    def health(self) -> CameraHealth:
        """Say how the camera is, from any thread."""
        ...

    def close(self) -> None:
        """Let go of the device. May be called twice."""
        ...


class Detector(Protocol):
    """Finds faces in a picture."""

    def detect(self, image: BgrImage) -> tuple[Detection, ...]:
        """Find faces in a (h, w, 3) uint8 BGR picture, best score first."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


class Landmarker(Protocol):
    """Finds the parts of a detected face."""

    def locate(self, image: BgrImage, detection: Detection) -> Landmarks:
        """Locate the five alignment points (and the mesh) of one face of this picture."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


class Liveness(Protocol):
    """Judges whether a track is a person who is really there. Anything but LIVE keeps the door shut."""

    def judge(self, frame: Frame, face: TrackedFace, landmarks: Landmarks) -> LivenessVerdict:
        """Take one more frame of a track into account. Never raises: a failure is NOT_LIVE and why."""
        ...

    def concerning(self, track_id: int, person_id: PersonId) -> LivenessVerdict:
        """What the frames so far say under the policy for the person that the track was matched with.

        Asked after every frame that matched somebody clearly; its answer stands in place of `judge`'s.
        """
        ...

    def forget(self, track_id: int) -> None:
        """Drop what was kept for a track that has ended."""
        ...

    def close(self) -> None:
        """Free the models."""
        ...


class Embedder(Protocol):
    """Turns an aligned face into an embedding."""

    @property
    def model_hash(self) -> ModelHash:
        """Names the whole chain (landmarks, alignment, views, weights) that gives comparable embeddings."""
        ...

    @property
    def dim(self) -> int:
        """Length of the embedding."""
        ...

    def embed(self, image: BgrImage, landmarks: Landmarks) -> Embedding:
        """Align the face and embed it as a probe: (dim,) float32, L2-normalised, owned by the caller."""
        ...

    def template(self, image: BgrImage, landmarks: Landmarks) -> Embedding:
        """Embed a face as a template, more carefully than a probe; of the same form."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


class Ledger(Protocol):
    """Where a punch becomes an event. The only way to success on the screen leads through here."""

    def record(self, punch: Punch) -> RecordedPunch:
        """Commit a punch durably as the next signed event.

        Raises:
            StoreError: Nothing was recorded; the caller must not confirm anything.
        """
        ...


class Announcer(Protocol):
    """Tells the screen, sound and light. Never blocks the pipeline, never raises."""

    def announce(self, announcement: Announcement) -> None:
        """Hand over an announcement; slow listeners lose guidance, never a verdict."""
        ...
