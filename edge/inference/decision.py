"""Turns the frames of one track into exactly one verdict: nobody rather than the wrong person.

Pure and fail-closed: success needs several agreeing frames of one unbroken track, each above a measured
threshold and ahead of every other person, and a liveness verdict of LIVE that stands at the moment of
deciding.
"""

import statistics
from collections import Counter
from dataclasses import dataclass

from edge.config.recognition import DecisionConfig
from edge.types.faces import Coaching
from edge.types.identity import ModelHash, PersonId, TrackId
from edge.types.verdicts import LivenessState, LivenessVerdict, Match, Outcome, Verdict

EXTRA_FRAMES = 2
"""Agreement is N of the last N + 2 matched frames: one blurred frame does not begin the count anew."""
NEAR = 0.1
"""A score this close below the threshold may be an enrolled person's: worth waiting for a better frame."""
UNKNOWN_AFTER = 0.5  # share of the time limit that must pass before somebody is called unknown
ASKED_GRACE_S = 2.5
"""So long after the last request of a challenge a verdict may still come: a turned head is not judged."""
CHALLENGE_MOST_S = 20.0  # a challenge prolongs a track's time limit by at most this
MAX_CONFLICTS = 2  # as often may a track look confidently like somebody else before it is unsure


@dataclass(frozen=True, slots=True)
class Compared:
    """What the gallery said of one frame.

    Args:
        match: Its answer.
        threshold: The operating point in force for this chain and gallery.
        model_hash: The chain that was compared.
    """

    match: Match
    threshold: float
    model_hash: ModelHash


@dataclass(frozen=True, slots=True)
class Observation:
    """One frame of a track.

    Args:
        captured_s: Its capture time.
        coaching: Why the face is not good enough, or None.
        liveness: The liveness verdict, where the face was good enough to be judged.
        compared: The gallery's answer, where the face was good enough to be matched.
    """

    captured_s: float
    coaching: Coaching | None = None
    liveness: LivenessVerdict | None = None
    compared: Compared | None = None


