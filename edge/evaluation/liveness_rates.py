"""ISO/IEC 30107-3 from results: APCER a species, BPCER, non-response, DET, and what the sample can carry.

APCER: share of a species' attacks classified as bona fide; the worst species is the headline. BPCER: share of
bona fide presentations classified as attacks. APNRR, BPNRR: shares without a response. Presentations of one
person are not independent: people are resampled, and a claim needs as many people, not files. Pure.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from edge.evaluation.intervals import Interval, Weights, clopper_pearson, of_error_rate, resample_strata
from edge.evaluation.liveness_trial import Response, Result
from edge.evaluation.rates import det_curve
from edge.evaluation.report import JsonObject

Scores = NDArray[np.float64]

CLAIM = 0.05
CLAIM_NEEDS = 59
"""So many independent presentations without an error show, with 95 % confidence, a rate of at most 5 %."""
DET_POINTS = (0.01, 0.02, 0.05, 0.1, 0.2)
TARGETS = {"bpcer20": 0.05, "bpcer100": 0.01}
MAX_LISTED = 1000
RESAMPLED_FROM = 10
"""So many people can be resampled; of fewer, draws look too much alike."""


def evaluate(bona_fide: Sequence[Result], attacks: Sequence[Result]) -> JsonObject:
    """Everything that is reported of presentations of one kind (clips, or images).

    Args:
        bona_fide: At least one.
        attacks: At least one.
    """
    groups = {name: _rows(bona_fide, name, error=Response.ATTACK) for name in _names(bona_fide)}
    species = {name: _rows(attacks, name, error=Response.BONA_FIDE) for name in _names(attacks)}
    worst = max(species, key=lambda name: (species[name]["error_rate"], species[name]["error_high"]))
    return {
        "worst_species": worst,
        "apcer": species[worst]["error_rate"],
        "bpcer": share(bona_fide, Response.ATTACK),
        "bpnrr": share(bona_fide, Response.NONE),
        "bona_fide": groups,
        "species": species,
        "recorded": _recorded(attacks),
        "bona_fide_recorded": _recorded(bona_fide),
        **_curve(bona_fide, attacks),
        "time_to_response_s": _spread([r.response_s for r in bona_fide if r.response_s is not None]),
        "judge_ms": _spread(
            [1000 * r.judge_s for r in (*bona_fide, *attacks) if r.response is not Response.NONE]
        ),
        "failures": _failures(bona_fide, attacks),
    }


def share(results: Sequence[Result], response: Response) -> float:
    """Share of the presentations with this response, in [0, 1]."""
    return sum(r.response is response for r in results) / len(results)


def interval(results: Sequence[Result], wrong: Callable[[Result], bool]) -> Interval:
    """95 % interval of an error rate: exact where everybody was shown once, else people are resampled.

    Resampling a handful of people claims more than they can say; there the exact interval over people joins in.
    """
    people = sorted({r.presentation.person for r in results})
    if len(people) == len(results):
        return clopper_pearson(sum(map(wrong, results)), len(results))
    index = {person: number for number, person in enumerate(people)}
    of = np.array([index[r.presentation.person] for r in results])
    errors = np.array([wrong(r) for r in results], dtype=np.float64)

    def rate(weights: Weights) -> float:
        counted = weights[of]
        return float((counted * errors).sum() / counted.sum()) if counted.sum() else float("nan")

    resampled = of_error_rate(float(errors.mean()), people=len(people), statistic=rate)
    if len(people) >= RESAMPLED_FROM:
        return resampled
    share_of_people = float(errors.mean()) * len(people)  # as if only people were counted: the widest reading
    low = clopper_pearson(math.floor(share_of_people), len(people)).low
    high = clopper_pearson(math.ceil(share_of_people), len(people)).high
    return Interval(min(low, resampled.low), max(high, resampled.high))


def _names(results: Sequence[Result]) -> list[str]:
    return sorted({r.presentation.group for r in results})


def _rows(results: Sequence[Result], group: str, *, error: Response) -> JsonObject:
    """One species, or one group of bona fide presentations."""
    own = [r for r in results if r.presentation.group == group]
    bounds = interval(own, lambda r: r.response is error)
    people = len({r.presentation.person for r in own})
    errors = sum(r.response is error for r in own)
    supported = bounds.high <= CLAIM and people >= CLAIM_NEEDS
    return {
        "presentations": len(own),
        "people": people,
        "errors": errors,
        "error_rate": errors / len(own),
        "error_low": bounds.low,
        "error_high": bounds.high,
        "non_response_rate": share(own, Response.NONE),
        "recorded": sum(r.recorded for r in own),
        "supports_5_percent": supported,
        "why": "" if supported else _why(people, errors),
        "reasons": dict(Counter(r.reason for r in own).most_common()),
        "frames": sum(r.frames for r in own),
    }


def _why(people: int, errors: int) -> str:
    if people < CLAIM_NEEDS:
        shown = "1 person" if people == 1 else f"{people} people"
        return f"sample too small for a claim: {shown}, {CLAIM_NEEDS} without an error support 5 %"
    return f"no claim of 5 %: {errors} errors"


def _recorded(results: Sequence[Result]) -> JsonObject:
    """The whole system: how often the daemon would have recorded an event for the person shown."""
    bounds = interval(results, lambda r: r.recorded)
    return {
        "presentations": len(results),
        "enrolled": sum(r.enrolled for r in results),
        "recorded": sum(r.recorded for r in results),
        "rate": sum(r.recorded for r in results) / len(results),
        "low": bounds.low,
        "high": bounds.high,
    }


def _scores(results: Sequence[Result]) -> Scores:
    """Scores; a presentation without a response or a score never passes."""
    return np.array(
        [-np.inf if r.score is None or r.response is Response.NONE else r.score for r in results], np.float64
    )


def _curve(bona_fide: Sequence[Result], attacks: Sequence[Result]) -> JsonObject:
    """What one threshold over the scores would do: DET points, BPCER at fixed APCER of the worst species."""
    genuine, by_species = _scores(bona_fide), {}
    for name in _names(attacks):
        by_species[name] = _scores([r for r in attacks if r.presentation.group == name])
    pooled = np.concatenate(list(by_species.values()))
    if not np.isfinite(genuine).any() or not np.isfinite(pooled).any():
        return {"scored": False, "why_no_curve": "the seam gave no scores for both kinds"}
    least = min(scores.size for scores in by_species.values())
    report: JsonObject = {
        "scored": True,
        "equal_error_rate": det_curve(genuine, pooled).equal_error_rate,
        "det": [{"apcer": rate, "bpcer": _bpcer_at(rate, genuine, by_species)} for rate in DET_POINTS],
        "auc": {name: _auc_row(bona_fide, attacks, name) for name in by_species},
    }
    for name, rate in TARGETS.items():
        report[name] = {"bpcer": _bpcer_at(rate, genuine, by_species), "supported": least * rate >= 1}
    return report


def _bpcer_at(apcer: float, genuine: Scores, by_species: dict[str, Scores]) -> float:
    """Share of bona fide scores below the least threshold at which no species exceeds this APCER."""
    threshold = -np.inf
    for scores in by_species.values():
        allowed = int(np.floor(apcer * scores.size + 1e-9))
        descending = np.sort(scores)[::-1]
        threshold = max(threshold, descending[allowed])
    return float(np.mean(genuine <= threshold))


def _auc_row(bona_fide: Sequence[Result], attacks: Sequence[Result], species: str) -> JsonObject:
    """Chance that a bona fide score lies above an attack's, ties counted half: the area under the ROC curve."""
    own = [r for r in attacks if r.presentation.group == species]
    genuine, impostor = _raw(bona_fide), _raw(own)
    if not genuine.size or not impostor.size:
        return {"auc": None, "low": None, "high": None, "pairs": 0}
    wins = (genuine[:, None] > impostor[None, :]) + (genuine[:, None] == impostor[None, :]) / 2

    def weighted(weights: Weights) -> float:
        first, second = weights[: genuine.size], weights[genuine.size :]
        return float(first @ wins @ second / (first.sum() * second.sum()))

    bounds = resample_strata((genuine.size, impostor.size), weighted, replicates=300)
    return {"auc": float(wins.mean()), "low": bounds.low, "high": bounds.high, "pairs": int(wins.size)}


def _raw(results: Sequence[Result]) -> Scores:
    return np.array([r.score for r in results if r.score is not None], np.float64)


def _spread(values: Sequence[float]) -> JsonObject | None:
    if not values:
        return None
    median, p95 = np.quantile(np.array(values), [0.5, 0.95])
    return {"median": float(median), "p95": float(p95), "of": len(values)}


def _failures(bona_fide: Sequence[Result], attacks: Sequence[Result]) -> list[JsonObject]:
    """Attacks let through or recorded, and living people who were refused or got no response."""
    wrong = [("attack", r) for r in attacks if r.response is Response.BONA_FIDE or r.recorded]
    wrong += [("bona_fide", r) for r in bona_fide if r.response is not Response.BONA_FIDE]
    return [
        {
            "kind": kind,
            "group": r.presentation.group,
            "path": str(r.presentation.path),
            "response": r.response.value,
            "reason": r.reason,
            "score": r.score,
            "recorded": r.recorded,
        }
        for kind, r in wrong[:MAX_LISTED]
    ]
