"""Runs `clockface evaluate liveness`: every presentation through the pipeline, clips and images apart.

Images are judged with the policy "passive": a picture that stands still has no motion to judge, and calling
it an attack for that would say nothing of the person on it.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from edge.config.recognition import LivenessConfig
from edge.config.tree import Config
from edge.errors import EvaluationError
from edge.evaluation import liveness_rates
from edge.evaluation.liveness_trial import Overheard, Response, Result, Trial
from edge.evaluation.presentations import Kind, Presentation
from edge.evaluation.report import JsonObject
from edge.evaluation.samples import Progress
from edge.inference import operating_point
from edge.inference.analyser import FaceAnalyser
from edge.inference.chain import Models, open_models
from edge.inference.liveness import liveness_models, open_liveness
from edge.inference.models import SHIPPED_MODELS, ModelStore
from edge.inference.pipeline import open_recogniser
from edge.ports import Liveness

PASSIVE = "passive"
Seam = Callable[[Config, ModelStore], Liveness]


def policies() -> tuple[str, ...]:
    """The names that `liveness.policy` may have."""
    annotation: Any = LivenessConfig.model_fields["policy"].annotation
    return get_args(annotation)


def with_policy(config: Config, policy: str | None) -> Config:
    """The configuration with another policy.

    Raises:
        EvaluationError: There is no such policy.
    """
    if policy is None:
        return config
    if policy not in policies():
        raise EvaluationError(
            f"there is no liveness policy {policy!r}", next_step=f"--policy with one of {', '.join(policies())}"
        )
    return config.model_copy(update={"liveness": LivenessConfig.model_validate({"policy": policy})})


def open_seam(config: Config, store: ModelStore) -> Liveness:
    """The seam as the daemon opens it, with its models: without them it refuses all, and would look perfect.

    Raises:
        ModelError: One is missing or altered.
    """
    for name in liveness_models(config.liveness):
        store.load(name)
    return open_liveness(config.liveness, store=store, inference=config.inference)


def run(
    config: Config,
    *,
    bona_fide: Sequence[Presentation],
    attacks: Sequence[Presentation],
    gallery: Mapping[str, Sequence[Path]],
    fps: float,
    thumbnails: bool,
    progress: Progress,
    seam: Seam = open_seam,
) -> tuple[JsonObject, list[Result]]:
    """Show everything and report.

    Args:
        config: With the policy to evaluate.
        bona_fide: Living people.
        attacks: Attacks by species.
        gallery: Pictures to enrol people from, by name.
        fps: Of clips that are folders of pictures.
        thumbnails: Keep a small picture of each presentation.
        progress: Told after every presentation.
        seam: Opens the seam under test.

    Returns:
        The report, with a section "clips", "images" or both, and every result.

    Raises:
        EvaluationError: A kind has no bona fide presentations or no attacks, or no face at all was found.
        ModelError: A model is missing or failed.
    """
    kinds = [kind for kind in Kind if any(one.kind is kind for one in (*bona_fide, *attacks))]
    for kind in kinds:
        _require_both(kind, bona_fide, attacks)
    store = ModelStore(config.paths.models or SHIPPED_MODELS)
    models = open_models(store, config.inference)
    report: JsonObject = {"enrolled_from": "pictures" if gallery else "the presentation itself"}
    everything: list[Result] = []
    done, total = 0, len(bona_fide) + len(attacks)
    try:
        for kind in kinds:
            judged = _policy_for(config, kind)
            trial = open_trial(
                judged, models, store, gallery=gallery, fps=fps, thumbnails=thumbnails, seam=seam
            )
            results: list[Result] = []
            for one in (*bona_fide, *attacks):
                if one.kind is kind:
                    results.append(trial.show(one))
                    done += 1
                    progress(f"presenting {kind.value}s", done, total)
            trial.overheard.close()
            _require_faces(kind, results)
            live, attacking = _apart(results, bona_fide)
            report[f"{kind.value}s"] = {
                "policy": judged.liveness.policy,
                **liveness_rates.evaluate(live, attacking),
            }
            everything += results
    finally:
        models.close()
    return report, everything


def _policy_for(config: Config, kind: Kind) -> Config:
    if kind is Kind.CLIP or PASSIVE not in policies() or config.liveness.policy == "off":
        return config
    return with_policy(config, PASSIVE)


def open_trial(
    config: Config,
    models: Models,
    store: ModelStore,
    *,
    gallery: Mapping[str, Sequence[Path]],
    fps: float,
    thumbnails: bool,
    seam: Seam,
) -> Trial:
    """A pipeline of its own for presentations, with empty galleries; close its `overheard` after use.

    Raises:
        OperatingPointMissing: No threshold was measured for the chain.
    """
    overheard = Overheard(seam(config, store))
    folder = config.paths.models or SHIPPED_MODELS
    recogniser = open_recogniser(
        models, config, points=operating_point.load(folder / operating_point.FILE_NAME), liveness=overheard
    )
    analyser = FaceAnalyser(models, limits=config.quality)
    return Trial(recogniser, overheard, analyser, fps=fps, gallery=gallery, thumbnails=thumbnails)


def _apart(results: Sequence[Result], bona_fide: Sequence[Presentation]) -> tuple[list[Result], list[Result]]:
    living = {id(one) for one in bona_fide}
    return (
        [r for r in results if id(r.presentation) in living],
        [r for r in results if id(r.presentation) not in living],
    )


def _require_both(kind: Kind, bona_fide: Sequence[Presentation], attacks: Sequence[Presentation]) -> None:
    for option, presentations in (("--live", bona_fide), ("--attacks", attacks)):
        if not any(one.kind is kind for one in presentations):
            raise EvaluationError(
                f"{option} holds no {kind.value}, and the other folder does: clips and images are judged apart",
                next_step=f"add {kind.value}s to {option}, or take them out of the other folder",
            )


def _require_faces(kind: Kind, results: Sequence[Result]) -> None:
    if all(r.response is Response.NONE and r.reason == "no_face" for r in results):
        raise EvaluationError(
            f"no face was found in any of the {len(results)} {kind.value}s",
            next_step="check the folders, and inference.detector for faces that are small in the picture",
        )
