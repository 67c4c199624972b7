"""What this kiosk hands to the site through the office: people sealed to it, templates under the site key.

Each goes into the outbox in the transaction of the change itself, and nothing that came down the roster goes up
again. Trust boundary: the office may know people and never templates; without an office, or for templates
without a site key, everything stays here.
"""

import threading
from collections.abc import Iterator, Sequence

from edge.ports import Clock
from edge.store.parcels import new_id
from edge.store.site import SealedTemplate
from edge.store.sitekey import SiteKeys
from edge.store.store import Store
from edge.store.templates import encode
from edge.types.identity import PersonId, TemplateId
from edge.types.people import Template
from sync.wire.canonical import encode as canonical
from sync.wire.fields import format_time
from sync.wire.parcels import PersonParcel, TemplateParcel, TemplatesReplaced
from sync.wire.roster import MAX_REVOKED, ConsentGiven, PersonDetails
from sync.wire.sealing import TemplateIdentity, seal, seal_template, to_text
from sync.wire.topics import Address

BATCH = 20  # templates or people in one transaction, a millisecond each: who is recorded meanwhile waits


class Sharing:
    """Makes parcels of people and templates. Safe from several threads.

    Args:
        store: The ledger.
        address: Whose parcels these are.
        clock: Source of time.
        site_keys: The first seals; None keeps templates here.
        made_here: Whether this device made that key, and so hands everybody's templates out anew.
        lock: Held while ledger and gallery change together.
    """

    def __init__(
        self,
        *,
        store: Store,
        address: Address,
        clock: Clock,
        site_keys: SiteKeys | None,
        made_here: bool,
        lock: threading.RLock,
    ) -> None:
        self._store = store
        self._address = address
        self._clock = clock
        self._site_keys = site_keys
        self._made_here = made_here
        self._lock = lock

    @property
    def site_keys(self) -> SiteKeys | None:
        """The site keys in force."""
        return self._site_keys

    def template(self, template: Template) -> None:
        """Hand a template to the site, in the transaction that stores it; where the outbox is full, later."""
        if self._site_keys is None or self._store.office.current() is None:
            return
        if not self._store.parcels.room(TemplateParcel):
            return
        key = self._site_keys.sealing
        identity = TemplateIdentity(
            site=self._address.site,
            person=template.person_id,
            template=template.template_id,
            model=template.model_hash,
        )
        parcel = TemplateParcel(
            site=self._address.site,
            device=self._address.device,
            id=new_id(),
            at=format_time(self._clock.now().wall),
            person=template.person_id,
            template=template.template_id,
            model=template.model_hash,
            site_key=key.key_id,
            sealed=to_text(seal_template(encode(template), site_key=key.secret, identity=identity)),
        )
        self._store.parcels.add(parcel, subject=template.person_id)
        self._store.site.note_shared(template.template_id, site_key=key.key_id, from_office=False)

    def replaced(self, person_id: PersonId, template_ids: Sequence[TemplateId]) -> None:
        """Tell the site which templates newer ones replace, before they go and in the same transaction."""
        known = self._store.site.shared(template_ids)
        if not known or self._store.office.current() is None:
            return
        self._store.parcels.add(
            TemplatesReplaced(
                site=self._address.site,
                device=self._address.device,
                id=new_id(),
                at=format_time(self._clock.now().wall),
                person=person_id,
                templates=list(known),
            ),
            subject=person_id,
        )

    def person(self, person_id: PersonId) -> None:
        """Tell the office of a person whom staff added or changed here, within that change's transaction."""
        office = self._store.office.current()
        if office is None:
            return
        blank = PersonParcel(
            site=self._address.site,
            device=self._address.device,
            id=new_id(),
            at=format_time(self._clock.now().wall),
            person=person_id,
            sealed="",
        )
        sealed = seal(canonical(self._details(person_id)), to=office.sealing, info=blank.info)
        parcel = blank.model_copy(update={"sealed": to_text(sealed)})
        self._store.parcels.add(parcel, subject=person_id, replace=True)

    def _details(self, person_id: PersonId) -> PersonDetails:
        person, consent = self._store.people.get(person_id), self._store.consents.current(person_id)
        revoked = self._store.badges.revoked_of(person_id, limit=MAX_REVOKED)
        return PersonDetails(
            name=person.profile.name,
            number=person.profile.number,
            greeting=person.profile.greeting[:100],
            language=person.profile.language,
            enabled=person.enabled,
            badges_revoked=list(revoked) or None,
            consent=None
            if consent is None
            else ConsentGiven.model_validate(
                {
                    "text_version": consent.text_version,
                    "language": consent.language,
                    "how": consent.how,
                    "given_at": format_time(consent.given_at),
                    "proof": consent.proof or None,
                }
            ),
        )

    def forget(self, person_id: PersonId, *, person_too: bool) -> None:
        """Take back what has not left yet: templates of whoever withdrew, all of whoever is erased."""
        kinds: list[type[PersonParcel | TemplateParcel]] = [TemplateParcel]
        if person_too:
            kinds.append(PersonParcel)
        self._store.parcels.forget(person_id, kinds=kinds)

    def people(self) -> Iterator[int]:
        """Hand in whom the office does not know yet: a transaction a step, each of which says how many."""
        if self._store.office.current() is None:
            return
        people = self._store.site.local_people()
        for start in range(0, len(people), BATCH):
            with self._lock, self._store.database.write():
                some = [each for each in people[start : start + BATCH] if self._store.people.exists(each)]
                for person_id in some:
                    self.person(person_id)
            yield len(some)

    def templates(self) -> Iterator[int]:
        """Hand in templates that have not travelled under the key that seals now, as far as there is room."""
        if self._site_keys is None or self._store.office.current() is None:
            return
        while True:
            with self._lock, self._store.database.write():
                batch = self._store.site.not_shared(
                    self._site_keys.sealing.key_id,
                    others_too=self._made_here,
                    limit=min(BATCH, self._store.parcels.room(TemplateParcel)),
                )
                for template_id in batch:
                    template = self._store.templates.get(template_id)
                    if template is not None:
                        self.template(template)
            if not batch:
                return
            yield len(batch)

    def openable(self) -> tuple[SealedTemplate, ...]:
        """Templates that waited for a key which has come, the first few."""
        keys = () if self._site_keys is None else self._site_keys.keys
        return self._store.site.sealed((key.key_id for key in keys), limit=BATCH)
