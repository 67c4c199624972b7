"""What the layers have seen of one track, and what follows from it: the only place where "live" is said. Pure.

Fail-closed: LIVE needs enough frames, every layer that the policy asks for, and no layer against it; whatever
is missing or not a finite number is UNDECIDED at first and NOT_LIVE, with its reason, when the time is over.
The figures behind every limit, and on what they were measured: docs/liveness.md.
"""

import math
from dataclasses import dataclass, replace

from edge.types.faces import Coaching
from edge.types.verdicts import LivenessState, LivenessVerdict

MIN_FRAMES = 3
WINDOW_S = 1.5
"""Longest time from the first judged frame to a verdict (DESIGN, promise 5)."""

FRAME_SHARE = 2.0
"""What a frame around the face takes off the log-odds of its look, for one face width of edge on both sides."""
PASSIVE_LIVE = 1.0  # log-odds at which the look alone is enough, where the policy asks for nothing more
PASSIVE_REFUSED = -3.0  # at which it is enough to refuse, whatever moves
PASSIVE_FLOOR = 0.5  # below which motion does not help: a film on a screen moves as a head does
PASSIVE_SHARE = 0.5  # of its log-odds beside motion's: prints fool it often, motion hardly
PASSIVE_MOST = 4.0  # of its log-odds counts: it is surest where it knows the camera, not the person

MIN_MOVES = 5  # frames that were registered on the first
TURNED_DEG, CERTAIN, CHANGED = 1.0, 6.5, 0.004  # where a sheet and a head are equally likely
TURNED_SHARE, CERTAIN_SHARE, CHANGED_SHARE = 0.8, 2.6, 0.5  # of their logarithms in the log-odds
MOTION_LIVE = -0.85  # log-odds of motion alone that a live face must reach, however live it looks
SUM_LIVE = 0.9  # and together with the share of the look
FLAT = -2.5  # log-odds at which motion is a sheet's
FLAT_AFTER_S = 1.0
LIVE_AFTER_S = 0.5  # first impressions of films are better than second ones
DOUBTS = frozenset({"stood_still", "in_doubt", "too_few_frames"})
"""Reasons that speak against nobody: a challenge, or another attempt, may bring what is missing."""
PRESENTED = frozenset(
    {
        "looks_presented",
        "flat_motion",
        "challenge_wrong",
        "challenge_cut",
        "challenge_face_changed",
    }
)
"""Reasons that speak of an attack: they are counted, and audited."""
HINT_AFTER_S = 0.75  # most people are live before; who is not may still turn the head in time
SWAY = 0.06  # of the eyes' distance that a sheet must have moved to be called one; less is standing still


@dataclass(frozen=True, slots=True)
class Moved:
    """What the time layer has seen.

    Args:
        frames: Frames that were registered on the first.
        turned_deg: The greatest turn between any two of them that the depth of a head shows.
        certainty: Of single frames' turns, in standard errors, near its greatest (90th percentile).
        changed: Mean square change of the face that no map of a picture explains, as a share of what it shows.
        sway: How far the face has moved at most, in distances between the eyes.
    """

    frames: int
    turned_deg: float
    certainty: float
    changed: float
    sway: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """One track so far.

    Args:
        frames: Frames that the passive layer took into account.
        elapsed_s: From the first to the last of them.
        passive: Its mean log-odds over them, less what the context layer takes off; None where it gave none.
        moved: The time layer's; None where it saw nothing.
    """

    frames: int
    elapsed_s: float
    passive: float | None
    moved: Moved | None = None


def judge_look(evidence: Evidence) -> LivenessVerdict:
    """What single frames allow to say (policy "passive")."""
    passive = evidence.passive
    if passive is None or not math.isfinite(passive):
        return LivenessVerdict(LivenessState.NOT_LIVE, "passive_failed")
    score = probability(passive)
    if evidence.frames < MIN_FRAMES:
        return _doubt("too_few_frames", score, evidence)
    if passive >= PASSIVE_LIVE:
        return LivenessVerdict(LivenessState.LIVE, "looks_live", score)
    if passive <= PASSIVE_REFUSED:
        return LivenessVerdict(LivenessState.NOT_LIVE, "looks_presented", score)
    return _doubt("in_doubt", score, evidence)


