"""The staff's half of the local protocol: typed calls over `staff.sock`, one method an operation.

What an operation does, and what it raises, docs/local-api.md says; errors are the daemon's own. The screen and
the courier have asynchronous halves of their own (`edge.kiosk.screen.edge_link`, `sync.edge_socket`).
"""

import hashlib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

from pydantic import TypeAdapter

from edge.api.connection import Connection
from edge.api.problems import to_error
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
from edge.api.protocol.device import DeviceTest, DeviceTestQuery, RestartAsked, RetirementAsked, RetirementView
from edge.api.protocol.enrolment import (
    CameraEnrolment,
    Enrolled,
    EnrolmentFailed,
    EnrolmentLine,
    EnrolmentProgress,
    PhotoEnrolment,
)
from edge.api.protocol.exchange import (
    COPY_SHA256_HEADER,
    MAX_PHOTO_BYTES,
    Heartbeat,
    Role,
)
from edge.api.protocol.keys import KeysVerified, KeysView, RotationAsked, RotationView
from edge.api.protocol.ledger import AuditList, AuditQuery, AuditVerified, LedgerVerified
from edge.api.protocol.people import (
    ConsentGiven,
    EnabledSet,
    PeopleList,
    PeopleQuery,
    PersonProfile,
    PersonView,
    Removed,
)
from edge.api.protocol.privacy import (
    Dossier,
    DossierAsked,
    PersonEvent,
    PersonEventList,
    PersonEventQuery,
    ProcessingView,
    RetentionAsked,
    RetentionDone,
)
from edge.api.protocol.punches import PunchList, PunchQuery, PunchView
from edge.api.protocol.staff import SessionAsked, SessionView
from edge.api.protocol.stage import AnnouncementLine, SceneLine, StageLine, VerdictLine
from edge.api.protocol.status import Status
from edge.errors import ApiError

_ENROLMENT: TypeAdapter[EnrolmentLine] = TypeAdapter(EnrolmentLine)
_STAGE: TypeAdapter[StageLine] = TypeAdapter(StageLine)


