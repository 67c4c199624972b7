"""What the local API can ask of the daemon: typed operations, so that the server knows no store and no model.

`edge.daemon.service.DaemonService` is the one that runs; tests of the server bring a small working one. Every
operation may block and may be called from several threads; errors are `ClockfaceError`s and travel as they are.
"""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from edge.api.protocol.badges import (
    BadgeAsked,
    BadgeIssued,
    BadgeList,
    BadgeQuery,
    BadgeView,
    CardSet,
    CodeSecret,
    PinSet,
    WaySet,
    WaysView,
)
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
from edge.api.protocol.device import DeviceTest, DeviceTestQuery, RestartAsked, RetirementAsked, RetirementView
from edge.api.protocol.enrolment import CameraEnrolment, Enrolled, EnrolmentProgress, PhotoEnrolment
from edge.api.protocol.exchange import Role
from edge.api.protocol.intents import (
    CorrectionAsked,
    CorrectionTaken,
    Disavowal,
    DisavowalTaken,
    IntentChosen,
    IntentTaken,
    PinEntered,
    PinTaken,
    PromptGone,
    PromptHeld,
)
from edge.api.protocol.keys import KeysVerified, KeysView, RotationAsked, RotationView
from edge.api.protocol.ledger import AuditList, AuditQuery, AuditVerified, LedgerVerified
from edge.api.protocol.people import ConsentGiven, PeopleList, PeopleQuery, PersonProfile, PersonView, Removed
from edge.api.protocol.privacy import (
    Dossier,
    DossierAsked,
    PersonEventList,
    PersonEventQuery,
    ProcessingView,
    RetentionAsked,
    RetentionDone,
)
from edge.api.protocol.punches import PunchList, PunchQuery
from edge.api.protocol.status import Status


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is on the other end, as the kernel says (SO_PEERCRED); goes into the audit trail.

    Args:
        role: The socket that they came through.
        uid: Their user id; may be the overflow id from another user namespace.
        pid: Their process, 0 if it is in another namespace.
        account: The account's name, or "uid:1234" where it has none.
    """

    role: Role
    uid: int
    pid: int
    account: str


class WithoutFaceService(Protocol):
    """Operations for people who come without a face."""

    def issue_badge(self, asked: BadgeAsked, peer: Peer) -> BadgeIssued:
        """Give a person a badge."""
        ...

    def badge_text(self, badge_id: str, peer: Peer) -> BadgeIssued:
        """What a badge says, to print it again, or raise `BadgeUnknown`."""
        ...

    def badges(self, query: BadgeQuery) -> BadgeList:
        """List badges."""
        ...

    def revoke_badge(self, badge_id: str, peer: Peer) -> BadgeView:
        """Let a badge count no more, or raise `BadgeUnknown`."""
        ...

    def set_pin(self, person_id: str, asked: PinSet, peer: Peer) -> WaysView:
        """Give a person a PIN or take it away. Raises `PinTooEasy`."""
        ...

    def new_code(self, person_id: str, peer: Peer) -> CodeSecret:
        """Give a person a secret for an authenticator app."""
        ...

    def set_way(self, person_id: str, asked: WaySet, peer: Peer) -> WaysView:
        """Give a person a way in of their own, or the site's again."""
        ...

    def set_card(self, person_id: str, asked: CardSet, peer: Peer) -> WaysView:
        """Give a person a card, or take all away."""
        ...

    def ways_of(self, person_id: str) -> WaysView:
        """How a person comes in without a face."""
        ...

    def enter_pin(self, entered: PinEntered) -> PinTaken:
        """Judge a PIN or code."""
        ...

    def cancel_pin(self, gone: PromptGone) -> PromptGone:
        """Nobody answers this prompt any more."""
        ...

    def hold_pin(self, held: PromptGone) -> PromptHeld:
        """Somebody still types: wait for them."""
        ...

    def disavow(self, said: Disavowal) -> DisavowalTaken:
        """Void a record that its person disowns."""
        ...

    def ask_correction(self, asked: CorrectionAsked) -> CorrectionTaken:
        """Ask the office for a record that is missing. Raises `AttendanceError` for an impossible time."""
        ...


