"""The record of processing (GDPR Art. 30) and the facts for an impact assessment (Art. 35), as they are now.

Everything comes from the running daemon and its configuration, so that the paper cannot differ from the device.
What a device cannot know (who is responsible, on which ground, whom it concerns besides) is left open by name.
Trust boundary: numbers and settings only; nobody is in it.
"""

from datetime import UTC, datetime
from typing import Any, Final

from edge.api.protocol.privacy import ProcessingView
from edge.api.protocol.status import Status
from edge.cli.dossier import kept
from edge.config.tree import Config

OPEN: Final = "TO BE COMPLETED BY THE EMPLOYER"
EMPLOYERS: Final = (
    "controller, representative and data protection officer, with contact details",
    "legal basis under Art. 6 and condition under Art. 9(2); if that is consent, why it is freely given here",
    "why attendance cannot reasonably be recorded with less (necessity and proportionality)",
    "how people are informed (Art. 13), and how works council or representatives were heard",
    "how long attendance must be kept by law, and who else receives it",
    "measures outside this device: office database, network, physical access, contracts with processors",
)
MEASURES: Final = (
    (
        "Recognition runs on the device; no photograph is stored, and no template leaves it but sealed to the "
        "site's kiosks, under a key that the office does not have."
    ),
    "Names, numbers, consents, events and the audit trail are encrypted under one key, templates by another.",
    "Events are signed and chained; they name people by random ids.",
    (
        "The process that recognises has no network. What leaves goes through another one, over TLS with "
        "certificates on both sides."
    ),
    "Staff act under named accounts with roles; each act is in a hash-chained audit trail.",
    "Withdrawal and erasure take effect at once, also on the site's other kiosks, and again after a restore.",
)


def facts(config: Config, status: Status, seen: ProcessingView) -> dict[str, Any]:
    """Everything, as one object."""
    return {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": {"site": status.site, "name": status.device, "software": status.version},
        "purpose": "recording working time at a door",
        "people": {
            "known": seen.people,
            "with_face": seen.with_face,
            "without_face": seen.people - seen.with_face,
            "consents_in_force": seen.consents,
            "consents_to_an_older_text": seen.outdated_consents,
            "consent_text_in_force": status.consent_text_version,
        },
        "data": {
            "templates_by_chain": dict(seen.templates),
            "events": seen.events,
            "oldest_event": None if seen.oldest_event is None else seen.oldest_event.isoformat(),
            "events_the_office_lacks": seen.unconfirmed_events,
            "audit_entries": seen.audit_entries,
            "oldest_audit_entry": None if seen.oldest_audit is None else seen.oldest_audit.isoformat(),
        },
        "recipients": {"office": seen.office, "parcels_waiting": seen.parcels_waiting},
        "kept": kept(config),
        "last_retention": _moment(seen.last_retention),
        "last_backup": _moment(seen.last_backup),
        "ledgers_put_aside": seen.retired_ledgers,
        "recognition": {
            "chain": config.inference.chain,
            "models": {each.name: each.sha256 for each in status.models},
            "most_false_positives_of_a_stranger": config.decision.max_fpir,
            "thresholds": [
                {
                    "chain": each.model_hash,
                    "cosine": each.threshold,
                    "measured_for_so_many": each.threshold_supported,
                }
                for each in status.galleries
            ],
            "liveness": config.liveness.policy,
            "out_of_service": status.fault,
        },
        "alternatives": {"method": config.badge.method, "offered": list(status.ways)},
        "decisions": "a record is made by itself; its person can disown it at once and ask for "
        "corrections, and people at the office decide on those",
        "measures": list(MEASURES),
        "risks": risks(config, seen),
        "employer": list(EMPLOYERS),
    }


