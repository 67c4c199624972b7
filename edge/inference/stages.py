"""What each stage of the pipeline costs, over its last runs: for bench and telemetry. Numbers only."""

import statistics
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

KEPT = 512


class Stage(StrEnum):
    """The pipeline's stages, in the order of flow."""

    DETECT = "detect"
    TRACK = "track"
    LANDMARKS = "landmarks"
    QUALITY = "quality"
    LIVENESS = "liveness"
    EMBED = "embed"
    MATCH = "match"
    DECIDE = "decide"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class StageCost:
    """The cost of one stage over its last runs, milliseconds."""

    runs: int
    median_ms: float
    p95_ms: float


class StageTimes:
    """A ring of durations a stage.

    Args:
        timer: Monotonic seconds.
    """

    def __init__(self, timer: Callable[[], float] = time.perf_counter) -> None:
        self._rings: dict[Stage, deque[float]] = {stage: deque(maxlen=KEPT) for stage in Stage}
        self._measured = {stage: _Measured(ring, timer) for stage, ring in self._rings.items()}

    def measure(self, stage: Stage) -> "_Measured":
        """Time what runs inside, by one thread and never inside itself; a run that raises does not count."""
        return self._measured[stage]

    def costs(self) -> dict[Stage, StageCost]:
        """Median and p95 of each stage that ran, in the order of flow."""
        return {stage: _cost(sorted(ring)) for stage, ring in self._rings.items() if ring}

    def clear(self) -> None:
        """Forget all runs, as after a warm-up."""
        for ring in self._rings.values():
            ring.clear()


class _Measured:
    """The runs of one stage. A plain class: contextlib's generator costs more than some stages do."""

    __slots__ = ("_began", "_ring", "_timer")

    def __init__(self, ring: deque[float], timer: Callable[[], float]) -> None:
        self._ring = ring
        self._timer = timer

    def __enter__(self) -> None:
        self._began = self._timer()

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self._ring.append(self._timer() - self._began)


def _cost(ordered: list[float]) -> StageCost:
    last = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    return StageCost(runs=len(ordered), median_ms=statistics.median(ordered) * 1000, p95_ms=last * 1000)
