"""The roster comes down: an operator's signed changes of who belongs to the site, applied whole or not at all.

A document carries the changes after `base` up to `version`, so lost, repeated and reordered ones harm nothing.
Trust boundary: an operator's signature lets people in and out, and no more: templates open only under the site
key, which no operator has, and are held against person, model, length and consent like any other.
"""

import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from itertools import pairwise

import numpy as np
import structlog

from clockface.errors import SecretMissing
from edge.daemon.answers import Reply, surely_expired
from edge.daemon.backups import Backups
from edge.daemon.deliveries import Outcome, Taken, opened
from edge.errors import ConsentMissing, EnrolmentError, LedgerCorrupt, NumberTaken
from edge.inference.pipeline import Recogniser
from edge.ports import Clock
from edge.store.site import SealedTemplate
from edge.store.sitekey import SiteKeys
from edge.store.store import Store
from edge.store.templates import decode
from edge.types.identity import ModelHash, PersonId, TemplateId
from edge.types.people import Consent, Profile, Template
from sync.wire.canonical import WireError, read
from sync.wire.commands import Removed
from sync.wire.documents import MAX_DOCUMENT_BYTES
from sync.wire.parcels import PersonParcel, TemplateParcel
from sync.wire.roster import (
    Change,
    PersonDetails,
    PutPerson,
    PutTemplate,
    RemovePerson,
    RemoveTemplate,
    RemoveTemplates,
    RosterChanges,
    RosterDocument,
)
from sync.wire.sealing import SealError, TemplateIdentity, from_text, unseal_template
from sync.wire.topics import Address

OFFICE = "office"  # the actor of everything here, in audit trail and consents

log = structlog.get_logger(__name__)


class Refusal(Exception):
    """A document that is signed and cannot be applied; nothing of it is."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(reason)


class RosterDesk:
    """Takes roster documents, one at a time (`edge.daemon.deliveries`).

    Args:
        store: The ledger.
        address: For whom documents must be.
        clock: Source of time.
        site_keys: Open templates; None keeps them sealed until there is one.
        recogniser: Whose galleries learn and forget at once; None while the face path is out of service.
        lock: Held while ledger and gallery change together.
        backups: When the last backup that may hold an erased person is removed: for the receipt.
    """

    def __init__(
        self,
        *,
        store: Store,
        address: Address,
        clock: Clock,
        site_keys: SiteKeys | None,
        recogniser: Recogniser | None,
        lock: threading.RLock,
        backups: Backups,
    ) -> None:
        self._store = store
        self._address = address
        self._clock = clock
        self._site_keys = site_keys
        self._recogniser = recogniser
        self._lock = lock
        self._backups = backups

    @property
    def kind(self) -> type[RosterDocument]:
        """What it takes."""
        return RosterDocument

    def take(self, raw: bytes) -> Taken:
        """Verify a document, apply it and answer it.

        Raises:
            Refused: Not an operator's, or not for this device; strangers are not answered.
            StoreError: The ledger failed; nothing was applied, and the courier brings it again.
        """
        document = opened(RosterDocument, raw, keys=self._store.office.operator(), address=self._address)
        with self._lock:
            kept = self._store.progress.answered(document.id)
            if kept is not None:
                return Taken(Outcome.REPEATED, result=kept, answers=document.id)
            return self._judge(document)

    def _judge(self, document: RosterDocument) -> Taken:
        now, have = self._clock.now(), self._store.progress.roster_version()
        if surely_expired(expires=document.expires, now=now, known=self._store.clock.last_trusted()):
            return self._answer(document, Reply("expired", "expired"), keep=False)
        if document.version <= have:
            return self._answer(document, Reply("done", "known"), keep=False)
        if document.base > have:
            return self._answer(document, Reply("gap", "gap", f"the device has version {have}"), keep=False)
        try:
            return self._apply(document, have)
        except Refusal as refusal:
            return self._answer(document, Reply("refused", refusal.reason, refusal.detail), keep=False)

    def _apply(self, document: RosterDocument, have: int) -> Taken:
        changes = self._open(document, have)
        entry = _Entry(self._store, self._address.site, self._site_keys, self._backups.last_dies())
        with self._store.database.write():
            entry.apply(changes)
            self._store.progress.reach_roster(document.version)
            self._store.audit.append(
                "roster.applied", actor=OFFICE, subject=document.id, detail=f"version={document.version}"
            )
            answer = self._answer(document, entry.reply(), keep=True)
        self.refresh(entry.touched)
        if entry.erased:
            self._store.database.scrub()
        log.info("roster_applied", people=len(entry.touched), templates=entry.stored)
        return answer

    def _open(self, document: RosterDocument, have: int) -> list[Change]:
        """The document's changes that this device does not have yet."""
        try:
            plain = self._store.device_keys.unseal(from_text(document.sealed), document.info)
            held = read(RosterChanges, plain, max_bytes=MAX_DOCUMENT_BYTES)
        except (SealError, SecretMissing):
            raise Refusal(
                "does_not_open", "sealed for another device, or for a key that was replaced"
            ) from None
        except WireError:
            raise Refusal("malformed", "the changes are not well-formed") from None
        versions = [change.version for change in held.changes]
        ordered = all(earlier < later for earlier, later in pairwise(versions))
        inside = all(document.base < version <= document.version for version in versions)
        if not (ordered and inside and document.base <= document.version):
            raise Refusal("malformed", "the changes do not lie in order between base and version")
        return [change for change in held.changes if change.version > have]

    def refresh(self, people: Iterable[PersonId]) -> None:
        """Bring the galleries to what the ledger says of these people."""
        if self._recogniser is None:
            return
        for person_id in people:
            live = {
                model_hash: self._store.templates.of_live_person(person_id, model_hash)
                for model_hash in self._recogniser.galleries
            }
            if not any(live.values()):
                self._recogniser.removed(person_id)
                continue
            for model_hash, gallery in self._recogniser.galleries.items():
                gallery.replace(person_id, live[model_hash])

    def open_kept(self, templates: Iterable[SealedTemplate]) -> int:
        """Store templates whose site key has come since; returns how many."""
        with self._lock:
            entry = _Entry(self._store, self._address.site, self._site_keys, None)
            with self._store.database.write():
                for template in templates:
                    self._store.site.drop_sealed(template_id=template.template_id)
                    entry.template(template)
            self.refresh(entry.touched)
        return entry.stored

    def _answer(self, document: RosterDocument, reply: Reply, *, keep: bool) -> Taken:
        result = reply.to(
            document.id,
            address=self._address,
            roster_version=self._store.progress.roster_version(),
            at=self._clock.now(),
        )
        signed = self._store.device_keys.sign(result)
        if keep:
            self._store.progress.answer(document.id, signed)
        outcome = Outcome.REFUSED
        if reply.outcome == "done":
            outcome = Outcome.APPLIED if keep else Outcome.REPEATED
        return Taken(outcome, reply.reason or "", result=signed, answers=document.id)


