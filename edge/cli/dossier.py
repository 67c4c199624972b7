"""All that is held on one person, gathered for that person: as JSON to take along, and as a page to read.

Trust boundary: what staff typed about somebody (names, greetings) goes into HTML escaped, and nothing in the
page runs. Who receives the files is the asker's business; they are written with mode 0600.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from clockface.cli.plain_page import plain_page
from edge.api.client import EdgeClient
from edge.api.protocol.badges import BadgeQuery
from edge.api.protocol.ledger import AuditQuery
from edge.api.protocol.privacy import Dossier, DossierAsked
from edge.config.tree import Config
from sync.wire.events import ATTENDANCE_RECORDED

FORMAT = "clockface-dossier 1"


def gather(client: EdgeClient, person_id: str, *, config: Config, vectors: bool) -> dict[str, Any]:
    """Everything that this device holds on a person, and what the law has them told about it."""
    held = client.dossier(person_id, DossierAsked(vectors=vectors))
    events = [{"state": each.state, **json.loads(each.event)} for each in client.events_of(person_id)]
    return {
        "format": FORMAT,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": {"site": config.device.site, "name": config.device.name},
        "person": _person(held),
        "consents": [each.model_dump(mode="json") for each in held.consents],
        "templates": [_template(each.model_dump(mode="json", exclude_none=True)) for each in held.templates],
        "sealed_templates": held.sealed_templates,
        "without_a_face": client.ways_of(person_id).model_dump(mode="json", exclude={"person_id"}),
        "badges": [
            each.model_dump(mode="json", exclude={"person_id"})
            for each in client.badges(BadgeQuery(person_id=person_id)).badges
        ],
        "attendance": [each for each in events if each["type"] == ATTENDANCE_RECORDED],
        "other_events": [each for each in events if each["type"] != ATTENDANCE_RECORDED],
        "audit": list(_audit(client, person_id)),
        "messages": list(held.messages),
        "recipients": _recipients(held, client),
        "kept": kept(config),
        "backups_until": None if held.backups_until is None else held.backups_until.isoformat(),
    }


def _person(held: Dossier) -> dict[str, Any]:
    person = held.person
    return {
        "person_id": person.person_id,
        **person.profile.model_dump(mode="json"),
        "enabled": person.enabled,
        "enrolled_at": person.enrolled_at.isoformat(),
        "consented": person.consented,
    }


def _template(dumped: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in dumped.items() if value is not None}


def _audit(client: EdgeClient, person_id: str) -> Iterable[dict[str, Any]]:
    after: int | None = 0
    while after is not None:
        page = client.audit(AuditQuery(after=after))
        yield from (
            each.model_dump(mode="json") for each in page.entries if person_id in (each.subject, each.detail)
        )
        after = page.next_after


def _recipients(held: Dossier, client: EdgeClient) -> dict[str, Any]:
    return {
        "office": client.status().office.name,
        "on_roster": held.on_roster,
        "parcels_waiting": held.parcels_waiting,
    }


def kept(config: Config) -> dict[str, str]:
    """How long what stays on this device, in words."""
    rules = config.retention

    def for_days(days: int) -> str:
        return f"{days} days" if days else "until somebody removes it"

    months = rules.templates_unused_months
    return {
        "templates": f"until withdrawal or removal, or {months} months without a match"
        if months
        else "until withdrawal or removal",
        "attendance on this device": f"{for_days(rules.events_days)}, if the office has confirmed it",
        "audit trail": for_days(rules.audit_days),
        "backups": for_days(rules.backups_days),
        "name, number, consents": "until removal",
    }


def page(dossier: Mapping[str, Any]) -> str:
    """The same as a page to read."""
    device = dossier["device"]
    return plain_page(
        f"What this attendance kiosk holds on {dossier['person']['name']}",
        about=f"Device {device['name']} of site {device['site']}, {dossier['made_at']}.",
        sections=(
            ("You", [dossier["person"]]),
            ("Your consents to recognition by face", dossier["consents"]),
            ("Face templates: numbers made from your face; no photograph is kept", dossier["templates"]),
            ("Coming in without a face", [dossier["without_a_face"]]),
            ("Badges", dossier["badges"]),
            ("Attendance", [_shown(each) for each in dossier["attendance"]]),
            ("Other events about you", [_shown(each) for each in dossier["other_events"]]),
            ("Messages for you", [{"text": each} for each in dossier["messages"]]),
            ("What was done with your data, and by whom", dossier["audit"]),
            ("Who receives attendance and your details", [dossier["recipients"]]),
            ("How long it is kept here", [dossier["kept"]]),
        ),
        closing="You may have mistakes corrected, withdraw your consent at any time and use a badge or a PIN "
        "instead, have your data erased where no law keeps it, and complain to the data protection authority. "
        "Ask your employer.",
        hidden=("vector",),
    )


def _shown(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event's own words; its place in the chain is in the JSON."""
    told = {name: value for name, value in event["data"].items() if name not in ("clock", "person")}
    return {"time": event["time"], "what": event["type"], "state": event["state"], **told}
