"""One-to-one verification over a list of pairs, as the LFW protocol does it: ten folds, threshold from nine.

A pair whose face was missed counts as "different person": wrong for a genuine pair, right for an impostor pair,
as a door that stays shut would have it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.evaluation import intervals, rates
from edge.evaluation.reading import Readings
from edge.evaluation.report import JsonObject
from edge.evaluation.samples import Pair

FOLDS = 10
FMRS = (0.01, 0.001, 0.0001)


@dataclass(frozen=True)
class Scored:
    """The pairs as arrays: score (-inf for a missed face), truth, fold, and the two people of each."""

    scores: rates.Scores
    same: rates.Flags
    fold: NDArray[np.int64]
    people: NDArray[np.int64]
    people_count: int


def score_pairs(pairs: list[Pair], readings: Readings) -> Scored:
    """Cosine of each pair: the first picture is enrolled, the second is the probe."""
    index: dict[str, int] = {}
    for pair in pairs:
        for sample in (pair.first, pair.second):
            index.setdefault(sample.person, len(index))
    values = np.array([_cosine(pair, readings) for pair in pairs])
    same = np.array([pair.same for pair in pairs])
    fold = np.array([pair.fold for pair in pairs], dtype=np.int64)
    if (fold < 0).any():
        fold = rates.stratified_blocks(same, FOLDS)
    people = np.array([(index[p.first.person], index[p.second.person]) for p in pairs], dtype=np.int64)
    return Scored(values, same, fold, people, len(index))


def _cosine(pair: Pair, readings: Readings) -> float:
    template = readings.templates.get(pair.first.path)
    probe = readings.probes.get(pair.second.path)
    return -np.inf if template is None or probe is None else float(template @ probe)


def evaluate(scored: Scored, *, seed: int = 0) -> JsonObject:
    """The report's figures; keys as docs/accuracy.md explains them."""
    accuracies, thresholds = rates.cross_validated(scored.scores, scored.same, scored.fold)
    chosen = thresholds[np.searchsorted(np.unique(scored.fold), scored.fold)]
    right = (scored.scores >= chosen) == scored.same
    interval = _accuracy_interval(scored, right, seed=seed)
    genuine, impostor = scored.scores[scored.same], scored.scores[~scored.same]
    curve = rates.det_curve(genuine, impostor)
    return {
        "pairs": int(scored.same.size),
        "genuine_pairs": int(genuine.size),
        "impostor_pairs": int(impostor.size),
        "people": scored.people_count,
        "accuracy": float(accuracies.mean()),
        "accuracy_low": interval.low,
        "accuracy_high": interval.high,
        "accuracy_sd_over_folds": float(accuracies.std(ddof=1)) if accuracies.size > 1 else 0.0,
        "errors": int((~right).sum()),
        "threshold_median": float(np.median(thresholds)),
        "equal_error_rate": curve.equal_error_rate,
        "fnmr_at_fmr": [_fnmr_row(scored, genuine, impostor, fmr, seed=seed) for fmr in FMRS],
    }


def _accuracy_interval(scored: Scored, right: rates.Flags, *, seed: int) -> intervals.Interval:
    wrong_rate = float(np.mean(~right))
    error = intervals.of_error_rate(
        wrong_rate,
        people=scored.people_count,
        statistic=lambda weights: _weighted_share(~right, _pair_weights(weights, scored)),
        seed=seed,
    )
    return intervals.Interval(1 - error.high, 1 - error.low)


def _fnmr_row(
    scored: Scored, genuine: rates.Scores, impostor: rates.Scores, fmr: float, *, seed: int
) -> JsonObject:
    if not rates.supported(fmr, impostor.size):
        return {"fmr": fmr, "supported": False, "why": f"not supported by {impostor.size} impostor pairs"}
    threshold = rates.threshold_at_rate(impostor, fmr)
    fnmr = 1 - rates.share_at_least(genuine, threshold)
    missed = scored.same & (scored.scores < threshold)

    def weighted(weights: intervals.Weights) -> float:
        counted = _pair_weights(weights, scored)
        return _weighted_share(missed[scored.same], counted[scored.same])

    interval = intervals.of_error_rate(fnmr, people=scored.people_count, statistic=weighted, seed=seed)
    return {
        "fmr": fmr,
        "supported": True,
        "fnmr": fnmr,
        "fnmr_low": interval.low,
        "fnmr_high": interval.high,
        "threshold": threshold,
    }


def _pair_weights(weights: intervals.Weights, scored: Scored) -> intervals.Weights:
    """A genuine pair counts as often as its person was drawn, an impostor pair as often as both were."""
    first, second = weights[scored.people[:, 0]], weights[scored.people[:, 1]]
    return np.where(scored.same, first, first * second)


def _weighted_share(flags: rates.Flags, weights: intervals.Weights) -> float:
    total = weights.sum()
    return float((flags * weights).sum() / total) if total else float("nan")
