"""What was made of a face: liveness, match, the verdict on a track, and the scene that the screen guides by.

A track has exactly one verdict, and only RECOGNISED names a person.
"""

from dataclasses import dataclass
from enum import StrEnum

from edge.types.faces import Box, Coaching
from edge.types.identity import ModelHash, PersonId, TrackId


class LivenessState(StrEnum):
    """What is known about presence so far; only LIVE opens."""

    LIVE = "live"
    UNDECIDED = "undecided"
    NOT_LIVE = "not_live"


@dataclass(frozen=True, slots=True)
class LivenessVerdict:
    """The liveness seam's answer for one track.

    Args:
        state: Only `LIVE` lets a match count.
        reason: A short code ("off_by_policy", "no_liveness_model", "flat_motion"), never free text.
        score: The layer's score in [0, 1] where it has one.
        asks: What the person is asked to do, while a challenge runs.
        hints: What would help, where nothing is asked: it binds nobody and gives no more time.
    """

    state: LivenessState
    reason: str
    score: float | None = None
    asks: Coaching | None = None
    hints: Coaching | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """The gallery's answer to one probe.

    Args:
        person_id: Whose template is nearest; None for an empty gallery.
        score: Cosine in [-1, 1] with that person's nearest template.
        runner_up: Cosine with the nearest template of any other person; -1 where there is none.
    """

    person_id: PersonId | None
    score: float
    runner_up: float

    @property
    def margin(self) -> float:
        """How far the nearest person is ahead of the next one."""
        return self.score - self.runner_up


class Outcome(StrEnum):
    """How it ended for one track, or what the scene shows when there is no track to judge."""

    RECOGNISED = "recognised"
    UNKNOWN = "unknown"
    UNSURE = "unsure"
    NOT_LIVE = "not_live"
    POOR_QUALITY = "poor_quality"
    SEVERAL_PEOPLE = "several_people"
    NO_FACE = "no_face"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision on one track, or on a scene without one. A track has exactly one verdict.

    Args:
        outcome: What was decided.
        decided_s: Capture time of the frame that decided.
        track_id: None for NO_FACE and SEVERAL_PEOPLE.
        first_seen_s: Capture time of the track's first frame.
        person_id: Set for RECOGNISED only.
        score: Median cosine of the agreeing frames; None where nothing was matched.
        margin: Median lead over the next person; None where nothing was matched.
        frames_matched: How many frames of the track were matched.
        frames_agreed: How many of them agreed with the outcome.
        coaching: The last reason, for POOR_QUALITY.
        reason: A short code that says why (liveness reason, "time_limit", "left").
        model_hash: The recognition chain that matched.
    """

    outcome: Outcome
    decided_s: float
    track_id: TrackId | None = None
    first_seen_s: float | None = None
    person_id: PersonId | None = None
    score: float | None = None
    margin: float | None = None
    frames_matched: int = 0
    frames_agreed: int = 0
    coaching: Coaching | None = None
    reason: str = ""
    model_hash: ModelHash | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """What one frame shows, for the screen: guidance while nothing is decided, verdicts when something is.

    Args:
        captured_s: Capture time of the frame.
        faces: How many faces stand in it.
        outline: The box of the face that is being judged, or None.
        coaching: What to ask of that person, or None.
        verdicts: Verdicts that this frame brought; mostly empty.
        track_id: Whose face `outline` is, or None.
    """

    captured_s: float
    faces: int
    outline: Box | None
    coaching: Coaching | None
    verdicts: tuple[Verdict, ...] = ()
    track_id: TrackId | None = None
