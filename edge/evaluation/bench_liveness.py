"""What liveness costs for one verdict: the same clips through the pipeline with and without it, in turns.

Seconds of one core, not of the wall: `judge` is the seam alone; the difference of the whole also holds what
more frames until the verdict cost. Times to the verdict are the clips' own. Nothing that is shown is kept.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from edge.config.tree import Config
from edge.errors import EvaluationError
from edge.evaluation.bench import costs
from edge.evaluation.liveness_run import Seam, open_seam, open_trial, with_policy
from edge.evaluation.liveness_trial import Trial, frames_of
from edge.evaluation.presentations import Kind, Presentation, check
from edge.evaluation.report import JsonObject
from edge.evaluation.samples import Progress
from edge.inference.chain import open_models
from edge.inference.models import SHIPPED_MODELS, ModelStore
from edge.types.verdicts import Outcome

OFF = "off"
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class _Verdict:
    """One clip's way to its verdict."""

    outcome: Outcome
    core_s: float
    judge_s: float
    waited_s: float
    frames: int


def measure_liveness(
    config: Config,
    *,
    clips: Sequence[Path],
    progress: Progress,
    rounds: int = ROUNDS,
    seam: Seam = open_seam,
    timer: Callable[[], float] = time.thread_time,
) -> JsonObject:
    """Cost and time of a verdict with the configured policy, and with none.

    Args:
        config: With the policy to measure.
        clips: Videos, or folders of pictures, of people who are there.
        progress: Told after every clip.
        rounds: How often each clip is shown to each pipeline.
        seam: Opens the seam under test.
        timer: Seconds of this thread on a core.

    Raises:
        EvaluationError: A clip cannot be read, or none brought a verdict.
        ModelError: A model is missing or failed.
    """
    shown = [Presentation(clip, Kind.CLIP, "clip", str(clip)) for clip in clips]
    check(shown)
    store = ModelStore(config.paths.models or SHIPPED_MODELS)
    models = open_models(store, config.inference)
    try:
        trials = {
            policy: open_trial(
                each, models, store, gallery={}, fps=config.camera.fps, thumbnails=False, seam=seam
            )
            for policy, each in ((config.liveness.policy, config), (OFF, with_policy(config, OFF)))
        }
        found: dict[str, list[_Verdict]] = {policy: [] for policy in trials}
        total = rounds * len(shown)
        for turn in range(-1, rounds):  # the first round warms caches up and does not count
            for index, one in enumerate(shown):
                for policy, trial in trials.items():
                    verdict = _to_verdict(trial, one, timer=timer)
                    if turn >= 0 and verdict is not None:
                        found[policy].append(verdict)
                progress("verdicts on clips", max(0, turn * len(shown) + index + 1), total)
        for trial in trials.values():
            trial.overheard.close()
    finally:
        models.close()
    return _report(config.liveness.policy, found, clips=len(shown), rounds=rounds)


def _to_verdict(trial: Trial, one: Presentation, *, timer: Callable[[], float]) -> _Verdict | None:
    """Show a clip until its first verdict on a track; only the pipeline's own work is timed."""
    trial.enrol(one)
    trial.overheard.begin(from_s=0.0)
    core_s, began_s = 0.0, trial.next_s()
    for count, frame in enumerate(frames_of(one, began_s=began_s, fps=trial.fps), start=1):
        before_s = timer()
        scene = trial.recogniser.process(frame)
        core_s += timer() - before_s
        verdict = next((v for v in scene.verdicts if v.track_id is not None), None)
        if verdict is not None:
            trial.recogniser.reset()
            waited_s = verdict.decided_s - (verdict.first_seen_s or began_s)
            judge_s = sum(seen.judge_s for seen in trial.overheard.seen.values())
            return _Verdict(verdict.outcome, core_s, judge_s, waited_s, count)
    trial.recogniser.reset()
    return None


def _report(policy: str, found: dict[str, list[_Verdict]], *, clips: int, rounds: int) -> JsonObject:
    if not all(found.values()):
        raise EvaluationError(
            "no clip brought a verdict", next_step="check --clip: one person, well lit, for 3 s"
        )
    report: JsonObject = {"policy": policy, "clips": clips, "rounds": rounds}
    for name, verdicts in found.items():
        report["without" if name == OFF else "with"] = {
            "verdicts": len(verdicts),
            "recognised": sum(v.outcome is Outcome.RECOGNISED for v in verdicts),
            "core": costs([v.core_s for v in verdicts]).as_json(),
            "judge": costs([v.judge_s for v in verdicts]).as_json(),
            "to_verdict": costs([v.waited_s for v in verdicts]).as_json(),
            "frames_median": median(v.frames for v in verdicts),
        }
    if "with" not in report:  # the policy is "off": both were the same
        report["with"] = report["without"]
    return report
