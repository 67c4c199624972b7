"""Error rates from scores, pure: what ISO/IEC 19795-1 calls FMR, FNMR, FPIR and FNIR, and where thresholds lie.

A decision is positive when score >= threshold. Nothing here reads a file or knows a picture.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]

LEAST_EXPECTED_ERRORS = 3.0
"""A rate is supported by n trials when it makes at least this many errors among them: with fewer, the 95 %
interval of the count begins at (or beside) zero and the threshold hangs on one or two trials (the rule of
three)."""


def supported(rate: float, trials: int) -> bool:
    """Whether so many independent trials can carry a claim about so small a rate."""
    return rate * trials >= LEAST_EXPECTED_ERRORS - 1e-9


def threshold_at_rate(impostors: Scores, rate: float) -> float:
    """The lowest threshold at which at most `rate` of the impostor scores pass.

    Args:
        impostors: (n,) the best score of each impostor trial.
        rate: Greatest share in [0, 1] that may pass.

    Returns:
        A threshold just above the first score that must not pass; -inf when all may pass.
    """
    if impostors.size == 0:
        raise ValueError("a threshold needs at least one impostor score")
    allowed = int(np.floor(rate * impostors.size + 1e-9))
    if allowed >= impostors.size:
        return float("-inf")
    descending = np.sort(impostors)[::-1]
    return float(np.nextafter(descending[allowed], np.inf))


def share_at_least(scores: Scores, threshold: float) -> float:
    """Share of the scores that pass, in [0, 1]; nan for none."""
    return float(np.mean(scores >= threshold)) if scores.size else float("nan")


def accuracy(scores: Scores, same: Flags, threshold: float) -> float:
    """Share of the pairs that are judged rightly at this threshold, in [0, 1]."""
    return float(np.mean((scores >= threshold) == same))


def best_threshold(scores: Scores, same: Flags) -> float:
    """The threshold with the most pairs judged rightly; the middle of the first widest plateau.

    Candidates are the midpoints between neighbouring scores, so that the answer does not lie on a score. Missed
    faces (-inf) fail at every threshold, hence do not choose.
    """
    scores, same = scores[np.isfinite(scores)], same[np.isfinite(scores)]
    order = np.argsort(scores, kind="stable")
    ordered, flags = scores[order], same[order]
    # Cutting before position k: k lowest judged "different", the rest "same".
    right = np.concatenate([[0], np.cumsum(~flags)]) + (flags.sum() - np.concatenate([[0], np.cumsum(flags)]))
    edges = np.concatenate([[ordered[0] - 1e-3], ordered, [ordered[-1] + 1e-3]])
    widths = edges[1:] - edges[:-1]
    right[widths <= 0] = -1  # no threshold lies between equal scores
    best = np.flatnonzero(right == right.max())
    cut = best[int(np.argmax(widths[best]))]
    return float((edges[cut] + edges[cut + 1]) / 2)


@dataclass(frozen=True)
class DetCurve:
    """Both error rates over all thresholds (detection error trade-off).

    Args:
        thresholds: (n,) ascending.
        false_positive: (n,) share of impostor trials that pass, falling.
        false_negative: (n,) share of genuine trials that do not, rising.
    """

    thresholds: Scores
    false_positive: Scores
    false_negative: Scores

    @property
    def equal_error_rate(self) -> float:
        """Where both rates meet, interpolated, in [0, 1]."""
        gap = self.false_positive - self.false_negative
        after = int(np.argmax(gap <= 0))
        before = max(after - 1, 0)
        span = gap[before] - gap[after]
        part = gap[before] / span if span > 0 else 0.0
        fp = self.false_positive
        return float(fp[before] + part * (fp[after] - fp[before]))


def det_curve(genuine: Scores, impostor: Scores) -> DetCurve:
    """Error rates at every score that occurs. A genuine trial that must fail carries the score -inf."""
    finite = np.concatenate([genuine, impostor])
    thresholds = np.unique(finite[np.isfinite(finite)])
    thresholds = np.append(thresholds, np.nextafter(thresholds[-1], np.inf))
    false_negative = np.searchsorted(np.sort(genuine), thresholds, side="left") / max(genuine.size, 1)
    false_positive = 1 - np.searchsorted(np.sort(impostor), thresholds, side="left") / max(impostor.size, 1)
    return DetCurve(thresholds, false_positive, false_negative)


def stratified_blocks(same: Flags, folds: int) -> NDArray[np.int64]:
    """Fold number of each pair: consecutive blocks within each class, as the LFW protocol lists its ten sets.

    A file with LFW's 3,000 + 3,000 pairs in their published order gets exactly the published folds.
    """
    assigned = np.empty(same.size, dtype=np.int64)
    for flag in (True, False):
        members = np.flatnonzero(same == flag)
        assigned[members] = np.arange(members.size) * folds // max(members.size, 1)
    return assigned


def cross_validated(scores: Scores, same: Flags, fold_of: NDArray[np.int64]) -> tuple[Scores, Scores]:
    """Accuracy of each fold at the threshold that is best on the other folds.

    Returns:
        (folds,) accuracies and (folds,) thresholds.
    """
    folds = np.unique(fold_of)
    accuracies, thresholds = np.empty(folds.size), np.empty(folds.size)
    for index, fold in enumerate(folds):
        held_out = fold_of == fold
        thresholds[index] = best_threshold(scores[~held_out], same[~held_out])
        accuracies[index] = accuracy(scores[held_out], same[held_out], thresholds[index])
    return accuracies, thresholds
