"""What the running daemon does for the people in its ledger: retention, what is held on one, what is processed.

Trust boundary: staff's socket has judged who asks. What is handed out on one person goes to the asker alone and
is noted in the audit trail; the record of processing holds numbers and nobody.
"""

from collections.abc import Callable
from datetime import date, timedelta

from edge.api.protocol.people import PersonView
from edge.api.protocol.privacy import (
    Dossier,
    DossierAsked,
    PersonEvent,
    PersonEventList,
    PersonEventQuery,
    ProcessingView,
    RetentionAsked,
    RetentionDone,
    TemplateHeld,
)
from edge.api.service import Peer
from edge.api.views import consent_view
from edge.config.tree import Config
from edge.daemon.backups import Backups
from edge.daemon.retention import Retention
from edge.ports import Clock
from edge.retention import UNIX_DAY
from edge.store.last_punches import face_chain
from edge.store.store import Store
from edge.types.identity import PersonId

APPLIED = "retention.applied"


class PrivacyDesk:
    """The `PrivacyService` of the running daemon.

    Args:
        store: The ledger.
        config: The configuration.
        clock: Source of time.
        person: Shows a person as staff see them.
        backups: When the last one was made, and when it is removed.
        retention: Removes what is over.
    """

    def __init__(
        self,
        *,
        store: Store,
        config: Config,
        clock: Clock,
        person: Callable[[str], PersonView],
        backups: Backups,
        retention: Retention,
    ) -> None:
        self._store = store
        self._config = config
        self._clock = clock
        self._person = person
        self._backups = backups
        self._retention = retention

    def close(self) -> None:
        """End what is under way."""
        self._retention.close()

    def retention(self, asked: RetentionAsked, peer: Peer) -> RetentionDone:
        """Remove what is over, or say what would go."""
        return self._retention.run(asked, actor=peer.account)

    # --- one person ---------------------------------------------------------------------------------------

    def dossier(self, person_id: str, asked: DossierAsked, peer: Peer) -> Dossier:
        """All that the ledger holds on a person, but their events and the audit trail."""
        subject, store = PersonId(person_id), self._store
        shown = self._person(person_id)
        detail = "with_vectors" if asked.vectors else "without_vectors"
        store.audit.append("person.exported", actor=peer.account, subject=subject, detail=detail)
        return Dossier(
            person=shown,
            consents=tuple(consent_view(each) for each in store.consents.history(subject)),
            templates=self._templates(subject, vectors=asked.vectors),
            sealed_templates=store.site.sealed_of(subject),
            on_roster=store.site.knows(subject),
            parcels_waiting=store.parcels.count_of(subject),
            messages=store.noticeboard.standing(self._clock.now().wall, person_id=subject),
            backups_until=self._backups.last_dies(),
        )

    def _templates(self, subject: PersonId, *, vectors: bool) -> tuple[TemplateHeld, ...]:
        matched = self._store.events.face_days(subject)
        held = []
        for template_id, chain in self._store.templates.of_person(subject):
            template = self._store.templates.get(template_id) if vectors else None
            held.append(
                TemplateHeld(
                    template_id=template_id,
                    chain=chain,
                    since=_day(self._store.template_dates.since(template_id)),
                    last_match=_day(matched.get(face_chain(chain))),
                    vector=None if template is None else tuple(float(each) for each in template.vector),
                )
            )
        return tuple(held)

    def events_of(self, person_id: str, query: PersonEventQuery) -> PersonEventList:
        """A page of the events about a person, known or removed."""
        found, following = self._store.events.about(PersonId(person_id), after=query.after)
        return PersonEventList(
            events=tuple(PersonEvent(state=state, event=raw.decode()) for state, raw in found),
            next_after=following,
        )

    # --- everybody ----------------------------------------------------------------------------------------

    def processing(self) -> ProcessingView:
        """What is processed here, in numbers."""
        store = self._store
        people, versions = store.people.list(), store.consents.versions()
        in_force = self._config.enrolment.consent_text_version
        entries, oldest, retention = 0, None, None
        for entry in store.audit.list():
            entries, oldest = entries + 1, oldest or entry.at
            retention = entry.at if entry.action == APPLIED else retention
        office = store.office.current()
        return ProcessingView(
            people=len(people),
            with_face=sum(each.consented and bool(each.templates) for each in people),
            consents=len(versions),
            outdated_consents=sum(version != in_force for version in versions.values()),
            templates={str(chain): count for chain, count in store.templates.counts_by_model().items()},
            events=store.events.count(),
            oldest_event=_day(store.events.oldest_day()),
            unconfirmed_events=store.frontier.pending_count(),
            audit_entries=entries,
            oldest_audit=None if oldest is None else oldest.date(),
            parcels_waiting=store.parcels.count(),
            office=None if office is None else office.name,
            last_backup=self._backups.last_made(),
            backups_until=self._backups.last_dies(),
            last_retention=retention,
            retired_ledgers=self._backups.retired_ledgers(),
        )


def _day(days: int | None) -> date | None:
    return None if days is None else UNIX_DAY + timedelta(days=days)
