"""Gathers the layers' evidence track by track, and asks for the verdict.

What was seen of one track is never another's: evidence is kept under the track's id and dropped with it. A
clock that runs backwards, or frames that are missing in between, begin it anew.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from edge.inference.pad.evidence import MIN_FRAMES, Evidence, Moved
from edge.inference.pad.motion import Motion, MotionWatcher
from edge.inference.pad.passive import PassiveNetwork
from edge.types import Frame, Landmarks, LivenessState, LivenessVerdict, TrackedFace

MAX_GAP_S = 0.5
"""Frames of one piece of evidence follow each other at most so far apart: what was between them nobody saw."""
CLOCK_WENT_BACK = LivenessVerdict(LivenessState.NOT_LIVE, "clock_went_back")
LOOK_EVERY_S, MOVE_EVERY_S = 0.2, 0.12
"""Pauses between frames that the layers are given, after the first few: more add cost, and hardly evidence."""
_KEPT = 64  # frames that count


@dataclass(slots=True)
class _Watched:
    began_s: float
    last_s: float
    looked_s: float = -math.inf
    moved_s: float = -math.inf
    passive: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    watcher: MotionWatcher = field(default_factory=MotionWatcher)
    motion: deque[Motion] = field(default_factory=lambda: deque(maxlen=_KEPT))


class LayeredLiveness:
    """Judges tracks by all layers of the policy. Raises whatever a layer raises: it runs behind a guard.

    Args:
        passive: The passive layer.
        rule: What evidence allows to say.
        with_motion: Whether the rule asks for the time layer.
    """

    def __init__(
        self, passive: PassiveNetwork, *, rule: Callable[[Evidence], LivenessVerdict], with_motion: bool
    ) -> None:
        self._passive = passive
        self._rule = rule
        self._with_motion = with_motion
        self._tracks: dict[int, _Watched] = {}

    def judge(self, frame: Frame, face: TrackedFace, landmarks: Landmarks) -> LivenessVerdict:
        """Take one more frame of a track into account."""
        at_s = frame.captured_s
        watched = self._tracks.get(face.track_id)
        if watched is not None and not at_s >= watched.last_s:
            self.forget(face.track_id)
            return CLOCK_WENT_BACK
        if watched is None or at_s - watched.last_s > MAX_GAP_S:
            watched = self._tracks[face.track_id] = _Watched(began_s=at_s, last_s=at_s)
        watched.last_s = at_s
        self._look(watched, frame, face)
        if self._with_motion and at_s - watched.moved_s >= MOVE_EVERY_S:
            watched.moved_s = at_s
            motion = watched.watcher.look(frame.image, landmarks)
            if motion is not None:
                watched.motion.append(motion)
        return self._rule(
            Evidence(
                frames=len(watched.passive),
                elapsed_s=at_s - watched.began_s,
                passive=math.fsum(watched.passive) / len(watched.passive),
                moved=_moved(watched.motion),
            )
        )

    def _look(self, watched: _Watched, frame: Frame, face: TrackedFace) -> None:
        """The passive layer sees the first frames, and then some."""
        if len(watched.passive) < MIN_FRAMES or frame.captured_s - watched.looked_s >= LOOK_EVERY_S:
            watched.looked_s = frame.captured_s
            watched.passive.append(self._passive.log_odds(frame.image, face.detection.box))

    def forget(self, track_id: int) -> None:
        """Drop a track's evidence."""
        self._tracks.pop(track_id, None)

    def close(self) -> None:
        """Free the models."""
        self._passive.close()


def _moved(motion: deque[Motion]) -> Moved | None:
    if not motion:
        return None
    seen = np.array([(each.bend_px, each.agreement, each.depth_px, each.sway_px) for each in motion])
    return Moved(
        frames=len(motion),
        bend_px=float(np.percentile(seen[:, 0], 90)),
        agreement=float(np.median(seen[:, 1])),
        depth_px=float(np.percentile(seen[:, 2], 90)),
        sway_px=float(seen[:, 3].max()),
    )