def judge_look_and_motion(evidence: Evidence) -> LivenessVerdict:
    """What frames and the motion between them allow to say (policy "passive_and_time")."""
    passive, moved = evidence.passive, evidence.moved
    if passive is None or not math.isfinite(passive):
        return LivenessVerdict(LivenessState.NOT_LIVE, "passive_failed")
    if evidence.frames >= MIN_FRAMES and passive <= PASSIVE_REFUSED:
        return LivenessVerdict(LivenessState.NOT_LIVE, "looks_presented", probability(passive - PASSIVE_FLOOR))
    if evidence.frames < MIN_FRAMES or moved is None or moved.frames < MIN_MOVES:
        return _doubt("too_few_frames", probability(min(passive, 0.0)), evidence)
    motion = motion_log_odds(moved)
    if not math.isfinite(motion):
        return LivenessVerdict(LivenessState.NOT_LIVE, "motion_failed")
    return _weigh(evidence, passive, moved=moved, motion=motion)


def _weigh(evidence: Evidence, passive: float, *, moved: Moved, motion: float) -> LivenessVerdict:
    total = motion + PASSIVE_SHARE * min(passive, PASSIVE_MOST)
    score = probability(min(total - SUM_LIVE, motion - MOTION_LIVE, passive - PASSIVE_FLOOR))
    lives = motion >= MOTION_LIVE and passive >= PASSIVE_FLOOR and total >= SUM_LIVE
    if lives and evidence.elapsed_s >= LIVE_AFTER_S:
        return LivenessVerdict(LivenessState.LIVE, "moves_as_a_head", score)
    if motion <= FLAT and moved.sway >= SWAY and evidence.elapsed_s >= FLAT_AFTER_S:
        return LivenessVerdict(LivenessState.NOT_LIVE, "flat_motion", score)
    return _too_little("stood_still" if moved.sway < SWAY else "in_doubt", score, evidence)


def judge_challenged(evidence: Evidence) -> LivenessVerdict:
    """What may be said once a challenge was passed: who turned must have turned as a head, and look like one.

    While it runs, only a look that speaks clearly against the face ends it.
    """
    passive, moved = evidence.passive, evidence.moved
    if passive is None or not math.isfinite(passive):
        return LivenessVerdict(LivenessState.NOT_LIVE, "passive_failed")
    score = probability(passive)
    if passive <= PASSIVE_REFUSED:
        return LivenessVerdict(LivenessState.NOT_LIVE, "looks_presented", score)
    if moved is None or moved.frames < MIN_MOVES:
        return LivenessVerdict(LivenessState.UNDECIDED, "too_few_frames", score)
    if not motion_log_odds(moved) >= MOTION_LIVE:
        return LivenessVerdict(LivenessState.UNDECIDED, "in_doubt", score)
    return LivenessVerdict(LivenessState.LIVE, "challenge_passed", score)


def motion_log_odds(moved: Moved) -> float:
    """How much likelier a head is than a sheet, from three measures that do not repeat each other entirely.

    That nothing changes speaks against a face; that something does never for it: mouths live behind holes, too.
    """
    turned = TURNED_SHARE * math.log(max(moved.turned_deg, 0.01) / TURNED_DEG)
    certain = CERTAIN_SHARE * math.log(max(moved.certainty, 0.01) / CERTAIN)
    changed = CHANGED_SHARE * math.log(max(moved.changed, 1e-5) / CHANGED)
    return _within(turned, 3.0) + _within(certain, 4.0) + min(_within(changed, 2.0), 0.0)


def probability(log_odds: float) -> float:
    """Log-odds as a number in [0, 1]."""
    return 1 / (1 + math.exp(-_within(log_odds, 30.0)))


def _within(value: float, most: float) -> float:
    return value if math.isnan(value) else min(max(value, -most), most)


def _doubt(reason: str, score: float, evidence: Evidence) -> LivenessVerdict:
    over = not evidence.elapsed_s < WINDOW_S
    return LivenessVerdict(LivenessState.NOT_LIVE if over else LivenessState.UNDECIDED, reason, score)


def _too_little(reason: str, score: float, evidence: Evidence) -> LivenessVerdict:
    """Doubt that a little motion can end: say so while there is time."""
    doubt = _doubt(reason, score, evidence)
    if doubt.state is LivenessState.UNDECIDED and evidence.elapsed_s >= HINT_AFTER_S:
        return replace(doubt, hints=Coaching.TURN_A_LITTLE)
    return doubt
