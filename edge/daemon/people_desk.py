"""People and their consent, for staff: first the ledger, then the gallery, then what the site is told.

Trust boundary: nothing happens without its entry in the audit trail. Names and numbers go back to the asker and
nowhere else.
"""

from datetime import date

from edge.api.protocol.people import ConsentGiven, PeopleList, PeopleQuery, PersonProfile, PersonView, Removed
from edge.api.service import Peer
from edge.api.views import consent_view, profile_view, to_profile
from edge.daemon.condition import FaceParts
from edge.daemon.link import SiteLink
from edge.ports import Clock
from edge.store.store import Store
from edge.types.identity import PersonId
from edge.types.people import Consent, Person


class PeopleDesk:
    """People as staff see and change them. Safe from several threads.

    Args:
        consent_text_version: The consent text now in force.
        store: The ledger.
        clock: Source of time.
        face_path: Models and pipeline; None while the face path is out of service.
        link: The tie to the site: its lock is held while ledger and gallery change together.
    """

    def __init__(
        self,
        *,
        consent_text_version: str,
        store: Store,
        clock: Clock,
        face_path: FaceParts | None,
        link: SiteLink,
    ) -> None:
        self._consent_text_version = consent_text_version
        self._store = store
        self._clock = clock
        self._face_path = face_path
        self._link = link
        self._lock = link.lock
        self._sharing = link.sharing

    def people(self, query: PeopleQuery) -> PeopleList:
        """List people in the order in which they were added."""
        if query.number is not None:
            found = self._store.people.find_by_number(query.number)
            return PeopleList(people=() if found is None else (self._view(found),))
        after = None if query.after is None else PersonId(query.after)
        people = self._store.people.list(after=after, limit=query.limit + 1)
        page = tuple(self._view(person) for person in people[: query.limit])
        more = len(people) > query.limit
        return PeopleList(people=page, next_after=page[-1].person_id if more else None)

    def person(self, person_id: str) -> PersonView:
        """Show one person with the consent in force."""
        person = self._store.people.get(PersonId(person_id))
        return self._view(person, self._store.consents.current(person.person_id))

    def add_person(self, profile: PersonProfile, peer: Peer) -> PersonView:
        """Add a person without a face."""
        with self._lock, self._store.database.write():
            added = self._store.people.add(to_profile(profile), actor=peer.account)
            self._sharing.person(added)
        return self.person(added)

    def set_enabled(self, person_id: str, *, enabled: bool, peer: Peer) -> PersonView:
        """Disable or enable a person; the gallery forgets or learns them at once."""
        subject = PersonId(person_id)
        with self._lock:
            with self._store.database.write():
                before = self._store.people.get(subject).enabled
                self._store.people.set_enabled(subject, enabled, actor=peer.account)
                if before is not enabled:
                    self._store.events.change_person(subject, "enabled" if enabled else "disabled")
                self._sharing.person(subject)
            self._forget_face(subject)
            if enabled:
                self._learn(subject)
        return self.person(person_id)

    def remove_person(self, person_id: str, peer: Peer) -> Removed:
        """Erase a person; events keep the random id."""
        subject = PersonId(person_id)
        with self._lock:
            with self._store.database.write():
                templates = len(self._store.templates.of_person(subject))
                self._store.people.remove(subject, actor=peer.account)
                until = self._link.backups.last_dies()
                self._store.events.change_person(subject, "removed", backups_until=until)
                self._sharing.forget(subject, person_too=True)
            self._forget_face(subject)
        return self._removed(subject, templates, until)

    def _removed(self, subject: PersonId, templates: int, until: date | None) -> Removed:
        return Removed(
            person_id=subject,
            templates=templates,
            backups_until=until,
            retired_ledgers=self._link.backups.retired_ledgers(),
        )

    def record_consent(self, person_id: str, consent: ConsentGiven, peer: Peer) -> PersonView:
        """Record a consent."""
        subject = PersonId(person_id)
        with self._lock, self._store.database.write():
            self._store.consents.record(subject, self.consent(consent, peer), actor=peer.account)
            self._sharing.person(subject)
            self._link.roster.refresh([subject])  # templates that waited for it match again
        return self.person(person_id)

    def withdraw_consent(self, person_id: str, peer: Peer) -> Removed:
        """Record a withdrawal and erase the templates; the person stays, with badge and PIN."""
        subject = PersonId(person_id)
        with self._lock:
            with self._store.database.write():
                erased = self._store.consents.withdraw(subject, actor=peer.account)
                until = self._link.backups.last_dies()
                self._store.events.change_person(subject, "biometrics_removed", backups_until=until)
                self._sharing.forget(subject, person_too=False)
                self._sharing.person(subject)
            self._forget_face(subject)
        return self._removed(subject, erased, until)

    def _forget_face(self, person_id: PersonId) -> None:
        if self._face_path is not None:
            self._face_path.recogniser.removed(person_id)

    def _learn(self, person_id: PersonId) -> None:
        """Bring a person's templates back from the ledger into the galleries."""
        if self._face_path is None:
            return
        for model_hash, gallery in self._face_path.recogniser.galleries.items():
            gallery.add(self._store.templates.of_live_person(person_id, model_hash))

    def consent(self, consent: ConsentGiven, peer: Peer) -> Consent:
        """A consent as it is recorded: who took it is the peer's account."""
        return Consent(
            text_version=consent.text_version,
            language=consent.language,
            given_at=consent.given_at or self._clock.now().wall,
            how=consent.how,
            taken_by=peer.account,
            proof=consent.proof or "",
        )

    def _view(self, person: Person, consent: Consent | None = None) -> PersonView:
        return PersonView(
            person_id=person.person_id,
            profile=profile_view(person.profile),
            enabled=person.enabled,
            enrolled_at=person.enrolled_at,
            consented=person.consented,
            consent_outdated=self._store.consents.outdated(person.person_id, self._consent_text_version),
            consent=None if consent is None else consent_view(consent),
            templates={str(chain): count for chain, count in person.templates.items()},
        )
