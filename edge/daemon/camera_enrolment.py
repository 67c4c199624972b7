"""Enrolment from the live camera: says what is wrong with the picture, takes some good and different frames.

The loop lends its frames for the time (`FrameTap`), so nobody is recognised meanwhile. All frames must show one
person: if another face steps in, taking begins anew. Liveness is staff's to see: they stand beside the person.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np

from edge.daemon.enrolment import Applicant, Enroller, Enrolment, Sighting
from edge.daemon.tap import FrameTap
from edge.errors import CameraUnavailable, PhotoRefused
from edge.inference.analyser import Face
from edge.types.camera import CameraHealth
from edge.types.faces import Coaching, Frame, Quality

FRAME_TIMEOUT_S = 1.0
APART_S = 0.4  # between two frames that are taken: faces move less in a shorter time
APART_DEG = 4.0  # of yaw, pitch or roll, that makes a frame a different one
# Cosine between good frames of one visit below which somebody else stands there now. On lfw-dev with the fused
# chain, 0.15 % of 683 pairs of one person are below, 0.23 % of 51,040 pairs of strangers are above.
SAME_PERSON = 0.35


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an enrolment from the camera stands.

    Args:
        taken: Frames taken.
        faces: People near enough to count in the last frame.
        request: What to ask of the person: a `Coaching` value, or None.
    """

    taken: int
    faces: int
    request: str | None


@dataclass(frozen=True, slots=True, eq=False)
class _Taken:
    sighting: Sighting
    quality: Quality
    at_s: float


class CameraSession:
    """One enrolment from the camera.

    Args:
        enroller: Judges and stores.
        tap: Where the loop's frames come from.
        health: How the camera is, for when none come.
        now_s: Monotonic seconds.
    """

    def __init__(
        self,
        *,
        enroller: Enroller,
        tap: FrameTap,
        health: Callable[[], CameraHealth],
        now_s: Callable[[], float],
    ) -> None:
        self._enroller = enroller
        self._tap = tap
        self._health = health
        self._now_s = now_s
        self._taken: list[_Taken] = []

    def run(
        self, applicant: Applicant, *, frames: int, time_limit_s: float
    ) -> Generator[Progress | Enrolment, None, None]:
        """Take frames until there are enough or the time is over, then store what was taken.

        Raises:
            CameraUnavailable: The camera gives no frame.
            PhotoRefused: No good frame came in time.
            EnrolmentError: As for `Enroller.enrol`.
        """
        self._enroller.admit(applicant)
        until_s = self._now_s() + time_limit_s
        with self._tap.borrow() as borrowed:
            seen = False
            request, faces = None, 0
            while len(self._taken) < frames and self._now_s() < until_s:
                frame = borrowed.next(timeout_s=FRAME_TIMEOUT_S)
                if frame is not None:
                    seen = True
                    request, faces = self._look(frame)
                yield Progress(len(self._taken), faces, request)
        if not self._taken:
            raise self._nothing(seen=seen, request=request)
        yield self._enroller.enrol(applicant, [each.sighting for each in self._taken])

    def _look(self, frame: Frame) -> tuple[str | None, int]:
        """Judge one frame, take it if it is good and different; returns the request and the people in it."""
        face, people = self._enroller.examine(frame.image)
        if face is None:
            return Coaching.MOVE_INTO_VIEW.value, 0
        if people > 1:
            return Coaching.ONE_AT_A_TIME.value, people
        if face.quality.coaching is not None:
            return face.quality.coaching.value, 1
        if not self._differs(face.quality, frame.captured_s):
            return Coaching.TURN_A_LITTLE.value, 1
        self._take(frame, face)
        return None, 1

    def _differs(self, quality: Quality, at_s: float) -> bool:
        return all(
            at_s - each.at_s >= APART_S and _turned(quality, each.quality) >= APART_DEG for each in self._taken
        )

    def _take(self, frame: Frame, face: Face) -> None:
        sighting = self._enroller.sight(frame.image, face)
        if any(float(np.dot(sighting.probe, each.sighting.probe)) < SAME_PERSON for each in self._taken):
            self._taken.clear()  # somebody else stands there now
        self._taken.append(_Taken(sighting, face.quality, frame.captured_s))

    def _nothing(self, *, seen: bool, request: str | None) -> CameraUnavailable | PhotoRefused:
        if seen:
            return PhotoRefused(
                "no good picture of one face came in time",
                where=f"last request: {request}",
                next_step="stand about half a metre in front of the camera, in good light, and try again",
            )
        health = self._health()
        return CameraUnavailable(
            f"the camera gives no picture ({health.state.value})", where="camera", next_step="clockface doctor"
        )


def _turned(one: Quality, other: Quality) -> float:
    return max(
        abs(one.yaw_deg - other.yaw_deg),
        abs(one.pitch_deg - other.pitch_deg),
        abs(one.roll_deg - other.roll_deg),
    )
