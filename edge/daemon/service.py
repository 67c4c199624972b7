"""What the local API does, operation by operation: first the ledger, then the gallery, then the loop's memory.

Trust boundary: requests are validated by the protocol and authorised by their socket; this module still lets
nothing happen without its entry in the audit trail. Names and numbers go back to the asker and nowhere else.
"""

import contextlib
import time
from collections.abc import Callable, Generator
from datetime import date

from edge.api.protocol.courier import (
    CertificateAsked,
    Delivery,
    DeliveryTaken,
    EnvelopeBatch,
    EnvelopeQuery,
    ParcelBatch,
    ParcelMade,
    ParcelQuery,
    TelemetryView,
)
from edge.api.protocol.device import DeviceTest, DeviceTestQuery, RetirementAsked, RetirementView
from edge.api.protocol.enrolment import CameraEnrolment, Enrolled, EnrolmentProgress, PhotoEnrolment, Subject
from edge.api.protocol.intents import IntentChosen, IntentTaken
from edge.api.protocol.ledger import AuditList, AuditQuery, AuditVerified, AuditView, LedgerVerified
from edge.api.protocol.people import ConsentGiven, PeopleList, PeopleQuery, PersonProfile, PersonView, Removed
from edge.api.protocol.punches import PunchList, PunchQuery
from edge.api.protocol.status import Status
from edge.api.service import Peer
from edge.api.views import consent_view, profile_view, punch_view, to_profile
from edge.config.tree import Config
from edge.daemon.camera_enrolment import CameraEnrolment as EnrolmentSession
from edge.daemon.camera_enrolment import Progress
from edge.daemon.condition import Condition, FaceParts
from edge.daemon.counter import Counter
from edge.daemon.enrolment import Applicant, Enroller, Enrolment
from edge.daemon.intents import Intents, offered
from edge.daemon.link import SiteLink
from edge.daemon.moving import Mover
from edge.daemon.office import OfficeDesk
from edge.daemon.tally import Tally
from edge.daemon.tap import FrameTap
from edge.daemon.telemetry import Telemetrist
from edge.errors import ModelError, NotPermitted, PersonUnknown
from edge.inference.photographs import decode
from edge.ports import Camera, Clock
from edge.signals.signals import SignalHealth
from edge.store.store import Store
from edge.types.identity import EpochId, PersonId
from edge.types.people import Consent, Person
from edge.types.punches import EventId, RecordedPunch


