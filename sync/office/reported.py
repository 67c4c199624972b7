"""What kiosks report of people, as changes of the roster for their site's other kiosks.

The receiver calls these within its transaction; the same report again changes nothing. Trust boundary: a report
is signed by its device, which speaks for the people of its own site only, and for nobody who was removed.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select, update

from sync.office.alarms import AlarmKind, raise_alarm
from sync.office.database import schema
from sync.office.database.ingest import insert_once
from sync.office.registry import Device
from sync.office.revocation import site_key_changed
from sync.office.roster import Roster, columns_of
from sync.office.rows import microseconds
from sync.wire.events import PersonChanged
from sync.wire.parcels import PersonParcel, TemplateParcel, TemplatesReplaced
from sync.wire.roster import MAX_REVOKED, PersonDetails
from sync.wire.sealing import SealError, from_text

MAX_TEMPLATE_BYTES: Final = 16 * 1024  # sealed; ours are below 1 KiB
CLOCKS_APART_US: Final = 600_000_000  # of kiosk and office, both of them synchronised
MAX_TEMPLATES: Final = 200  # of one person at one site; a kiosk keeps fewer than 20


class Outcome(StrEnum):
    """What became of a report."""

    STORED = "stored"
    KNOWN = "known"
    NUMBER_TAKEN = "number_taken"  # kept apart until a clerk decides
    PERSON_REMOVED = "person_removed"
    WITHDRAWN = "withdrawn"  # the consent behind it has ended since
    NOT_OF_SITE = "not_of_site"
    SEALED_WRONGLY = "sealed_wrongly"
    TOO_MUCH = "too_much"


def take_person(
    connection: Connection, device: Device, parcel: PersonParcel, *, details: PersonDetails, now_us: int
) -> Outcome:
    """Follow a person whom staff added or changed at a kiosk; `details` were unsealed from the parcel."""
    roster = _roster(connection, device, now_us)
    site, person = device.address.site, parcel.person
    known = roster.find(person)
    refused = _not_theirs(connection, roster, person, site)
    if refused is not None:
        return refused
    values, at_us = columns_of(details), _at(parcel, now_us)
    values["badges_revoked"] = _revoked(known, details)
    overtaken = _ended_since(known, at_us) if details.consent else _newer(known, at_us, now_us=now_us)
    if overtaken:  # what is known of the consent is younger than this report
        for name in [name for name in values if name.startswith("consent_")]:
            del values[name]
    holder = roster.holder_of(details.number, besides=person)
    if holder is not None:
        del values["employee_number"]
    none_stands = details.consent is None and not overtaken
    withdrawn = none_stands and roster.remove_templates(person, ended_us=at_us)
    changed = roster.put(person, values, sites=[site])
    if none_stands:
        roster.note_no_consent(person, at_us)  # of somebody who is new here too
    if holder is not None:
        roster.clash(person, number=details.number, holder=holder, device_id=device.id)
        raise_alarm(
            connection,
            AlarmKind.NUMBER_CLASH,
            subject="roster",
            device_id=device.id,
            detail="clockface-office roster clashes",
            now_us=now_us,
        )
        return Outcome.NUMBER_TAKEN
    return Outcome.STORED if changed or withdrawn else Outcome.KNOWN


def _revoked(known: Row[Any] | None, details: PersonDetails) -> str | None:
    """What counts no more stays so, whichever kiosk says it and however late its report comes."""
    before = [] if known is None else (known.badges_revoked or "").split()
    both = dict.fromkeys([*before, *(details.badges_revoked or ())])
    return " ".join(list(both)[-MAX_REVOKED:]) or None


def take_template(connection: Connection, device: Device, parcel: TemplateParcel, *, now_us: int) -> Outcome:
    """Follow a template: other kiosks get it as soon as the person and a consent are known here."""
    roster = _roster(connection, device, now_us)
    site, person = device.address.site, parcel.person
    known = roster.find(person)
    refused = _not_theirs(connection, roster, person, site)
    if refused is None and _ended_since(known, _at(parcel, now_us)):
        refused = Outcome.WITHDRAWN
    if refused is not None:
        return refused
    try:
        sealed = from_text(parcel.sealed)
    except SealError:
        return Outcome.SEALED_WRONGLY
    table = schema.sealed_templates
    site_key_changed(connection, site, parcel.site_key, now_us=now_us)
    ready = known is not None and known.consent_version is not None and bool(known.employee_number)
    if _sealed_anew(connection, device, parcel, sealed, now_us=now_us):
        if ready:
            roster.lock([site])
            roster.issue_template(person, site, parcel.template)
        return Outcome.STORED
    of_person = select(func.count()).where(
        table.c.site == site, table.c.person == person, table.c.removed_us.is_(None)
    )
    if len(sealed) > MAX_TEMPLATE_BYTES or connection.execute(of_person).scalar_one() >= MAX_TEMPLATES:
        return Outcome.TOO_MUCH
    stored = connection.execute(
        insert_once(connection, table).values(
            site=site,
            template_id=parcel.template,
            person=person,
            model=bytes.fromhex(parcel.model),
            site_key_id=parcel.site_key,
            sealed=sealed,
            origin_device_id=device.id,
            received_us=now_us,
        )
    ).rowcount
    if not stored:
        return Outcome.KNOWN
    if ready:
        roster.lock([site])
        roster.issue_template(person, site, parcel.template)
    return Outcome.STORED


def take_replaced(connection: Connection, device: Device, parcel: TemplatesReplaced, *, now_us: int) -> Outcome:
    """Follow a kiosk that replaced templates: its site's other kiosks drop them."""
    roster = _roster(connection, device, now_us)
    refused = _not_theirs(connection, roster, parcel.person, device.address.site)
    if refused is not None:
        return refused
    return _stored(bool(roster.replace_templates(parcel.person, device.address.site, parcel.templates)))


