"""The roster: who belongs to which site's kiosks, as gapless changes that every one of them will apply.

A change is given out under the row of its site, within the transaction of the act; what it says is read from
`people` when it is signed, so nothing personal stands in two places. Trust boundary: callers have checked who
asks (`operators`) or which device signed (`reported`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from sync.office import alarms
from sync.office.alarms import AlarmKind
from sync.office.compaction import Kind
from sync.office.database import schema
from sync.office.database.ingest import insert_once
from sync.office.errors import RosterRefused
from sync.office.rows import microseconds
from sync.wire.fields import format_time
from sync.wire.roster import ConsentGiven, PersonDetails

_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NO_CONSENT: Final = dict.fromkeys(
    ("consent_version", "consent_language", "consent_how", "consent_us", "consent_proof")
)
_NOTHING: Final = {
    **_NO_CONSENT,
    **dict.fromkeys(("employee_number", "name", "department", "greeting", "language", "badges_revoked")),
}
_ON_THE_WIRE: Final = (*(set(_NOTHING) - {"department"}), "active")


@dataclass(frozen=True, slots=True)
class Removal:
    """What a removal left: the sites whose kiosks must erase the person, and whether the office forgot them."""

    sites: tuple[str, ...]
    forgotten: bool


def columns_of(details: PersonDetails) -> dict[str, Any]:
    """Details as columns of `people`."""
    consent = details.consent
    return {
        "employee_number": details.number,
        "name": details.name,
        "greeting": details.greeting,
        "language": details.language,
        "active": details.enabled,
        "consent_version": None if consent is None else consent.text_version,
        "consent_language": None if consent is None else consent.language,
        "consent_how": None if consent is None else consent.how,
        "consent_us": None if consent is None else microseconds(datetime.fromisoformat(consent.given_at)),
        "consent_proof": None if consent is None else consent.proof,
    }


def details_of(row: Row[Any]) -> PersonDetails | None:
    """A row of `people` as a kiosk takes it; None while there is nothing to send: removed, or no number."""
    if row.removed_us is not None or not row.employee_number or not row.name:
        return None
    consent = None
    if row.consent_version is not None:
        consent = ConsentGiven(
            text_version=row.consent_version,
            language=row.consent_language or "",
            how=row.consent_how,
            given_at=format_time(_UNIX + timedelta(microseconds=row.consent_us)),
            proof=row.consent_proof,
        )
    return PersonDetails(
        name=row.name,
        number=row.employee_number,
        greeting=row.greeting or "",
        language=row.language or "",
        enabled=row.active,
        consent=consent,
        badges_revoked=(row.badges_revoked or "").split() or None,
    )


class Roster:
    """Changes within the caller's transaction. Locks: sites before people, each in order of name.

    Args:
        by: The account, or "kiosk:site/device".
        at_us: The time.
    """

    def __init__(self, connection: Connection, *, by: str, at_us: int) -> None:
        self._connection = connection
        self._by = by
        self._at_us = at_us

    def find(self, person: str) -> Row[Any] | None:
        """The person's row, locked."""
        people = schema.people
        return self._connection.execute(
            select(people).where(people.c.person == person).with_for_update()
        ).first()

    def sites_of(self, person: str) -> list[str]:
        """Where the person is known now."""
        table = schema.memberships
        rows = self._connection.execute(
            select(table.c.site)
            .where(table.c.person == person, table.c.until_us.is_(None))
            .order_by(table.c.site)
        )
        return [row.site for row in rows]

    def put(self, person: str, values: Mapping[str, Any], *, sites: Iterable[str] = ()) -> bool:
        """Add a person or change what is known of one, and let them belong to more sites.

        Returns:
            Whether a kiosk has something to learn.

        Raises:
            RosterRefused: The person was removed, or a site is unknown.
        """
        sites = sorted(set(sites))
        self.lock({*sites, *self.sites_of(person)})
        before = self.find(person)
        if before is not None and before.removed_us is not None:
            raise RosterRefused("this person was removed", where=f"person {person}")
        self._write(person, values, known=before is not None)
        joined = [site for site in sites if self._join(person, site)]
        after = self.find(person)
        if after is None or details_of(after) is None:
            return False
        anew = before is None or details_of(before) is None or (_consents(after) and not _consents(before))
        told = any(getattr(before, name, None) != getattr(after, name) for name in _ON_THE_WIRE)
        for site in self.sites_of(person) if anew or told else joined:
            self.issue(person, site, templates=anew or site in joined)
        self._settle(person, before=before, after=after)
        return anew or told or bool(joined)

    def issue(self, person: str, site: str, *, templates: bool) -> None:
        """Let a site's kiosks have a person once more, and the templates if there is a consent to them."""
        self._give_out(site, Kind.PUT_PERSON, person)
        if templates and _consents(self.find(person)):
            for template in self._live_templates(person, site):
                self._give_out(site, Kind.PUT_TEMPLATE, person, template)

    def issue_template(self, person: str, site: str, template: str) -> None:
        """Let a site's kiosks have a template."""
        self._give_out(site, Kind.PUT_TEMPLATE, person, template)

    def replace_templates(self, person: str, site: str, templates: Iterable[str]) -> int:
        """Let a site's kiosks drop templates that newer ones have replaced; returns how many there were."""
        self.lock([site])
        table, gone = schema.sealed_templates, 0
        for template in sorted(set(templates)):
            erased = self._connection.execute(
                update(table)
                .where(
                    table.c.site == site,
                    table.c.person == person,
                    table.c.template_id == template,
                    table.c.removed_us.is_(None),
                )
                .values(sealed=None, removed_us=self._at_us)
            ).rowcount
            if erased:
                gone += 1
                self._give_out(site, Kind.REMOVE_TEMPLATE, person, template)
        return gone

    def note_no_consent(self, person: str, at_us: int) -> None:
        """Note that no consent stood at a moment: what was reported before it brings none back."""
        people = schema.people
        self._connection.execute(
            update(people)
            .where(
                people.c.person == person,
                people.c.consent_ended_us.is_(None) | (people.c.consent_ended_us < at_us),
            )
            .values(consent_ended_us=at_us)
        )

    def remove_templates(self, person: str, *, ended_us: int | None = None) -> bool:
        """End a person's consent: no site keeps templates.

        Args:
            person: Whose.
            ended_us: When it ended, if not now.

        Returns:
            Whether there was anything to end.
        """
        sites = self.sites_of(person)
        self.lock(sites)
        self.note_no_consent(person, self._at_us if ended_us is None else ended_us)
        row = self.find(person)
        held = {site: self._live_templates(person, site) for site in sites}
        if row is None or not (_consents(row) or any(held.values())):
            return False
        self._write(person, _NO_CONSENT, known=True)
        for site in sites:
            self._erase_templates(person, site)
            self._give_out(site, Kind.REMOVE_TEMPLATES, person)
        return True

    def remove(self, person: str, *, sites: Iterable[str] | None = None) -> Removal:
        """Let sites (None: all) erase a person; with the last one the office forgets who it was."""
        belongs = self.sites_of(person)
        leaving = [site for site in belongs if sites is None or site in set(sites)]
        self.lock(leaving)
        row = self.find(person)
        for site in leaving:
            self._leave(person, site)
            self._erase_templates(person, site)
            self._give_out(site, Kind.REMOVE_PERSON, person)
            self._drop_documents(site)
        forgotten = row is not None and row.removed_us is None and len(leaving) == len(belongs)
        if forgotten:
            self._forget(person)
            self._settle(person, before=row, after=None)
        return Removal(tuple(leaving), forgotten)

    def ask_again(self, person: str, site: str) -> None:
        """Order an erasure once more: each kiosk answers it with a new receipt."""
        self.lock([site])
        self._give_out(site, Kind.REMOVE_PERSON, person)

    def clash(self, person: str, *, number: str, holder: str, device_id: int) -> None:
        """Note that a kiosk gave a person a number which another one has."""
        clashes = schema.number_clashes
        values = {
            "employee_number": number,
            "holder": holder,
            "device_id": device_id,
            "found_us": self._at_us,
        }
        known = select(clashes.c.person).where(clashes.c.person == person)
        if self._connection.execute(known).first() is None:
            self._connection.execute(insert(clashes).values(person=person, **values))
        else:
            self._connection.execute(update(clashes).where(clashes.c.person == person).values(**values))

    def holder_of(self, number: str, *, besides: str) -> str | None:
        """Who else has an employee number."""
        people = schema.people
        return self._connection.execute(
            select(people.c.person).where(people.c.employee_number == number, people.c.person != besides)
        ).scalar_one_or_none()

    def lock(self, sites: Iterable[str]) -> None:
        """Hold these sites' rosters until the transaction ends.

        Raises:
            RosterRefused: There is no such site.
        """
        table, wanted = schema.sites, set(sites)
        rows = self._connection.execute(
            select(table.c.site)
            .where(table.c.site.in_(sorted(wanted)))
            .order_by(table.c.site)
            .with_for_update()
        )
        unknown = wanted - {row.site for row in rows}
        if unknown:
            raise RosterRefused(
                "the office knows no such site",
                where=f"site {min(unknown)}",
                next_step="clockface-office device list",
            )

    def _give_out(self, site: str, kind: Kind, person: str, template: str | None = None) -> None:
        sites = schema.sites
        version = self._connection.execute(
            update(sites)
            .where(sites.c.site == site)
            .values(roster_version=sites.c.roster_version + 1)
            .returning(sites.c.roster_version)
        ).scalar_one()
        self._connection.execute(
            insert(schema.roster_changes).values(
                site=site,
                version=version,
                kind=kind.value,
                person=person,
                template_id=template,
                made_us=self._at_us,
                made_by=self._by,
            )
        )

    def _write(self, person: str, values: Mapping[str, Any], *, known: bool) -> None:
        people = schema.people
        stamped = {**values, "changed_us": self._at_us}
        if known:
            self._connection.execute(update(people).where(people.c.person == person).values(**stamped))
        else:
            self._connection.execute(insert(people).values(person=person, created_us=self._at_us, **stamped))

    def _join(self, person: str, site: str) -> bool:
        table = schema.memberships
        again = self._connection.execute(
            update(table)
            .where(table.c.person == person, table.c.site == site, table.c.until_us.is_not(None))
            .values(since_us=self._at_us, until_us=None)
        ).rowcount
        if again:
            return True
        row = {"person": person, "site": site, "since_us": self._at_us}
        return bool(self._connection.execute(insert_once(self._connection, table).values(**row)).rowcount)

    def _leave(self, person: str, site: str) -> None:
        table = schema.memberships
        self._connection.execute(
            update(table).where(table.c.person == person, table.c.site == site).values(until_us=self._at_us)
        )

    def _live_templates(self, person: str, site: str) -> list[str]:
        table = schema.sealed_templates
        rows = self._connection.execute(
            select(table.c.template_id)
            .where(table.c.site == site, table.c.person == person, table.c.removed_us.is_(None))
            .order_by(table.c.id)
        )
        return [row.template_id for row in rows]

    def _erase_templates(self, person: str, site: str) -> None:
        table = schema.sealed_templates
        self._connection.execute(
            update(table)
            .where(table.c.site == site, table.c.person == person, table.c.removed_us.is_(None))
            .values(sealed=None, removed_us=self._at_us)
        )

    def _drop_documents(self, site: str) -> None:
        """What was sealed before a removal holds who is removed: it goes, and the signer makes it anew."""
        outbox, devices = schema.outbox, schema.devices
        of_site = select(devices.c.id).where(devices.c.site == site)
        self._connection.execute(
            delete(outbox).where(outbox.c.channel == "roster", outbox.c.device_id.in_(of_site))
        )

    def _forget(self, person: str) -> None:
        gone = {**_NOTHING, "active": False, "removed_us": self._at_us}
        self._write(person, gone, known=True)

    def _settle(self, person: str, *, before: Row[Any] | None, after: Row[Any] | None) -> None:
        """A number was given up or decided upon: whoever was kept apart for it can be sent now."""
        number = None if after is None else after.employee_number
        if before is None or (after is not None and before.employee_number == number):
            return
        own = self._end_clash(person)
        if own is not None and own.holder is not None:
            self._issue_where(own.holder, own.device_id)
        clashes = schema.number_clashes
        claims = self._connection.execute(
            select(clashes).where(clashes.c.holder == person).order_by(clashes.c.found_us, clashes.c.person)
        ).all()
        for position, claim in enumerate(claims):
            if claim.employee_number == number:
                continue
            if position == 0:
                self._end_clash(claim.person)
                self.put(claim.person, {"employee_number": claim.employee_number})
                self._issue_where(claim.person, claim.device_id)
            else:
                self._connection.execute(
                    update(clashes).where(clashes.c.person == claim.person).values(holder=claims[0].person)
                )

    def _end_clash(self, person: str) -> Row[Any] | None:
        clashes = schema.number_clashes
        found = self._connection.execute(
            delete(clashes).where(clashes.c.person == person).returning(clashes)
        ).first()
        left = self._connection.execute(select(func.count()).select_from(clashes)).scalar_one()
        if found is not None and not left:
            alarms.clear_alarm(self._connection, AlarmKind.NUMBER_CLASH, subject="roster", now_us=self._at_us)
        return found

    def _issue_where(self, person: str, device_id: int) -> None:
        """Send a person again to the site of the kiosk from which they were held back."""
        devices = schema.devices
        site = self._connection.execute(select(devices.c.site).where(devices.c.id == device_id)).scalar_one()
        row = self.find(person)
        if row is not None and details_of(row) is not None and site in self.sites_of(person):
            self.issue(person, site, templates=True)


def _consents(row: Row[Any] | None) -> bool:
    return row is not None and row.consent_version is not None