class DaemonService:
    """The `EdgeService` of the running daemon. Safe from several threads.

    Args:
        config: The configuration.
        store: The ledger.
        clock: Source of time.
        face_path: Models and pipeline; None while the face path is out of service.
        fault: Why it is out of service; None while it is well.
        camera: For its health.
        tap: Lends frames to enrolment.
        intents: What people choose on the screen.
        link: The tie to the site: its lock is held while ledger and gallery change together.
        counter: Badges and PINs.
        signals: How light, buzzer, door and sound are.
    """

    def __init__(  # noqa: PLR0913 - its seams, each named
        self,
        *,
        config: Config,
        store: Store,
        clock: Clock,
        face_path: FaceParts | None,
        fault: str | None,
        camera: Camera,
        tap: FrameTap,
        intents: Intents,
        link: SiteLink,
        counter: Counter,
        signals: Callable[[], tuple[SignalHealth, ...]] = tuple,
    ) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._face_path = face_path
        self._fault = fault
        self._camera = camera
        self._tap = tap
        self._intents = intents
        self._link = link
        self._lock = link.lock
        self.without_face = counter.service
        self._sharing = link.sharing
        self._reload = link.bulletin.reload
        self._enroller = None if face_path is None else self._make_enroller(face_path)
        self._condition = Condition(
            config=config,
            store=store,
            clock=clock,
            face_path=face_path,
            fault=fault,
            camera=camera,
            site_key=None if link.site_keys is None else link.site_keys.sealing.key_id,
            signals=signals,
            ways=counter.desk.ways,
        )
        self.tally = Tally()
        telemetrist = Telemetrist(store=store, clock=clock, status=self._condition.status, tally=self.tally)
        self.office_time = telemetrist.office_time
        self._office = OfficeDesk(
            config=config, store=store, clock=clock, telemetrist=telemetrist, desks=link.desks
        )

    @property
    def mover(self) -> Mover | None:
        """Moves people over to the current chain; None where there is no previous one."""
        if self._face_path is None or len(self._face_path.recogniser.galleries) < 2:
            return None
        return Mover(
            store=self._store,
            recogniser=self._face_path.recogniser,
            consent_text_version=self._config.enrolment.consent_text_version,
            lock=self._lock,
        )

    def _make_enroller(self, face_path: FaceParts) -> Enroller:
        return Enroller(
            store=self._store,
            models=face_path.models,
            recogniser=face_path.recogniser,
            clock=self._clock,
            config=self._config.enrolment,
            quality=self._config.quality,
            lock=self._lock,
            tell=self._sharing.person,
            replaced=self._sharing.replaced,
        )

    def status(self) -> Status:
        """How the daemon is; no personal data."""
        return self._condition.status()

    def greeting(self, person_id: PersonId) -> str | None:
        """How the screen may greet a person: as they chose, or not by name."""
        try:
            return self._store.people.get(person_id).profile.greeting or None
        except PersonUnknown:
            return None

    def language(self, person_id: PersonId) -> str:
        """In which language the screen speaks to a person; empty for the device's."""
        try:
            return self._store.people.get(person_id).profile.language
        except PersonUnknown:
            return ""

    # --- people -------------------------------------------------------------------------------------------

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
            self._store.consents.record(subject, self._consent(consent, peer), actor=peer.account)
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

    # --- enrolment ----------------------------------------------------------------------------------------

    def enrol_photo(self, request: PhotoEnrolment, photo: bytes, peer: Peer) -> Enrolled:
        """Enrol from one picture."""
        enroller, applicant = self._ready(), self._applicant(request, peer)
        enroller.admit(applicant)
        sighting = enroller.look(decode(photo), largest=request.face == "largest")
        if applicant.person_id is not None and not applicant.replace:
            enroller.refuse_same_picture(applicant.person_id, sighting)
        return self._enrolled(enroller.enrol(applicant, [sighting]))

    def enrol_camera(
        self, request: CameraEnrolment, peer: Peer
    ) -> Generator[EnrolmentProgress | Enrolled, None, None]:
        """Enrol from the live camera."""
        session = EnrolmentSession(
            enroller=self._ready(),
            tap=self._tap,
            health=self._camera.health,
            now_s=lambda: self._clock.now().boottime_s,
        )
        steps = session.run(
            self._applicant(request, peer), frames=request.frames, time_limit_s=request.time_limit_s
        )
        with contextlib.closing(steps):
            for step in steps:
                if isinstance(step, Progress):
                    yield EnrolmentProgress.model_validate(
                        {
                            "taken": step.taken,
                            "wanted": request.frames,
                            "faces": step.faces,
                            "coaching": step.request,
                        }
                    )
                else:
                    yield self._enrolled(step)

    def _ready(self) -> Enroller:
        if self._enroller is None:
            raise ModelError(
                "the face path is out of service, so nobody can be enrolled by face",
                where=self._fault,
                next_step="clockface doctor",
            )
        return self._enroller

    def _applicant(self, request: Subject, peer: Peer) -> Applicant:
        return Applicant(
            person_id=None if request.person_id is None else PersonId(request.person_id),
            profile=None if request.profile is None else to_profile(request.profile),
            consent=None if request.consent is None else self._consent(request.consent, peer),
            accept_look_alike=request.accept_look_alike,
            replace=request.replace,
            actor=peer.account,
        )

    def _consent(self, consent: ConsentGiven, peer: Peer) -> Consent:
        return Consent(
            text_version=consent.text_version,
            language=consent.language,
            given_at=consent.given_at or self._clock.now().wall,
            how=consent.how,
            taken_by=peer.account,
            proof=consent.proof or "",
        )

    def _enrolled(self, enrolment: Enrolment) -> Enrolled:
        return Enrolled(
            person=self.person(enrolment.person_id),
            created=enrolment.created,
            templates_added=enrolment.added,
            templates_dropped=enrolment.dropped,
            look_alike=enrolment.look_alike,
            unlike_own=enrolment.unlike_own,
        )

    # --- the screen ---------------------------------------------------------------------------------------

    def choose(self, choice: IntentChosen) -> IntentTaken:
        """Take a choice if this kiosk offers it; the loop's thread makes a record of it."""
        taken = self._intents.choose(offered(choice, self._config.attendance))
        return IntentTaken(goes_to=taken.value)

    # --- ledger -------------------------------------------------------------------------------------------

    def punches(self, query: PunchQuery) -> PunchList:
        """List attendance records, oldest first, with names where the person is still known."""
        read = list(
            self._store.events.punches(
                since=query.since,
                until=query.until,
                person_id=None if query.person_id is None else PersonId(query.person_id),
                after=None if query.after is None else _cursor(query.after),
                limit=query.limit + 1,
            )
        )
        page, frontier = read[: query.limit], self._store.frontier.current()
        profiles = self._profiles({recorded.punch.person_id for recorded in page})
        views = tuple(
            punch_view(
                recorded,
                profile=profiles.get(recorded.punch.person_id),
                delivered=_delivered(recorded, frontier),
            )
            for recorded in page
        )
        more = len(read) > query.limit
        return PunchList(punches=views, next_after=f"{views[-1].epoch}:{views[-1].seq}" if more else None)

    def _profiles(self, people: set[PersonId]) -> dict[PersonId, PersonProfile]:
        found = {}
        for person_id in people:
            with contextlib.suppress(PersonUnknown):
                found[person_id] = profile_view(self._store.people.get(person_id).profile)
        return found

    def audit(self, query: AuditQuery) -> AuditList:
        """List the audit trail, oldest first."""
        entries = tuple(
            AuditView(
                seq=each.seq,
                at=each.at,
                actor=each.actor,
                action=each.action,
                subject=each.subject,
                detail=each.detail,
                hash=each.hash,
            )
            for each in self._store.audit.list(after=query.after, limit=query.limit)
        )
        return AuditList(entries=entries, next_after=entries[-1].seq if len(entries) == query.limit else None)

    def verify_audit(self) -> AuditVerified:
        """Read the whole audit trail."""
        entries, head = 0, None
        for entry in self._store.audit.list():
            entries, head = entries + 1, f"{entry.seq}:{entry.hash}"
        return AuditVerified(entries=entries, head=head, handed_in=self._store.audit.handed_in())

    def verify_ledger(self) -> LedgerVerified:
        """Check everything in the ledger while the kiosk goes on."""
        began_s = time.monotonic()
        found = self._store.verify()
        return LedgerVerified(
            events=found.events,
            epochs=found.epochs,
            audit_entries=found.audit_entries,
            people=found.people,
            templates=found.templates,
            problems=tuple(problem[:500] for problem in found.problems),
            took_s=time.monotonic() - began_s,
        )

    def test_device(self, peer: Peer) -> DeviceTest:
        """Record an event that only tries the way to the office."""
        event = self._store.events.test(actor=peer.account)
        return self._tested(event.epoch, event.seq)

    def tested(self, query: DeviceTestQuery) -> DeviceTest:
        """Whether the office has committed that event."""
        return self._tested(EpochId(query.epoch), query.seq)

    def retirement(self) -> RetirementView:
        """Whether the device has gone out of use, and how much the office still lacks."""
        head = self._store.events.head()
        return RetirementView(
            retired=self._store.events.retired(),
            epoch=head.epoch,
            seq=head.seq,
            confirmed=self._tested(head.epoch, head.seq).confirmed,
            events_pending=self._store.frontier.pending_count(),
            parcels_pending=self._store.parcels.count(),
        )

    def retire(self, asked: RetirementAsked, peer: Peer) -> RetirementView:
        """Say with the last event that nothing follows; from then on nobody is recorded."""
        if asked.confirm != self._config.device.name:
            raise NotPermitted(
                "the device is not retired: another name was typed than this device's",
                where=self._config.device.name,
                next_step="clockface provision retire, and type the name of this device",
            )
        if not self._store.events.retired():
            self._store.events.retire(asked.reason, actor=peer.account)
        self._reload()
        return self.retirement()

    def _tested(self, epoch: EpochId, seq: int) -> DeviceTest:
        frontier = self._store.frontier.current()
        confirmed = frontier is not None and (_ordinal(epoch), seq) <= _order(frontier)
        return DeviceTest(
            epoch=epoch,
            seq=seq,
            frontier_epoch=None if frontier is None else frontier.epoch,
            frontier_seq=0 if frontier is None else frontier.seq,
            confirmed=confirmed,
        )

    def envelopes(self, query: EnvelopeQuery) -> EnvelopeBatch:
        """Signed events after a point."""
        return self._office.envelopes(query)

    def deliver(self, delivery: Delivery) -> DeliveryTaken:
        """Take a document that came from the office."""
        return self._office.deliver(delivery)

    def parcels(self, query: ParcelQuery) -> ParcelBatch:
        """Signed parcels that the office has not received."""
        return self._office.parcels(query)

    def telemetry(self) -> TelemetryView:
        """The device's condition, signed."""
        return self._office.telemetry()

    def request_certificate(self, asked: CertificateAsked) -> ParcelMade:
        """Countersign the courier's request for its next TLS certificate."""
        return self._office.request_certificate(asked)

    def _view(self, person: Person, consent: Consent | None = None) -> PersonView:
        return PersonView(
            person_id=person.person_id,
            profile=profile_view(person.profile),
            enabled=person.enabled,
            enrolled_at=person.enrolled_at,
            consented=person.consented,
            consent_outdated=self._store.consents.outdated(
                person.person_id, self._config.enrolment.consent_text_version
            ),
            consent=None if consent is None else consent_view(consent),
            templates={str(chain): count for chain, count in person.templates.items()},
        )


def _cursor(text: str) -> tuple[EpochId, int]:
    epoch, _, seq = text.rpartition(":")
    return EpochId(epoch), int(seq)


def _delivered(recorded: RecordedPunch, frontier: EventId | None) -> bool:
    if frontier is None:
        return False
    return _order(recorded.id) <= _order(frontier)


def _order(event: EventId) -> tuple[int, int]:
    return _ordinal(event.epoch), event.seq


def _ordinal(epoch: EpochId) -> int:
    return int(epoch.partition("-")[0])
