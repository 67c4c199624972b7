"""Gathers the layers' evidence track by track, and says what it means under the policy that holds.

What was seen of one track is never another's: evidence is kept under the track's id and dropped with it. A
clock that runs backwards, or frames that are missing in between, begin it anew. Nobody is asked anything before
the track was matched with somebody: strangers are not put through a challenge.
"""

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from edge.config.recognition import LivenessPolicy
from edge.inference.pad.challenge import Challenge, Progress, Sight, draw
from edge.inference.pad.context import framed
from edge.inference.pad.evidence import (
    DOUBTS,
    FRAME_SHARE,
    MIN_FRAMES,
    Evidence,
    judge_challenged,
    judge_look,
    judge_look_and_motion,
)
from edge.inference.pad.motion import MotionWatcher, Step
from edge.inference.pad.passive import PassiveNetwork
from edge.inference.quality import pose
from edge.types.faces import Coaching, Frame, Landmarks, TrackedFace
from edge.types.identity import PersonId
from edge.types.verdicts import LivenessState, LivenessVerdict

MAX_GAP_S = 0.5
"""Frames of one piece of evidence follow each other at most so far apart: what was between them nobody saw."""
LOOK_EVERY_S, MOVE_EVERY_S = 0.2, 0.06
"""Pauses between frames that the layers are given, after the first few: more add cost, and hardly evidence."""
FRAME_EVERY = 2  # looks: what frames a face is still there in the next one, and costs as much to find
CLOCK_WENT_BACK = LivenessVerdict(LivenessState.NOT_LIVE, "clock_went_back")
NOT_SEEN = LivenessVerdict(LivenessState.NOT_LIVE, "not_seen")
NOT_ASKED = LivenessVerdict(LivenessState.LIVE, "off_by_policy")
FACE_CHANGED = LivenessVerdict(LivenessState.NOT_LIVE, "challenge_face_changed")
_KEPT = 64  # frames that count
_CHALLENGES: frozenset[LivenessPolicy] = frozenset({"challenge_when_in_doubt", "challenge_always"})

Choose = Callable[[Sequence[Coaching]], Coaching]


@dataclass(slots=True)
class _Watched:
    began_s: float
    last_s: float
    looked_s: float = -math.inf
    moved_s: float = -math.inf
    framed: float = 0.0
    passive: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    watcher: MotionWatcher = field(default_factory=MotionWatcher)
    sight: Sight | None = None
    person: PersonId | None = None
    challenge: Challenge | None = None

    def begin_anew(self, at_s: float) -> None:
        """Another face may have taken this one's place: what was seen of that one speaks for nobody."""
        self.began_s, self.looked_s = at_s, -math.inf
        self.passive.clear()