class TrackDecider:
    """Decides one track, once.

    Args:
        track_id: Whose frames it is given; nobody else's.
        first_seen_s: Capture time of the track's first frame.
        began_s: Capture time from which the time limit counts: the first frame in which the track was judged.
        rules: Frames, margin and time limit.
    """

    def __init__(
        self, track_id: TrackId, *, first_seen_s: float, began_s: float, rules: DecisionConfig
    ) -> None:
        self._track_id = track_id
        self._first_seen_s = first_seen_s
        self._began_s = began_s
        self._rules = rules
        self._frames: list[Compared] = []  # since the last conflict
        self._matched = 0
        self._conflicts = 0
        self._coaching: Coaching | None = None
        self._liveness: LivenessVerdict | None = None
        self._verdict: Verdict | None = None
        self._ends_s = began_s + rules.time_limit_s
        self._last_end_s = self._ends_s + CHALLENGE_MOST_S

    @property
    def verdict(self) -> Verdict | None:
        """The track's verdict, once there is one; it never changes."""
        return self._verdict

    def observe(self, seen: Observation) -> Verdict | None:
        """Take one more frame into account.

        Returns:
            The verdict if this frame decided; None before and after.
        """
        if self._verdict is not None:
            return None
        self._coaching = seen.coaching or self._coaching
        self._liveness = seen.liveness or self._liveness
        if seen.liveness is not None and seen.liveness.asks is not None:
            self._ends_s = min(max(self._ends_s, seen.captured_s + ASKED_GRACE_S), self._last_end_s)
        if self._liveness is not None and self._liveness.state is LivenessState.NOT_LIVE:
            return self._conclude(Outcome.NOT_LIVE, seen.captured_s, reason=self._liveness.reason)
        if seen.compared is not None:
            self._take(seen.compared)
        return self._early(seen.captured_s) or self._late(seen.captured_s)

    def leave(self, at_s: float) -> Verdict | None:
        """Conclude a track that ended before it was decided; None if it already was."""
        if self._verdict is not None:
            return None
        outcome = Outcome.UNSURE if self._matched else Outcome.POOR_QUALITY
        return self._conclude(outcome, at_s, reason="left")

    def _take(self, compared: Compared) -> None:
        self._matched += 1
        person = compared.match.person_id
        others = {c.match.person_id for c in self._frames if self._agrees(c)} - {person}
        if self._agrees(compared) and others:  # two people in one track: nothing before this frame counts
            self._conflicts += 1
            self._frames.clear()
        self._frames.append(compared)

    def _agrees(self, compared: Compared) -> bool:
        match = compared.match
        return (
            match.person_id is not None
            and match.score >= compared.threshold
            and match.margin >= self._rules.margin
        )

    def _leader(self) -> tuple[PersonId | None, list[Compared]]:
        """The person of whom most of the last frames are confident, and those frames."""
        window = [c for c in self._frames[-(self._rules.frames + EXTRA_FRAMES) :] if self._agrees(c)]
        votes = Counter((c.match.person_id, c.model_hash) for c in window)
        if not votes:
            return None, []
        person, chain = votes.most_common(1)[0][0]
        return person, [c for c in window if (c.match.person_id, c.model_hash) == (person, chain)]

    def _early(self, at_s: float) -> Verdict | None:
        """What can be said before the time limit."""
        if self._conflicts >= MAX_CONFLICTS:
            return self._conclude(Outcome.UNSURE, at_s, reason="conflict")
        person, agreeing = self._leader()
        if person is not None and len(agreeing) >= self._rules.frames and self._live():
            return self._conclude(Outcome.RECOGNISED, at_s, reason="agreed", agreeing=agreeing)
        waited = at_s - self._began_s >= UNKNOWN_AFTER * self._rules.time_limit_s
        if waited and self._stranger(least=2 * self._rules.frames):
            return self._conclude(Outcome.UNKNOWN, at_s, reason="below_threshold", agreeing=self._frames)
        return None

    def _late(self, at_s: float) -> Verdict | None:
        """What must be said at the time limit."""
        if at_s < self._ends_s:
            return None
        if not self._matched:
            return self._conclude(Outcome.POOR_QUALITY, at_s, reason="time_limit")
        _, agreeing = self._leader()
        if len(agreeing) >= self._rules.frames:  # only liveness is missing
            return self._conclude(Outcome.NOT_LIVE, at_s, reason="liveness_undecided")
        if self._stranger(least=self._rules.frames):
            return self._conclude(Outcome.UNKNOWN, at_s, reason="below_threshold", agreeing=self._frames)
        return self._conclude(Outcome.UNSURE, at_s, reason="time_limit")

    def _live(self) -> bool:
        return self._liveness is not None and self._liveness.state is LivenessState.LIVE

    def _stranger(self, *, least: int) -> bool:
        """Whether enough frames were matched and every one of them is clearly below its threshold."""
        if self._conflicts or len(self._frames) < least:
            return False
        return all(c.match.score < c.threshold - NEAR for c in self._frames)

    def _conclude(
        self, outcome: Outcome, at_s: float, *, reason: str, agreeing: list[Compared] | None = None
    ) -> Verdict:
        agreeing = agreeing or []
        recognised = outcome is Outcome.RECOGNISED
        self._verdict = Verdict(
            outcome=outcome,
            decided_s=at_s,
            track_id=self._track_id,
            first_seen_s=self._first_seen_s,
            person_id=agreeing[0].match.person_id if recognised else None,
            score=statistics.median(c.match.score for c in agreeing) if agreeing else None,
            margin=statistics.median(c.match.margin for c in agreeing) if agreeing else None,
            frames_matched=self._matched,
            frames_agreed=len(agreeing),
            coaching=self._coaching if outcome is Outcome.POOR_QUALITY else None,
            reason=reason,
            model_hash=(agreeing or self._frames)[-1].model_hash if self._frames else None,
        )
        return self._verdict