class EdgeClient(Connection):
    """What staff ask of the daemon. Use as a context manager.

    Args:
        run: Folder of the sockets (`paths.run`).
        timeout_s: How long an answer may take; inference on a slow board takes seconds.
    """

    def __init__(self, run: Path, *, timeout_s: float = 60.0) -> None:
        super().__init__(run, role=Role.STAFF, timeout_s=timeout_s)

    # --- people and records -------------------------------------------------------------------------------

    def status(self) -> Status:
        """How the daemon is."""
        return self.ask("GET", "/status", Status)

    def people(self, query: PeopleQuery | None = None) -> PeopleList:
        """One page of people."""
        return self.ask("GET", "/people", PeopleList, query=query or PeopleQuery())

    def everyone(self) -> Iterator[PersonView]:
        """All people, page by page."""
        page = self.people()
        yield from page.people
        while page.next_after is not None:
            page = self.people(PeopleQuery(after=page.next_after))
            yield from page.people

    def person(self, person_id: str) -> PersonView:
        """One person, or `PersonUnknown`."""
        return self.ask("GET", f"/people/{person_id}", PersonView)

    def add_person(self, profile: PersonProfile) -> PersonView:
        """Add a person without a face."""
        return self.ask("POST", "/people", PersonView, body=profile)

    def set_enabled(self, person_id: str, *, enabled: bool) -> PersonView:
        """Disable or enable a person."""
        return self.ask("PUT", f"/people/{person_id}/enabled", PersonView, body=EnabledSet(enabled=enabled))

    def remove_person(self, person_id: str) -> Removed:
        """Erase a person and their templates."""
        return self.ask("DELETE", f"/people/{person_id}", Removed)

    def record_consent(self, person_id: str, consent: ConsentGiven) -> PersonView:
        """Record a consent; who took it is this process's account."""
        return self.ask("POST", f"/people/{person_id}/consent", PersonView, body=consent)

    def withdraw_consent(self, person_id: str) -> Removed:
        """Withdraw a consent: templates are erased, the person stays."""
        return self.ask("DELETE", f"/people/{person_id}/consent", Removed)

    def enrol_photo(self, request: PhotoEnrolment, photo: bytes) -> Enrolled:
        """Enrol from one picture. Raises the daemon's `EnrolmentError`s."""
        if len(photo) > MAX_PHOTO_BYTES:
            raise ApiError(f"the picture is larger than {MAX_PHOTO_BYTES // 2**20} MiB")
        parts = {
            "request": (None, request.model_dump_json().encode(), "application/json"),
            "photo": ("photo", photo, "application/octet-stream"),
        }
        return self.ask_in_parts("/enrolments/photo", parts, Enrolled)

    def enrol_camera(self, request: CameraEnrolment) -> Generator[EnrolmentProgress | Enrolled, None, None]:
        """Enrol from the live camera: progress, then what was stored. Closing it ends the enrolment."""
        for line in self.lines("POST", "/enrolments/camera", _ENROLMENT, body=request):
            if isinstance(line, EnrolmentFailed):
                raise to_error(line.problem)
            if not isinstance(line, Heartbeat):
                yield line

    def punches(self, query: PunchQuery | None = None) -> PunchList:
        """One page of attendance records, oldest first."""
        return self.ask("GET", "/punches", PunchList, query=query or PunchQuery())

    def all_punches(self, query: PunchQuery | None = None) -> Iterator[PunchView]:
        """Every attendance record that a query fits, page by page."""
        asked = query or PunchQuery()
        page = self.punches(asked)
        yield from page.punches
        while page.next_after is not None:
            page = self.punches(asked.model_copy(update={"after": page.next_after}))
            yield from page.punches

    def audit(self, query: AuditQuery | None = None) -> AuditList:
        """One page of the audit trail."""
        return self.ask("GET", "/audit", AuditList, query=query or AuditQuery())

    def verify_audit(self, *, timeout_s: float = 600.0) -> AuditVerified:
        """Read the whole audit trail; a fault is `LedgerCorrupt`."""
        return self.ask("GET", "/audit/verification", AuditVerified, timeout_s=timeout_s)

    def verify_ledger(self, *, timeout_s: float = 600.0) -> LedgerVerified:
        """Check the whole ledger; a fault is `LedgerCorrupt`."""
        return self.ask("POST", "/verify-ledger", LedgerVerified, timeout_s=timeout_s)

    def scenes(self) -> Generator[SceneLine | VerdictLine | AnnouncementLine | Heartbeat, None, None]:
        """What the camera sees and what is said, as it happens (role staff)."""
        yield from self.lines("GET", "/scenes", _STAGE)

    def test_device(self) -> DeviceTest:
        """Record an event that only tries the way to the office."""
        return self.ask("POST", "/device-tests", DeviceTest)

    def tested(self, query: DeviceTestQuery) -> DeviceTest:
        """Whether the office has committed that event."""
        return self.ask("GET", "/device-tests", DeviceTest, query=query)

    def retirement(self) -> RetirementView:
        """Whether this device has gone out of use, and how much the office still lacks."""
        return self.ask("GET", "/retirement", RetirementView)

    def retire(self, asked: RetirementAsked) -> RetirementView:
        """Take this device out of use: its last event says so, and nobody is recorded any more."""
        return self.ask("POST", "/retirement", RetirementView, body=asked)

    # --- who asks -----------------------------------------------------------------------------------------

    def whoami(self) -> SessionView:
        """Who we are to the daemon, and for how long we have a session."""
        return self.ask("GET", "/session", SessionView)

    def login(self, asked: SessionAsked) -> SessionView:
        """Begin a session with the device's name. Raises `SessionRefused`."""
        return self.ask("POST", "/session", SessionView, body=asked)

    def logout(self) -> SessionView:
        """End our session."""
        return self.ask("DELETE", "/session", SessionView)

    # --- keys and copies ----------------------------------------------------------------------------------

    def keys(self) -> KeysView:
        """The storage keys and their use."""
        return self.ask("GET", "/keys", KeysView)

    def rotation(self) -> RotationView:
        """How far a rotation is."""
        return self.ask("GET", "/keys/rotation", RotationView)

    def rotate(self, asked: RotationAsked) -> RotationView:
        """Begin, go on with or pause a rotation."""
        return self.ask("POST", "/keys/rotation", RotationView, body=asked)

    def verify_keys(self, *, timeout_s: float = 1800.0) -> KeysVerified:
        """Have everything opened with the writing keys alone."""
        return self.ask("POST", "/keys/verification", KeysVerified, timeout_s=timeout_s)

    def forget_old_keys(self) -> RotationView:
        """Have the daemon let go of its old keys."""
        return self.ask("DELETE", "/keys/old", RotationView, timeout_s=600.0)

    def restart(self) -> RestartAsked:
        """Have the daemon end when nobody stands in front of it."""
        return self.ask("POST", "/restart", RestartAsked)

    def copy_ledger(self, write: Callable[[bytes], object], *, timeout_s: float = 1800.0) -> str:
        """Receive a consistent copy of the ledger, piece by piece.

        Returns:
            Its SHA-256, as the daemon says and as it arrived.

        Raises:
            ApiError: It arrived altered or cut.
        """
        digest = hashlib.sha256()
        with self.receiving("GET", "/ledger-copy", timeout_s=timeout_s) as response:
            for piece in response.iter_raw():
                digest.update(piece)
                write(piece)
        if digest.hexdigest() != response.headers.get(COPY_SHA256_HEADER):
            raise ApiError("the ledger's copy arrived altered or cut", where=str(self.path))
        return digest.hexdigest()

    # --- ways in without a face ---------------------------------------------------------------------------

    def issue_badge(self, asked: BadgeAsked) -> BadgeIssued:
        """Give a person a badge; its text is in the answer alone."""
        return self.ask("POST", "/badges", BadgeIssued, body=asked)

    def badge_text(self, badge_id: str) -> BadgeIssued:
        """What a badge says, to print it again."""
        return self.ask("GET", f"/badges/{badge_id}", BadgeIssued)

    def badges(self, query: BadgeQuery | None = None) -> BadgeList:
        """Badges that this kiosk gave out."""
        return self.ask("GET", "/badges", BadgeList, query=query or BadgeQuery())

    def revoke_badge(self, badge_id: str) -> BadgeView:
        """Let a badge count no more."""
        return self.ask("DELETE", f"/badges/{badge_id}", BadgeView)

    def ways_of(self, person_id: str) -> WaysView:
        """How a person comes in without a face."""
        return self.ask("GET", f"/people/{person_id}/ways", WaysView)

    def set_pin(self, person_id: str, asked: PinSet) -> WaysView:
        """Give a person a PIN, or take it away."""
        return self.ask("PUT", f"/people/{person_id}/pin", WaysView, body=asked)

    def set_way(self, person_id: str, asked: WaySet) -> WaysView:
        """Give a person a way in of their own, or the site's again."""
        return self.ask("PUT", f"/people/{person_id}/way", WaysView, body=asked)

    def set_card(self, person_id: str, asked: CardSet) -> WaysView:
        """Give a person a card, or take all away."""
        return self.ask("PUT", f"/people/{person_id}/card", WaysView, body=asked)

    def new_code(self, person_id: str) -> CodeSecret:
        """A secret for a person's authenticator app; an earlier one counts no more."""
        return self.ask("POST", f"/people/{person_id}/code", CodeSecret)

    # --- privacy ------------------------------------------------------------------------------------------

    def retention(self, asked: RetentionAsked, *, timeout_s: float = 3600.0) -> RetentionDone:
        """Have what is over removed, or only counted."""
        return self.ask("POST", "/retention", RetentionDone, body=asked, timeout_s=timeout_s)

    def dossier(self, person_id: str, asked: DossierAsked) -> Dossier:
        """All that is held on a person."""
        return self.ask("POST", f"/people/{person_id}/dossier", Dossier, body=asked)

    def events_of(self, person_id: str) -> Iterator[PersonEvent]:
        """Every event about a person, page by page."""
        query: PersonEventQuery | None = PersonEventQuery()
        while query is not None:
            page = self.ask("GET", f"/people/{person_id}/events", PersonEventList, query=query)
            yield from page.events
            query = None if page.next_after is None else PersonEventQuery(after=page.next_after)

    def processing(self) -> ProcessingView:
        """What is processed here, in numbers."""
        return self.ask("GET", "/processing", ProcessingView)
