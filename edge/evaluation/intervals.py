"""Confidence intervals: people are resampled, not trials, because trials of one person are not independent.

Where no error was seen, resampling would claim certainty; there the exact binomial bound over people stands in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Weights = NDArray[np.int64]

REPLICATES = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A 95 % confidence interval of a rate in [0, 1]."""

    low: float
    high: float


def resample_people(people: int, statistic: Callable[[Weights], float], *, seed: int = 0) -> Interval:
    """Percentile bootstrap over people of one kind; see `resample_strata`."""
    return resample_strata((people,), statistic, seed=seed)


def resample_strata(
    strata: Sequence[int],
    statistic: Callable[[Weights], float],
    *,
    seed: int = 0,
    replicates: int = REPLICATES,
) -> Interval:
    """Percentile bootstrap over people of several kinds (enrolled, strangers), each resampled on its own.

    Args:
        strata: How many independent people of each kind the sample has.
        statistic: Gives the rate when person i counts weights[i] times, the kinds one after the other; nan
            where a draw has no trial.
        seed: Fixes the draws, so that the same sample gives the same interval.
        replicates: How many draws.
    """
    random = np.random.default_rng(seed)
    values = np.array([statistic(_draw(strata, random)) for _ in range(replicates)])
    values = values[np.isfinite(values)]
    if values.size == 0:
        return Interval(0.0, 1.0)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _draw(strata: Sequence[int], random: np.random.Generator) -> Weights:
    return np.concatenate([np.bincount(random.integers(0, n, n), minlength=n) for n in strata])


def upper_bound_without_errors(people: int) -> float:
    """Greatest rate that still gives no error among so many people, with 95 % confidence (exact binomial)."""
    return 1.0 if people == 0 else float(1 - (1 - CONFIDENCE) ** (1 / people))


def of_error_rate(
    rate: float, *, people: int, statistic: Callable[[Weights], float], seed: int = 0
) -> Interval:
    """Interval of an error rate: by resampling people, or exact where no error was seen."""
    if rate <= 0:
        return Interval(0.0, upper_bound_without_errors(people))
    return resample_people(people, statistic, seed=seed)
