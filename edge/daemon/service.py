"""What the local API does, operation by operation: each goes to the desk that knows how.

Trust boundary: requests are validated by the protocol and authorised by their socket; the desks still let
nothing happen without its entry in the audit trail.
"""

from collections.abc import Callable, Generator
from typing import Literal

from clockface.scrubbing import Trace
from edge.api.protocol.courier import (
    CertificateAsked,
    Delivery,
    DeliveryTaken,
    EnvelopeBatch,
    EnvelopeQuery,
    LinkNoted,
    LinkTold,
    ParcelBatch,
    ParcelMade,
    ParcelQuery,
    TelemetryView,
)
from edge.api.protocol.crashes import CrashNoted, CrashTold
from edge.api.protocol.device import DeviceTest, DeviceTestQuery, RetirementAsked, RetirementView
from edge.api.protocol.enrolment import CameraEnrolment, Enrolled, EnrolmentProgress, PhotoEnrolment
from edge.api.protocol.intents import IntentChosen, IntentTaken
from edge.api.protocol.ledger import AuditList, AuditQuery, AuditVerified, LedgerVerified
from edge.api.protocol.people import ConsentGiven, PeopleList, PeopleQuery, PersonProfile, PersonView, Removed
from edge.api.protocol.punches import PunchList, PunchQuery
from edge.api.protocol.status import Status
from edge.api.service import Peer
from edge.config.tree import Config
from edge.daemon.condition import Condition, FaceParts
from edge.daemon.counter import Counter
from edge.daemon.courier_link import CourierLink
from edge.daemon.crashes import Crashes
from edge.daemon.enrolment import Enroller
from edge.daemon.enrolment_desk import EnrolmentDesk
from edge.daemon.intents import Intents, offered
from edge.daemon.link import SiteLink
from edge.daemon.moving import Mover
from edge.daemon.office import OfficeDesk
from edge.daemon.people_desk import PeopleDesk
from edge.daemon.records_desk import RecordsDesk
from edge.daemon.tally import Tally
from edge.daemon.tap import FrameTap
from edge.daemon.telemetry import Telemetrist
from edge.errors import PersonUnknown
from edge.ports import Camera, Clock
from edge.signals.signals import SignalHealth
from edge.store.store import Store
from edge.types.identity import PersonId


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
        crashes: Takes what crashed beside the daemon.
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
        crashes: Crashes,
        signals: Callable[[], tuple[SignalHealth, ...]] = tuple,
    ) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._face_path = face_path
        self._intents = intents
        self._link = link
        self._crashes = crashes
        self.without_face = counter.service
        self._people = PeopleDesk(
            consent_text_version=config.enrolment.consent_text_version,
            store=store,
            clock=clock,
            face_path=face_path,
            link=link,
        )
        self._enrolment = EnrolmentDesk(
            enroller=None if face_path is None else self._make_enroller(face_path),
            fault=fault,
            clock=clock,
            camera=camera,
            tap=tap,
            people=self._people,
        )
        self._records = RecordsDesk(device=config.device.name, store=store, reload=link.bulletin.reload)
        way = CourierLink(clock)
        self._condition = Condition(
            config=config,
            store=store,
            clock=clock,
            face_path=face_path,
            fault=fault,
            camera=camera,
            link=way,
            site_key=None if link.site_keys is None else link.site_keys.sealing.key_id,
            signals=signals,
            ways=counter.desk.ways,
        )
        self.tally = Tally()
        telemetrist = Telemetrist(store=store, clock=clock, status=self._condition.status, tally=self.tally)
        self.office_time = telemetrist.office_time
        self._office = OfficeDesk(
            config=config, store=store, clock=clock, telemetrist=telemetrist, link=way, desks=link.desks
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
            lock=self._link.lock,
        )

    def _make_enroller(self, face_path: FaceParts) -> Enroller:
        return Enroller(
            store=self._store,
            models=face_path.models,
            recogniser=face_path.recogniser,
            clock=self._clock,
            config=self._config.enrolment,
            quality=self._config.quality,
            lock=self._link.lock,
            tell=self._link.sharing.person,
            replaced=self._link.sharing.replaced,
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
        return self._people.people(query)

    def person(self, person_id: str) -> PersonView:
        """Show one person with the consent in force."""
        return self._people.person(person_id)

    def add_person(self, profile: PersonProfile, peer: Peer) -> PersonView:
        """Add a person without a face."""
        return self._people.add_person(profile, peer)

    def set_enabled(self, person_id: str, *, enabled: bool, peer: Peer) -> PersonView:
        """Disable or enable a person; the gallery forgets or learns them at once."""
        return self._people.set_enabled(person_id, enabled=enabled, peer=peer)

    def remove_person(self, person_id: str, peer: Peer) -> Removed:
        """Erase a person; events keep the random id."""
        return self._people.remove_person(person_id, peer)

    def record_consent(self, person_id: str, consent: ConsentGiven, peer: Peer) -> PersonView:
        """Record a consent."""
        return self._people.record_consent(person_id, consent, peer)

    def withdraw_consent(self, person_id: str, peer: Peer) -> Removed:
        """Record a withdrawal and erase the templates; the person stays, with badge and PIN."""
        return self._people.withdraw_consent(person_id, peer)

    # --- enrolment ----------------------------------------------------------------------------------------

    def enrol_photo(self, request: PhotoEnrolment, photo: bytes, peer: Peer) -> Enrolled:
        """Enrol from one picture."""
        return self._enrolment.enrol_photo(request, photo, peer)

    def enrol_camera(
        self, request: CameraEnrolment, peer: Peer
    ) -> Generator[EnrolmentProgress | Enrolled, None, None]:
        """Enrol from the live camera."""
        return self._enrolment.enrol_camera(request, peer)

    # --- the screen ---------------------------------------------------------------------------------------

    def choose(self, choice: IntentChosen) -> IntentTaken:
        """Take a choice if this kiosk offers it; the loop's thread makes a record of it."""
        taken = self._intents.choose(offered(choice, self._config.attendance))
        return IntentTaken(goes_to=taken.value)

    # --- the ledger ---------------------------------------------------------------------------------------

    def punches(self, query: PunchQuery) -> PunchList:
        """List attendance records, oldest first, with names where the person is still known."""
        return self._records.punches(query)

    def audit(self, query: AuditQuery) -> AuditList:
        """List the audit trail, oldest first."""
        return self._records.audit(query)

    def verify_audit(self) -> AuditVerified:
        """Read the whole audit trail."""
        return self._records.verify_audit()

    def verify_ledger(self) -> LedgerVerified:
        """Check everything in the ledger while the kiosk goes on."""
        return self._records.verify_ledger()

    def test_device(self, peer: Peer) -> DeviceTest:
        """Record an event that only tries the way to the office."""
        return self._records.test_device(peer)

    def tested(self, query: DeviceTestQuery) -> DeviceTest:
        """Whether the office has committed that event."""
        return self._records.tested(query)

    def retirement(self) -> RetirementView:
        """Whether the device has gone out of use, and how much the office still lacks."""
        return self._records.retirement()

    def retire(self, asked: RetirementAsked, peer: Peer) -> RetirementView:
        """Say with the last event that nothing follows; from then on nobody is recorded."""
        return self._records.retire(asked, peer)

    # --- the courier --------------------------------------------------------------------------------------

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

    def note_crash(self, told: CrashTold, process: Literal["screen", "command"]) -> CrashNoted:
        """Report a crash of a process beside the daemon with its own."""
        self._crashes.take(process, Trace(told.error, told.frames))
        return CrashNoted()

    def note_link(self, told: LinkTold) -> LinkNoted:
        """Note how the courier's way to the broker is, for staff to see."""
        return self._office.note_link(told)

    def request_certificate(self, asked: CertificateAsked) -> ParcelMade:
        """Countersign the courier's request for its next TLS certificate."""
        return self._office.request_certificate(asked)
