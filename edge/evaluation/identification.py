"""Open-set identification: who is it, if anybody? FNIR at a given FPIR, with true strangers (ISO/IEC 19795-1).

A mated probe succeeds when its own person ranks first and reaches the threshold; a face that was missed fails.
A stranger is a false positive when anybody reaches the threshold. Thresholds come from the strangers' best
scores; a rate that the strangers' number cannot support is refused, not extrapolated.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.errors import EvaluationError
from edge.evaluation import intervals, rates
from edge.evaluation.reading import Readings
from edge.evaluation.report import JsonObject
from edge.evaluation.samples import Sample

FPIRS = (0.1, 0.03, 0.01, 0.003, 0.001)
HALVES = 50


@dataclass(frozen=True)
class Trials:
    """Every probe's search, as arrays.

    Args:
        mated_score: (n,) best cosine of each mated probe; -inf where no face was found.
        mated_first: (n,) whether the right person ranked first.
        mated_person: (n,) number of the enrolled person whose probe it is.
        stranger_score: (m,) best cosine of each stranger; -inf where no face was found.
        stranger_person: (m,) number of the stranger.
        enrolled: People in the gallery.
        failed_to_enrol: People without a usable gallery picture; their probes count as missed.
    """

    mated_score: rates.Scores
    mated_first: rates.Flags
    mated_person: NDArray[np.int64]
    stranger_score: rates.Scores
    stranger_person: NDArray[np.int64]
    enrolled: int
    failed_to_enrol: int

    @property
    def genuine(self) -> rates.Scores:
        """(n,) the score with which each mated probe succeeds; -inf where another person ranked first."""
        return np.where(self.mated_first, self.mated_score, -np.inf)


def require_disjoint(gallery: Sequence[Sample], probes: Sequence[Sample], strangers: Sequence[Sample]) -> None:
    """Refuse a sample that would flatter: a shared picture, an enrolled stranger, a probe of nobody.

    Raises:
        EvaluationError: With what to move where.
    """
    enrolled = {sample.person for sample in gallery}
    if {s.path.resolve() for s in gallery} & {s.path.resolve() for s in probes}:
        raise EvaluationError("a picture is in the gallery and among the probes", next_step="keep them apart")
    if enrolled & {sample.person for sample in strangers}:
        raise EvaluationError("somebody is enrolled and among the strangers", next_step="remove them from one")
    orphans = {sample.person for sample in probes} - enrolled
    if orphans:
        raise EvaluationError(
            f"{len(orphans)} people have probes but no picture in the gallery",
            next_step="give each a gallery folder of the same name, or move them to the strangers",
        )


def search(
    readings: Readings, *, gallery: Sequence[Sample], probes: Sequence[Sample], strangers: Sequence[Sample]
) -> Trials:
    """Search every probe and stranger in the whole gallery; a person scores with the nearest template."""
    number = {person: index for index, person in enumerate(sorted({s.person for s in gallery}))}
    kept = [sample for sample in gallery if sample.path in readings.templates]
    if not kept:
        raise EvaluationError("no gallery picture holds a usable face", next_step="check --gallery")
    templates = np.stack([readings.templates[sample.path] for sample in kept])
    owner = np.array([number[sample.person] for sample in kept])
    mated_score, mated_owner = _best(readings, probes, templates=templates, owner=owner)
    stranger_score, _ = _best(readings, strangers, templates=templates, owner=owner)
    mated_person = np.array([number[sample.person] for sample in probes], dtype=np.int64)
    stranger_number = {person: i for i, person in enumerate(sorted({s.person for s in strangers}))}
    return Trials(
        mated_score=mated_score,
        mated_first=mated_owner == mated_person,
        mated_person=mated_person,
        stranger_score=stranger_score,
        stranger_person=np.array([stranger_number[s.person] for s in strangers], dtype=np.int64),
        enrolled=len(number),
        failed_to_enrol=len(number) - len(set(owner.tolist())),
    )


def _best(
    readings: Readings,
    samples: Sequence[Sample],
    *,
    templates: NDArray[np.float32],
    owner: NDArray[np.int64],
) -> tuple[rates.Scores, NDArray[np.int64]]:
    best = np.full(len(samples), -np.inf)
    whose = np.full(len(samples), -1, dtype=np.int64)
    for index, sample in enumerate(samples):
        embedding = readings.probes.get(sample.path)
        if embedding is not None:
            cosines = templates @ embedding
            nearest = int(np.argmax(cosines))
            best[index], whose[index] = float(cosines[nearest]), owner[nearest]
    return best, whose


def evaluate(trials: Trials, *, seed: int = 0) -> JsonObject:
    """The report's figures; keys as docs/accuracy.md explains them."""
    return {
        "enrolled": trials.enrolled,
        "failed_to_enrol": trials.failed_to_enrol,
        "mated_probes": int(trials.mated_score.size),
        "probes_not_acquired": int(np.isneginf(trials.mated_score).sum()),
        "strangers": int(np.unique(trials.stranger_person).size),
        "stranger_probes": int(trials.stranger_score.size),
        "rank_1": float(trials.mated_first.mean()),
        "operating_points": [_row(trials, fpir, seed=seed) for fpir in FPIRS],
        "held_out_thresholds": [_held_out(trials, fpir, seed=seed) for fpir in FPIRS],
    }