class LayeredLiveness:
    """Judges tracks by all layers of the policy. Raises whatever a layer raises: it runs behind a guard.

    Args:
        passive: The passive layer.
        policy: The site's.
        people: Of people for whom another one holds.
        mirrored: Whether pictures are flipped, and left is right.
        choose: Picks a request that nobody can foresee.
    """

    def __init__(
        self,
        passive: PassiveNetwork,
        *,
        policy: LivenessPolicy,
        people: Mapping[PersonId, LivenessPolicy],
        mirrored: bool,
        choose: Choose,
    ) -> None:
        self._passive = passive
        self._policy = policy
        self._people = dict(people)
        self._left = -1.0 if mirrored else 1.0
        self._choose = choose
        self._tracks: dict[int, _Watched] = {}

    def judge(self, frame: Frame, face: TrackedFace, landmarks: Landmarks) -> LivenessVerdict:
        """Take one more frame of a track into account."""
        at_s = frame.captured_s
        watched = self._tracks.get(face.track_id)
        if watched is not None and not at_s >= watched.last_s:
            self.forget(face.track_id)
            return CLOCK_WENT_BACK
        if watched is None or (watched.challenge is None and at_s - watched.last_s > MAX_GAP_S):
            watched = self._tracks[face.track_id] = _Watched(began_s=at_s, last_s=at_s)
        watched.last_s = at_s
        if at_s - watched.moved_s >= MOVE_EVERY_S:
            watched.moved_s = at_s
            if watched.watcher.look(frame.image, landmarks) is Step.LOST:
                watched.begin_anew(at_s)
        self._look(watched, frame, face, landmarks)
        sight = Sight(at_s, face.detection.box, self._left * pose(landmarks).yaw_deg)
        watched.sight = sight
        if watched.challenge is not None:
            watched.challenge.see(sight)
        return self._unmatched(watched) if watched.person is None else self._matched(watched)

    def concerning(self, track_id: int, person_id: PersonId) -> LivenessVerdict:
        """What was seen of a track, under the policy for the person whom it was matched with."""
        watched = self._tracks.get(track_id)
        if watched is None:
            return NOT_SEEN
        if watched.challenge is not None and watched.person != person_id:
            return FACE_CHANGED
        watched.person = person_id
        return self._matched(watched)

    def forget(self, track_id: int) -> None:
        """Drop a track's evidence."""
        self._tracks.pop(track_id, None)

    def close(self) -> None:
        """Free the models."""
        self._passive.close()

    def _look(self, watched: _Watched, frame: Frame, face: TrackedFace, landmarks: Landmarks) -> None:
        """The passive and context layers see the first frames, and then some."""
        if len(watched.passive) < MIN_FRAMES or frame.captured_s - watched.looked_s >= LOOK_EVERY_S:
            watched.looked_s = frame.captured_s
            look = self._passive.log_odds(frame.image, face.detection.box)
            if len(watched.passive) % FRAME_EVERY == 0:
                watched.framed = framed(frame.image, face.detection.box, landmarks)
            watched.passive.append(look - FRAME_SHARE * watched.framed)

    def _unmatched(self, watched: _Watched) -> LivenessVerdict:
        """Before anybody was matched: live, or not, only where every policy that may hold says so."""
        possible = {self._policy, *self._people.values()}
        verdicts = {policy: self._opening(policy, watched) for policy in possible}
        site = verdicts[self._policy]
        if all(verdict.state is site.state for verdict in verdicts.values()):
            return site
        hints = site.hints if site.state is LivenessState.UNDECIDED else None
        return LivenessVerdict(LivenessState.UNDECIDED, site.reason, site.score, hints=hints)

    def _opening(self, policy: LivenessPolicy, watched: _Watched) -> LivenessVerdict:
        """What a policy says before its challenge, if it has one: doubt is not the end there."""
        base = _plain(policy, watched)
        doubtful = base.state is LivenessState.NOT_LIVE and base.reason in DOUBTS
        open_still = doubtful or (base.state is LivenessState.LIVE and policy == "challenge_always")
        if policy in _CHALLENGES and open_still:
            return LivenessVerdict(LivenessState.UNDECIDED, base.reason, base.score)
        return base

    def _matched(self, watched: _Watched) -> LivenessVerdict:
        policy = self._policy if watched.person is None else self._people.get(watched.person, self._policy)
        base = _plain(policy, watched)
        if policy not in _CHALLENGES:
            return base
        if watched.challenge is None:
            refused = base.state is LivenessState.NOT_LIVE and base.reason not in DOUBTS
            early = len(watched.passive) < MIN_FRAMES or base.state is LivenessState.UNDECIDED
            content = policy == "challenge_when_in_doubt" and base.state is LivenessState.LIVE
            if refused or content or (early and policy == "challenge_when_in_doubt"):
                return base
            if len(watched.passive) < MIN_FRAMES:
                return LivenessVerdict(LivenessState.UNDECIDED, "too_few_frames", base.score)
            watched.challenge = Challenge(draw(self._choose), before=watched.sight)
        return self._challenged(watched, watched.challenge)

    def _challenged(self, watched: _Watched, challenge: Challenge) -> LivenessVerdict:
        verdict = judge_challenged(_evidence(watched))
        if challenge.progress is Progress.PASSED or verdict.state is LivenessState.NOT_LIVE:
            return verdict
        if challenge.progress is Progress.ASKING:
            return LivenessVerdict(LivenessState.UNDECIDED, "challenge", verdict.score, asks=challenge.asks)
        return LivenessVerdict(LivenessState.NOT_LIVE, challenge.progress.value, verdict.score)


def _plain(policy: LivenessPolicy, watched: _Watched) -> LivenessVerdict:
    """What the policy says of the evidence alone."""
    if policy == "off":
        return NOT_ASKED
    return (judge_look if policy == "passive" else judge_look_and_motion)(_evidence(watched))


def _evidence(watched: _Watched) -> Evidence:
    return Evidence(
        frames=len(watched.passive),
        elapsed_s=watched.last_s - watched.began_s,
        passive=math.fsum(watched.passive) / len(watched.passive) if watched.passive else None,
        moved=watched.watcher.moved,
    )
