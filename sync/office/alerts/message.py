"""What is told of alarms: kinds, addresses and numbers as JSON and as plain text. Pure.

Trust boundary: subjects and details are our own codes; still only printable ASCII leaves here, bounded, so that
nothing in them can end a header or become markup.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sync.office.timesheet import utc_text

MAX_TEXT = 200


class Phase(StrEnum):
    """What happened to the alarm."""

    RAISED = "raised"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to tell.

    Args:
        id: The alarm's row.
        subject: Site, device and perhaps epoch; never a person.
        detail: Numbers and codes.
    """

    id: int
    phase: Phase
    kind: str
    subject: str
    detail: str
    raised_us: int
    cleared_us: int | None


def as_json(alerts: Sequence[Alert], *, office: str) -> bytes:
    """The webhook's body: canonical enough to sign, UTF-8."""
    body = {
        "kind": "clockface.alarms.v1",
        "office": office,
        "alarms": [
            {
                "id": each.id,
                "phase": each.phase,
                "alarm": plain(each.kind),
                "subject": plain(each.subject),
                "detail": plain(each.detail),
                "raised": utc_text(each.raised_us),
                "cleared": None if each.cleared_us is None else utc_text(each.cleared_us),
            }
            for each in alerts
        ],
    }
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode("ascii")


def as_text(alerts: Sequence[Alert], *, office: str) -> tuple[str, str]:
    """The e-mail's subject and text."""
    raised = sum(each.phase is Phase.RAISED for each in alerts)
    cleared = len(alerts) - raised
    told = [f"{number} {phase}" for number, phase in ((raised, "raised"), (cleared, "cleared")) if number]
    lines = [
        f"{each.phase}: {plain(each.kind)}  {plain(each.subject)}  {plain(each.detail)}".rstrip()
        + f"\n  since {utc_text(each.raised_us)}"
        + ("" if each.cleared_us is None else f", cleared {utc_text(each.cleared_us)}")
        for each in alerts
    ]
    ending = "What each alarm means and what to do: docs/office.md. Next: clockface-office alarms list"
    return f"Clockface {plain(office)}: alarms, {', '.join(told)}", "\n".join([*lines, "", ending, ""])


def plain(text: str) -> str:
    """Printable ASCII, bounded."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text[:MAX_TEXT])