def _sealed_anew(
    connection: Connection, device: Device, parcel: TemplateParcel, sealed: bytes, *, now_us: int
) -> bool:
    """Whether a template that is here came again under another site key, in the place of the older sealing."""
    table = schema.sealed_templates
    if len(sealed) > MAX_TEMPLATE_BYTES:
        return False
    done = connection.execute(
        update(table)
        .where(
            table.c.site == device.address.site,
            table.c.template_id == parcel.template,
            table.c.person == parcel.person,
            table.c.site_key_id != parcel.site_key,
            table.c.removed_us.is_(None),
        )
        .values(site_key_id=parcel.site_key, sealed=sealed, origin_device_id=device.id, received_us=now_us)
    )
    return bool(done.rowcount)


def take_change(connection: Connection, device: Device, event: PersonChanged, *, now_us: int) -> Outcome:
    """Follow what staff did to a person at a kiosk; a late word of it undoes no newer consent."""
    roster = _roster(connection, device, now_us)
    person, change = event.data.person, event.data.change
    known = roster.find(person)
    if known is None:
        return Outcome.NOT_OF_SITE
    refused = _not_theirs(connection, roster, person, device.address.site)
    if refused is not None:
        return refused
    if change == "removed":
        return _stored(bool(roster.remove(person, sites=[device.address.site]).sites))
    if change == "biometrics_removed":
        in_doubt = event.data.clock.trust == "unsynchronised"  # then what protects the person is believed
        if not in_doubt and _newer(known, microseconds(event.at), now_us=now_us):
            return Outcome.KNOWN
        ended_us = now_us if in_doubt else min(microseconds(event.at), now_us)
        return _stored(roster.remove_templates(person, ended_us=ended_us))
    return _stored(roster.put(person, {"active": change == "enabled"}))


def _ended_since(known: Row[Any] | None, at_us: int) -> bool:
    """Whether it was said later than at a moment that no consent stands."""
    return known is not None and known.consent_ended_us is not None and at_us < known.consent_ended_us


def _at(parcel: PersonParcel | TemplateParcel, now_us: int) -> int:
    """When a report was made; none is from the future."""
    return min(_moment(parcel.at), now_us)


def _newer(known: Row[Any] | None, at_us: int, *, now_us: int) -> bool:
    """Whether the consent that stands was given after a moment; one from the future says nothing of when."""
    given_us = 0 if known is None else known.consent_us or 0
    return bool(at_us < given_us <= now_us + CLOCKS_APART_US)


def _stored(changed: bool) -> Outcome:  # noqa: FBT001 - its one argument
    return Outcome.STORED if changed else Outcome.KNOWN


def _roster(connection: Connection, device: Device, now_us: int) -> Roster:
    return Roster(connection, by=f"kiosk:{device.subject}", at_us=now_us)


def _not_theirs(connection: Connection, roster: Roster, person: str, site: str) -> Outcome | None:
    """A kiosk may speak of a new person and of its own site's; of nobody else's, and of nobody removed."""
    people, memberships = schema.people, schema.memberships
    row = connection.execute(select(people.c.removed_us).where(people.c.person == person)).first()
    if row is None:
        return None
    if row.removed_us is not None:
        return Outcome.PERSON_REMOVED
    ever = connection.execute(select(memberships.c.site).where(memberships.c.person == person)).first()
    return None if ever is None or site in roster.sites_of(person) else Outcome.NOT_OF_SITE


def _moment(text: str) -> int:
    return microseconds(datetime.fromisoformat(text))
