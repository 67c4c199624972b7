"""Counts verdicts by kind, for telemetry: numbers only, nothing of anybody."""

import threading
from collections import Counter

from edge.inference.pad.evidence import PRESENTED
from edge.types.verdicts import Outcome, Verdict


class Tally:
    """How often each kind of verdict was given since the start; the loop counts, the API's threads read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def __call__(self, verdict: Verdict) -> None:
        """Count a verdict."""
        with self._lock:
            self._counts[verdict.outcome.value] += 1
            if verdict.outcome is Outcome.NOT_LIVE and verdict.reason in PRESENTED:
                self._counts["presentation_attack"] += 1

    def disowned(self) -> None:
        """Count a record that its person said was not of them."""
        with self._lock:
            self._counts["not_me"] += 1

    def counts(self) -> dict[str, int]:
        """Kind to number."""
        with self._lock:
            return dict(self._counts)
