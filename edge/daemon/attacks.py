"""Keeps refused presentation attacks in the audit trail: that there were some, when, and why. No image, nobody.

Entries are summed up, so that somebody who waves a photograph all day does not fill the ledger.
"""

from collections.abc import Callable

import structlog

from edge.errors import StoreError
from edge.inference.pad.evidence import PRESENTED
from edge.types.verdicts import Outcome, Verdict

EVERY_S = 300.0
"""One entry for each reason in so long a time, with how many it stands for."""

log = structlog.get_logger(__name__)


class AttackLog:
    """Hears every verdict.

    Args:
        append: The audit trail's: action and detail.
    """

    def __init__(self, append: Callable[..., object]) -> None:
        self._append = append
        self._waiting: dict[str, int] = {}
        self._written_s: dict[str, float] = {}

    def __call__(self, verdict: Verdict) -> None:
        """Note an attack; the first of its kind at once, more of them together."""
        if verdict.outcome is not Outcome.NOT_LIVE or verdict.reason not in PRESENTED:
            return
        reason, at_s = verdict.reason, verdict.decided_s
        self._waiting[reason] = self._waiting.get(reason, 0) + 1
        written_s = self._written_s.get(reason)
        if written_s is not None and 0 <= at_s - written_s < EVERY_S:
            return
        try:
            self._append("attack.refused", detail=f"{reason}:{self._waiting[reason]}")
        except StoreError as error:  # the refusal stands without its entry
            log.error("attack_not_audited", error=error)  # noqa: TRY400 - its message says what to do
            return
        self._written_s[reason] = at_s
        self._waiting[reason] = 0
