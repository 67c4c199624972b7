"""Confidence intervals: people are resampled, not trials, because trials of one person are not independent.

Where no error was seen, resampling would claim certainty; there the exact binomial bound over people stands in.
"""

import math
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


def clopper_pearson(errors: int, trials: int) -> Interval:
    """Exact binomial interval of an error rate over independent trials (Clopper and Pearson, 1934).

    Args:
        errors: How many of the trials were errors.
        trials: How many there were; 0 says nothing: the interval is [0, 1].
    """
    tail = (1 - CONFIDENCE) / 2
    if trials == 0:
        return Interval(0.0, 1.0)
    if errors == 0:
        return Interval(0.0, upper_bound_without_errors(trials))
    low = _solve(lambda p: 1 - _at_most(errors - 1, trials, p), tail)
    high = 1.0 if errors == trials else _solve(lambda p: -_at_most(errors, trials, p), -tail)
    return Interval(low, high)


def _at_most(errors: int, trials: int, rate: float) -> float:
    """Chance of at most so many errors; through logarithms, so that large samples do not overflow."""
    if rate <= 0.0 or rate >= 1.0:
        return 1.0 if rate <= 0.0 else float(errors >= trials)
    counts = range(errors + 1)
    whole = math.lgamma(trials + 1)
    return math.fsum(
        math.exp(
            whole
            - math.lgamma(k + 1)
            - math.lgamma(trials - k + 1)
            + k * math.log(rate)
            + (trials - k) * math.log1p(-rate)
        )
        for k in counts
    )


def _solve(rising: Callable[[float], float], target: float) -> float:
    """Where a function that rises over [0, 1] reaches the target."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < target else (low, middle)
    return (low + high) / 2


def of_error_rate(
    rate: float, *, people: int, statistic: Callable[[Weights], float], seed: int = 0
) -> Interval:
    """Interval of an error rate: by resampling people, or exact where no error was seen."""
    if rate <= 0:
        return Interval(0.0, upper_bound_without_errors(people))
    return resample_people(people, statistic, seed=seed)
