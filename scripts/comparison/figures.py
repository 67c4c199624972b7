"""From milliseconds to figures: medians and ratios. Pure.

Two ratios are given. That of the medians is what a reader expects; that of the rounds compares each turn only
with the other library's turn of the same round, so that a machine that slows for a while favours nobody.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

Turns = Sequence[Sequence[float]]
"""Milliseconds: a sequence for each round, one value for each run of it."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of one stage of one library over all runs."""

    runs: int
    median_ms: float
    p95_ms: float
    min_ms: float


@dataclass(frozen=True, slots=True)
class Pairing:
    """One thing that two libraries do, and who is faster.

    Args:
        what: The work.
        library: Clockface is compared with it.
        stage: The library's name of the work.
        own_stage: Clockface's.
        goal: Least ratio that Clockface promises, or None.
    """

    what: str
    library: str
    stage: str
    own_stage: str
    goal: float | None = None


PAIRINGS = (
    Pairing("one frame, detect to match", "face_recognition", "total", "total", goal=25.0),
    Pairing("detect", "face_recognition", "detect", "detect"),
    Pairing("from the detected face to its embedding", "face_recognition", "embed", "face to embedding"),
    Pairing("match with 1,000", "face_recognition", "match", "match"),
    Pairing("detect (the same network)", "mediapipe", "detect", "detect"),
    Pairing("embed (the same network)", "onnxruntime", "network", "network"),
    Pairing(
        "embed (the same network), denormals as zero",
        "onnxruntime",
        "network, denormals as zero",
        "network",
    ),
)


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times Clockface is faster than a library at one thing.

    Args:
        what, library: As in the pairing.
        own_ms, its_ms: Medians.
        of_medians: The library's median over Clockface's.
        of_rounds: Median over rounds of the ratio of that round's medians.
        of_rounds_low, of_rounds_high: The 5th and 95th percentile over rounds.
        of_minima: The library's fastest run over Clockface's: nearest to an idle machine.
        goal: What is promised, or None.
    """

    what: str
    library: str
    own_ms: float
    its_ms: float
    of_medians: float
    of_rounds: float
    of_rounds_low: float
    of_rounds_high: float
    of_minima: float
    goal: float | None

    @property
    def met(self) -> bool | None:
        """Whether both ratios reach the goal; None where there is none."""
        return None if self.goal is None else min(self.of_medians, self.of_rounds) >= self.goal

    def as_json(self) -> dict[str, object]:
        """For the report."""
        return {**asdict(self), "met": self.met}


def cost(turns: Turns) -> Cost:
    """Median, 95th percentile (nearest rank) and minimum of all runs."""
    runs = sorted(value for turn in turns for value in turn)
    return Cost(len(runs), statistics.median(runs), _quantile(runs, 0.95), runs[0])


def ratio(pairing: Pairing, *, own: Turns, its: Turns) -> Ratio:
    """Compare turns of the same rounds.

    Raises:
        ValueError: The two did not take the same number of turns.
    """
    pairs = sorted(statistics.median(b) / statistics.median(a) for a, b in zip(own, its, strict=True))
    own_cost, its_cost = cost(own), cost(its)
    return Ratio(
        what=pairing.what,
        library=pairing.library,
        own_ms=own_cost.median_ms,
        its_ms=its_cost.median_ms,
        of_medians=its_cost.median_ms / own_cost.median_ms,
        of_rounds=statistics.median(pairs),
        of_rounds_low=_quantile(pairs, 0.05),
        of_rounds_high=_quantile(pairs, 0.95),
        of_minima=its_cost.min_ms / own_cost.min_ms,
        goal=pairing.goal,
    )


def ratios(turns: Mapping[str, Mapping[str, Turns]], *, own: str) -> list[Ratio]:
    """Every pairing whose library took part.

    Args:
        turns: By library and stage.
        own: Clockface's key in it.
    """
    return [
        ratio(pairing, own=turns[own][pairing.own_stage], its=turns[pairing.library][pairing.stage])
        for pairing in PAIRINGS
        if pairing.library in turns
    ]


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[round(share * (len(ordered) - 1))]
