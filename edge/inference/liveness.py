"""The liveness seam in its place: off by policy, the layers of the policy, and the guard around all.

Whatever goes wrong here keeps the door shut: a missing model, an exception, or an answer that is not a verdict,
is NOT_LIVE with its reason. Only the configured policy "off" lets a match count without evidence, and doctor
says so.
"""

import math
import secrets

import structlog

from edge.config.recognition import InferenceConfig, LivenessConfig
from edge.errors import ModelError
from edge.inference.models import ModelStore
from edge.inference.pad.passive import MODEL, PassiveNetwork
from edge.inference.pad.watch import LayeredLiveness
from edge.inference.runtime import Runner
from edge.ports import Liveness
from edge.types.faces import Coaching, Frame, Landmarks, TrackedFace
from edge.types.identity import PersonId
from edge.types.verdicts import LivenessState, LivenessVerdict

log = structlog.get_logger(__name__)

OFF_BY_POLICY = LivenessVerdict(LivenessState.LIVE, "off_by_policy")
NO_MODEL = LivenessVerdict(LivenessState.NOT_LIVE, "no_liveness_model")
FAILED = LivenessVerdict(LivenessState.NOT_LIVE, "liveness_failed")
BAD_ANSWER = LivenessVerdict(LivenessState.NOT_LIVE, "liveness_bad_answer")


class LivenessOff:
    """Policy "off": nothing is asked of anybody, and a photograph can clock in."""

    def judge(self, frame: Frame, face: TrackedFace, landmarks: Landmarks) -> LivenessVerdict:
        """LIVE, off_by_policy."""
        del frame, face, landmarks  # the answer is the same for everybody
        return OFF_BY_POLICY

    def concerning(self, track_id: int, person_id: PersonId) -> LivenessVerdict:
        """The same for everybody."""
        del track_id, person_id
        return OFF_BY_POLICY

    def forget(self, track_id: int) -> None:
        """Nothing was kept."""

    def close(self) -> None:
        """Nothing to free."""


class LivenessUnavailable:
    """A policy whose models are missing or altered: nobody is recognised by face; badge and PIN remain."""

    def judge(self, frame: Frame, face: TrackedFace, landmarks: Landmarks) -> LivenessVerdict:
        """NOT_LIVE, no_liveness_model."""
        del frame, face, landmarks  # the answer is the same for everybody
        return NO_MODEL

    def concerning(self, track_id: int, person_id: PersonId) -> LivenessVerdict:
        """The same for everybody."""
        del track_id, person_id
        return NO_MODEL

    def forget(self, track_id: int) -> None:
        """Nothing was kept."""

    def close(self) -> None:
        """Nothing to free."""


class GuardedLiveness:
    """Any implementation, made to fail closed.

    Args:
        inner: What judges. It may raise or answer nonsense; the answer is then NOT_LIVE.
    """

    def __init__(self, inner: Liveness) -> None:
        self._inner = inner

    def judge(self, frame: Frame, face: TrackedFace, landmarks: Landmarks) -> LivenessVerdict:
        """The inner verdict if it is one; else NOT_LIVE with what went wrong."""
        try:
            verdict = self._inner.judge(frame, face, landmarks)
        except Exception:  # noqa: BLE001 - the seam fails closed, whatever an implementation raises
            return FAILED
        return verdict if _sound(verdict) else BAD_ANSWER

    def concerning(self, track_id: int, person_id: PersonId) -> LivenessVerdict:
        """The inner verdict if it is one; else NOT_LIVE with what went wrong."""
        try:
            verdict = self._inner.concerning(track_id, person_id)
        except Exception:  # noqa: BLE001 - as above
            return FAILED
        return verdict if _sound(verdict) else BAD_ANSWER

    def forget(self, track_id: int) -> None:
        """Pass it on; a failure to forget must not stop the pipeline."""
        try:
            self._inner.forget(track_id)
        except Exception:  # noqa: BLE001 - as above
            return

    def close(self) -> None:
        """Free the models."""
        self._inner.close()


def liveness_models(config: LivenessConfig) -> tuple[str, ...]:
    """Names in the manifest of the models that one judged frame runs, once each."""
    policies = {config.policy, *(each.policy for each in config.people)}
    return () if policies == {"off"} else (MODEL,)


def open_liveness(
    config: LivenessConfig, *, store: ModelStore, inference: InferenceConfig, mirrored: bool = False
) -> Liveness:
    """What the policy asks for, guarded. Without its models it refuses everybody, and says so in the log.

    Args:
        config: The policies of the site and of people.
        store: Where the models are.
        inference: What they run on.
        mirrored: Whether the camera's pictures are: then a turn to the left looks like one to the right.
    """
    if not liveness_models(config):
        return GuardedLiveness(LivenessOff())
    try:
        runner = Runner(store.load(MODEL), delegate=inference.delegate, threads=inference.threads)
        passive = PassiveNetwork(runner)
    except ModelError as error:
        log.error("liveness_not_opened", error=error)  # noqa: TRY400 - its message says what to do
        return GuardedLiveness(LivenessUnavailable())
    return GuardedLiveness(
        LayeredLiveness(
            passive,
            policy=config.policy,
            people={PersonId(each.person): each.policy for each in config.people},
            mirrored=mirrored,
            choose=secrets.choice,
        )
    )


def _sound(verdict: object) -> bool:
    if not isinstance(verdict, LivenessVerdict) or not isinstance(verdict.state, LivenessState):
        return False
    for said in (verdict.asks, verdict.hints):
        if said is not None and not _fits(said, verdict.state):
            return False
    return verdict.score is None or (math.isfinite(verdict.score) and 0 <= verdict.score <= 1)


def _fits(said: object, state: LivenessState) -> bool:
    """Whether this may be said to somebody: only while nothing is decided."""
    return isinstance(said, Coaching) and state is LivenessState.UNDECIDED