def risks(config: Config, seen: ProcessingView) -> list[str]:
    """What remains, as this device is set up."""
    found = [
        "A face that resembles the person can be reconstructed from a template: they are biometric data.",
        "Whoever is root on the device, or has its whole card with keys that are not sealed, reads everything.",
        (
            "Some people are confused with others or not recognised; how often differs between groups, and "
            "has been measured on public photographs only."
        ),
    ]
    if config.liveness.policy == "off":
        found.append("A good photograph of an enrolled person can clock in (liveness.policy is off).")
    else:
        found.append(
            f"A made-up face is harder to pass, not impossible (liveness.policy is {config.liveness.policy})."
        )
    if config.badge.method == "off":
        found.append("There is no way in without a face (badge.method is off): consent is hardly free then.")
    if seen.outdated_consents:
        found.append(f"{seen.outdated_consents} consents are to an older text than the one in force.")
    if seen.retired_ledgers:
        found.append(f"{seen.retired_ledgers} ledgers that a restore put aside are kept without a limit.")
    if not seen.office:
        found.append("No office confirms events, so none is ever removed from this device by its age.")
    if seen.last_retention is None:
        found.append("Retention has never run: systemctl enable --now clockface-retention.timer")
    return found


def markdown(told: dict[str, Any]) -> str:
    """The record as a page to complete, sign and file."""
    device, people, data = told["device"], told["people"], told["data"]
    recognition, alternatives = told["recognition"], told["alternatives"]
    lines = [
        f"# Record of processing: {device['name']} at {device['site']}",
        "",
        (
            f"Written by Clockface {device['software']} on {told['made_at']} from the running device. It helps "
            "with GDPR Art. 30 and 35, and is neither complete nor legal advice."
        ),
        "",
        f"## {OPEN}",
        "",
        *(f"- [ ] {each}" for each in told["employer"]),
        "",
        "## Purpose and people",
        "",
        (
            f"Purpose: {told['purpose']}. {people['known']} people are known here: {people['with_face']} with "
            f"face templates, {people['without_face']} without. {people['consents_in_force']} consents are in "
            f"force, {people['consents_to_an_older_text']} of them to another text than version "
            f"{people['consent_text_in_force']}."
        ),
        "",
        "## Data and how long it stays on this device",
        "",
        "| what | now | stays |",
        "|---|---|---|",
        (
            f"| names, employee numbers, consents | {people['known']} people | "
            f"{told['kept']['name, number, consents']} |"
        ),
        (
            f"| face templates (special category, Art. 9) | {sum(data['templates_by_chain'].values())} | "
            f"{told['kept']['templates']} |"
        ),
        (
            f"| attendance and other events, under random ids | {data['events']}, oldest "
            f"{data['oldest_event'] or 'none'} | {told['kept']['attendance on this device']} |"
        ),
        (
            f"| audit trail | {data['audit_entries']}, oldest {data['oldest_audit_entry'] or 'none'} | "
            f"{told['kept']['audit trail']} |"
        ),
        f"| backups, encrypted | last {told['last_backup'] or 'never'} | {told['kept']['backups']} |",
        "",
        f"Retention last ran: {told['last_retention'] or 'never'}.",
        f"Ledgers put aside by a restore: {told['ledgers_put_aside']}.",
        "",
        "## Recipients",
        "",
        (
            f"The central office ({told['recipients']['office'] or 'none'}): attendance, staff's acts on "
            "people, and their details, sealed to it. No transfer elsewhere by the device."
        ),
        "",
        "## Recognition",
        "",
        (
            f"Chain {recognition['chain']}; at most {recognition['most_false_positives_of_a_stranger']:.2%} of "
            f"strangers taken for somebody at the operating point in force; liveness {recognition['liveness']}."
        ),
        "",
        *(f"- {name}: `{digest}`" for name, digest in recognition["models"].items()),
        "",
        (
            f"Other ways in: {', '.join(alternatives['offered']) or 'none'} "
            f"(badge.method = {alternatives['method']}). Decisions: {told['decisions']}."
        ),
        "",
        "## Measures",
        "",
        *(f"- {each}" for each in told["measures"]),
        "",
        "## What remains",
        "",
        *(f"- {each}" for each in told["risks"]),
        "",
    ]
    return "\n".join(lines)


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat(timespec="seconds")