class EdgeService(Protocol):
    """The daemon's operations, in the order of docs/local-api.md."""

    @property
    def without_face(self) -> WithoutFaceService:
        """Badges, PINs, and what people say of their records."""
        ...

    def status(self) -> Status:
        """Say how the daemon is."""
        ...

    def people(self, query: PeopleQuery) -> PeopleList:
        """List people, ordered by id."""
        ...

    def person(self, person_id: str) -> PersonView:
        """Show one person, or raise `PersonUnknown`."""
        ...

    def add_person(self, profile: PersonProfile, peer: Peer) -> PersonView:
        """Add a person without a face: badge and PIN are equal ways in. Raises `NumberTaken`."""
        ...

    def set_enabled(self, person_id: str, *, enabled: bool, peer: Peer) -> PersonView:
        """Disable or enable a person; in the gallery at once."""
        ...

    def remove_person(self, person_id: str, peer: Peer) -> Removed:
        """Erase a person and their templates, in the ledger and in the gallery."""
        ...

    def record_consent(self, person_id: str, consent: ConsentGiven, peer: Peer) -> PersonView:
        """Record that a person has agreed to biometric processing."""
        ...

    def withdraw_consent(self, person_id: str, peer: Peer) -> Removed:
        """Record a withdrawal and erase the person's templates; the person stays."""
        ...

    def enrol_photo(self, request: PhotoEnrolment, photo: bytes, peer: Peer) -> Enrolled:
        """Enrol from one picture (JPEG, PNG or WebP). Raises the `EnrolmentError`s."""
        ...

    def enrol_camera(
        self, request: CameraEnrolment, peer: Peer
    ) -> Generator[EnrolmentProgress | Enrolled, None, None]:
        """Enrol from the live camera: progress at least every second, then what was stored.

        Closing the generator ends it with nothing stored.
        """
        ...

    def choose(self, choice: IntentChosen) -> IntentTaken:
        """Take what a person chose on the screen. Raises `AttendanceError` for what the site does not offer."""
        ...

    def punches(self, query: PunchQuery) -> PunchList:
        """List attendance records, oldest first."""
        ...

    def audit(self, query: AuditQuery) -> AuditList:
        """List the audit trail, oldest first."""
        ...

    def verify_audit(self) -> AuditVerified:
        """Read the whole audit trail; a fault is `LedgerCorrupt`."""
        ...

    def verify_ledger(self) -> LedgerVerified:
        """Check every hash, signature and token; a fault is `LedgerCorrupt`."""
        ...

    def test_device(self, peer: Peer) -> DeviceTest:
        """Record an event that only tries the way to the office."""
        ...

    def tested(self, query: DeviceTestQuery) -> DeviceTest:
        """Whether the office has committed that event."""
        ...

    def retirement(self) -> RetirementView:
        """Whether the device has gone out of use, and how much the office still lacks."""
        ...

    def retire(self, asked: RetirementAsked, peer: Peer) -> RetirementView:
        """Take the device out of use; repeated, it changes nothing. Raises `NotPermitted` for another name."""
        ...

    def envelopes(self, query: EnvelopeQuery) -> EnvelopeBatch:
        """Signed events after a point; does not wait (`wait_s` is the server's business)."""
        ...

    def deliver(self, delivery: Delivery) -> DeliveryTaken:
        """Take a document of the office: verify it, apply it, say what became of it."""
        ...

    def parcels(self, query: ParcelQuery) -> ParcelBatch:
        """Signed parcels that the office has not received; does not wait."""
        ...

    def telemetry(self) -> TelemetryView:
        """The device's condition, signed."""
        ...

    def note_crash(self, told: CrashTold, process: Literal["screen", "command"]) -> CrashNoted:
        """Report a crash of a process beside the daemon with its own."""
        ...

    def note_link(self, told: LinkTold) -> LinkNoted:
        """Note how the courier's way to the broker is, for staff to see."""
        ...

    def request_certificate(self, asked: CertificateAsked) -> ParcelMade:
        """Countersign a request for the next TLS certificate; `ApiError` if it is not this device's."""
        ...


class PrivacyService(Protocol):
    """What the daemon does for the people in its ledger, at staff's request."""

    def retention(self, asked: RetentionAsked, peer: Peer) -> RetentionDone:
        """Remove what is over, or say what would go. `ApiError` while one is under way or time is unknown."""
        ...

    def dossier(self, person_id: str, asked: DossierAsked, peer: Peer) -> Dossier:
        """Hand out all that is held on a person, or raise `PersonUnknown`."""
        ...

    def events_of(self, person_id: str, query: PersonEventQuery) -> PersonEventList:
        """A page of the events about a person, known or removed."""
        ...

    def processing(self) -> ProcessingView:
        """What is processed here, in numbers."""
        ...


class KeyService(Protocol):
    """What the daemon does with its storage keys, for staff."""

    def keys(self) -> KeysView:
        """Say which keys there are, and what each wrote. Never a key."""
        ...

    def rotation(self) -> RotationView:
        """Say how far a rotation is; cheap."""
        ...

    def rotate(self, asked: RotationAsked, peer: Peer) -> RotationView:
        """Begin, go on with or pause the rotation to the keys that write now."""
        ...

    def verify_keys(self, peer: Peer) -> KeysVerified:
        """Open every token with the writing keys alone. Raises `SecretWrong` while one needs an old key."""
        ...

    def forget_old_keys(self, peer: Peer) -> RotationView:
        """Let go of the old keys in memory. Raises `SecretWrong` while a token needs one."""
        ...

    def restart(self, peer: Peer) -> RestartAsked:
        """End the daemon as soon as nobody stands in front of it."""
        ...

    def copy_ledger(self, peer: Peer) -> Path:
        """Make a consistent copy of the ledger, mode 0600, which the caller removes."""
        ...