class _Entry:
    """One document on its way into the ledger, within one transaction."""

    def __init__(self, store: Store, site: str, site_keys: SiteKeys | None, backups_until: date | None) -> None:
        self._store = store
        self._backups_until = None if backups_until is None else backups_until.isoformat()
        self._site = site
        self._site_keys = site_keys
        self._to_come: set[PersonId] = set()
        self.touched: dict[PersonId, None] = {}
        self.removed: list[Removed] = []
        self.erased = False
        self.stored = 0
        self.sealed = 0
        self.nobodys = 0
        self.faulty = 0

    def apply(self, changes: list[Change]) -> None:
        """Apply changes in their order. Raises `Refusal`."""
        self._to_come = {PersonId(each.person) for each in changes if isinstance(each, PutPerson)}
        for change in changes:
            person_id = PersonId(change.person)
            self.touched[person_id] = None
            match change:
                case PutPerson():
                    self._put_person(person_id, change.details, change.version)
                case PutTemplate():
                    self._put_template(person_id, change)
                case RemoveTemplate():
                    self._remove_template(person_id, TemplateId(change.template))
                case RemoveTemplates():
                    self._remove_templates(person_id)
                case RemovePerson():
                    self._remove_person(person_id)

    def reply(self) -> Reply:
        """What is said of it: numbers, nothing personal."""
        told = [
            f"{count} templates {what}"
            for count, what in (
                (self.sealed, "wait for their site key"),
                (self.nobodys, "are of nobody who consents here"),
                (self.faulty, "do not hold"),
            )
            if count
        ]
        return Reply("done", detail="; ".join(told), removed=tuple(self.removed))

    def _put_person(self, person_id: PersonId, details: PersonDetails, version: int) -> None:
        holder = self._store.people.holder(details.number)
        if holder is not None and holder != person_id and not self._yields(holder):
            raise Refusal(
                "number_taken", f"person {holder}, known on this device alone, has person {person_id}'s number"
            )
        profile = Profile(details.name, details.number, details.greeting, details.language)
        try:
            self._store.people.put(person_id, profile, enabled=details.enabled, parked=True, actor=OFFICE)
        except NumberTaken:
            raise Refusal("number_taken", f"another person has the number of person {person_id}") from None
        except EnrolmentError:
            raise Refusal("malformed", f"the details of person {person_id} do not hold") from None
        self._store.site.note_person(person_id, version)
        self._consent(person_id, details)
        for badge_id in details.badges_revoked or ():
            self._store.badges.revoke_elsewhere(badge_id, person_id, actor=OFFICE)

    def _yields(self, holder: PersonId) -> bool:
        """Whether whoever has a number gets another one from the office, now or in a document to come."""
        return holder in self._to_come or self._store.site.knows(holder)

    def _consent(self, person_id: PersonId, details: PersonDetails) -> None:
        standing, given = self._store.consents.current(person_id), details.consent
        if given is None:
            if standing is not None and not self._store.parcels.waits(person_id, PersonParcel):
                self._remove_templates(person_id)
            return
        at = datetime.fromisoformat(given.given_at)
        consent = Consent(given.text_version, given.language or "und", at, given.how, OFFICE, given.proof or "")
        if standing is None or replace(standing, taken_by=OFFICE) != consent:
            self._store.consents.record(person_id, consent, actor=OFFICE)

    def _put_template(self, person_id: PersonId, change: PutTemplate) -> None:
        try:
            sealed = from_text(change.sealed)
        except SealError:
            self.faulty += 1
            return
        self.template(
            SealedTemplate(
                TemplateId(change.template), person_id, ModelHash(change.model), change.site_key, sealed
            )
        )

    def template(self, sealed: SealedTemplate) -> None:
        """Store a template of the site, or keep it sealed until its key comes."""
        person_id = sealed.person_id
        self.touched[person_id] = None
        if self._store.consents.current(person_id) is None:
            self.nobodys += 1
            return
        key = None if self._site_keys is None else self._site_keys.find(sealed.site_key)
        if key is None:
            self._store.site.keep_sealed(sealed)
            self.sealed += 1
            return
        template = self._opened(sealed, key.secret)
        known = None if template is None else self._store.templates.get(template.template_id)
        if template is None or (known is not None and known.person_id != person_id):
            self.faulty += 1
            return
        try:
            if known is None:
                self._store.templates.add(template, actor=OFFICE, travels=False)
                self.stored += 1
        except (ConsentMissing, EnrolmentError):
            self.faulty += 1
            return
        self._store.site.note_shared(template.template_id, site_key=sealed.site_key, from_office=True)

    def _opened(self, sealed: SealedTemplate, secret: bytes) -> Template | None:
        """The template, or None if it was altered, moved, or is no finite vector of length 1."""
        identity = TemplateIdentity(
            site=self._site, person=sealed.person_id, template=sealed.template_id, model=sealed.model_hash
        )
        try:
            plain = unseal_template(sealed.sealed, site_key=secret, identity=identity)
            vector = decode(
                plain,
                template_id=sealed.template_id,
                person_id=sealed.person_id,
                model_hash=sealed.model_hash,
            )
        except (SealError, LedgerCorrupt):
            return None
        if not np.isfinite(vector).all():
            return None
        return Template(sealed.template_id, sealed.person_id, sealed.model_hash, vector.astype(np.float32))

    def _remove_template(self, person_id: PersonId, template_id: TemplateId) -> None:
        """Drop one that a newer one has replaced; one that is not this person's is left alone."""
        if self._store.site.drop_sealed(template_id=template_id):
            self.erased = True
        if template_id in {each for each, _ in self._store.templates.of_person(person_id)}:
            self._store.templates.remove(template_id, actor=OFFICE)
            self.erased = True

    def _remove_templates(self, person_id: PersonId) -> None:
        self._store.parcels.forget(person_id, kinds=[TemplateParcel])
        self._store.site.drop_sealed(person_id=person_id)
        if self._known(person_id):
            self._store.consents.withdraw(person_id, actor=OFFICE)
            self.erased = True

    def _remove_person(self, person_id: PersonId) -> None:
        self._store.parcels.forget(person_id, kinds=[PersonParcel, TemplateParcel])
        templates = self._store.site.drop_sealed(person_id=person_id)
        templates += len(self._store.templates.of_person(person_id))
        if self._known(person_id):
            self._store.people.remove(person_id, actor=OFFICE)
            self.erased = True
        self.removed.append(Removed(person=person_id, templates=templates, backups_until=self._backups_until))

    def _known(self, person_id: PersonId) -> bool:
        return self._store.people.exists(person_id)