def _row(trials: Trials, fpir: float, *, seed: int) -> JsonObject:
    strangers = int(np.unique(trials.stranger_person).size)
    if not rates.supported(fpir, strangers):
        return {"fpir": fpir, "supported": False, "why": f"not supported by n = {strangers} strangers"}
    threshold = rates.threshold_at_rate(trials.stranger_score, fpir)
    fnir = 1 - rates.share_at_least(trials.genuine, threshold)
    interval = _fnir_interval(trials, fpir, fnir, seed=seed)
    return {
        "fpir": fpir,
        "supported": True,
        "threshold": threshold,
        "fnir": fnir,
        "fnir_low": interval.low,
        "fnir_high": interval.high,
        "misses": int((trials.genuine < threshold).sum()),
        "false_positives": int((trials.stranger_score >= threshold).sum()),
    }


def _fnir_interval(trials: Trials, fpir: float, fnir: float, *, seed: int) -> intervals.Interval:
    """Resamples enrolled people and strangers together: the threshold's own uncertainty is part of it."""
    enrolled = trials.enrolled
    strangers = int(trials.stranger_person.max()) + 1

    def statistic(weights: intervals.Weights) -> float:
        threshold = rates.threshold_at_rate(
            np.repeat(trials.stranger_score, weights[enrolled:][trials.stranger_person]), fpir
        )
        counts = weights[:enrolled][trials.mated_person]
        return float((counts * (trials.genuine < threshold)).sum() / counts.sum())

    if fnir <= 0:
        return intervals.Interval(0.0, intervals.upper_bound_without_errors(enrolled))
    return intervals.resample_strata((enrolled, strangers), statistic, seed=seed)


def _held_out(trials: Trials, fpir: float, *, seed: int) -> JsonObject:
    """Thresholds chosen on one half of the people and reported on the other, over many random halves."""
    people = int(trials.stranger_person.max()) + 1
    if not rates.supported(fpir, people):
        return {"fpir": fpir, "supported": False, "why": f"not supported by n = {people} strangers"}
    random = np.random.default_rng(seed)
    fnirs, fpirs = [], []
    for _ in range(HALVES):
        choosing = random.permutation(people) < people // 2
        reporting = random.permutation(trials.enrolled) < trials.enrolled // 2
        chosen_on = choosing[trials.stranger_person]
        threshold = rates.threshold_at_rate(trials.stranger_score[chosen_on], fpir)
        fpirs.append(rates.share_at_least(trials.stranger_score[~chosen_on], threshold))
        fnirs.append(1 - rates.share_at_least(trials.genuine[reporting[trials.mated_person]], threshold))
    return {
        "fpir": fpir,
        "supported": True,
        "halves": HALVES,
        "fnir_mean": float(np.mean(fnirs)),
        "fnir_sd": float(np.std(fnirs)),
        "fpir_mean": float(np.mean(fpirs)),
        "fpir_sd": float(np.std(fpirs)),
    }
