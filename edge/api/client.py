"""The client's half of the local protocol: typed calls, and errors that are the daemon's own.

Trust boundary: the daemon's answers are validated too, and lines of a stream are bounded. A daemon that is not
there, is not ours to use, or speaks another version is each its own error with the next command to type.
"""

import contextlib
import grp
import hashlib
import socket
import ssl
import stat
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

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
    MAX_LINE_BYTES,
    MAX_PHOTO_BYTES,
    PREFIX,
    PROTOCOL_HEADER,
    PROTOCOL_VERSION,
    Heartbeat,
    Message,
    Problem,
    Role,
)
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
from edge.errors import ApiError, EdgeUnreachable, NotPermitted, ProtocolMismatch

M = TypeVar("M", bound=Message)
T = TypeVar("T")

STREAM_SILENCE_S = 20.0  # four heartbeats
# Nothing here is TLS, but httpx reads all of the system's certificates first: 0.02 s of every command.
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_ENROLMENT: TypeAdapter[EnrolmentLine] = TypeAdapter(EnrolmentLine)
_STAGE: TypeAdapter[StageLine] = TypeAdapter(StageLine)


class EdgeClient:
    """A connection to the daemon's socket of one role. Use as a context manager.

    Args:
        run: Folder of the sockets (`paths.run`).
        role: Which socket.
        timeout_s: How long an answer may take; inference on a slow board takes seconds.
    """

    def __init__(self, run: Path, *, role: Role = Role.STAFF, timeout_s: float = 60.0) -> None:
        self.path = run / role.socket_name
        self._reached = False
        self._http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(self.path), verify=_NO_CERTIFICATES),
            base_url="http://edge",
            timeout=timeout_s,
            headers={PROTOCOL_HEADER: str(PROTOCOL_VERSION)},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    # --- operations ---------------------------------------------------------------------------------------

    def status(self) -> Status:
        """How the daemon is."""
        return self._ask("GET", "/status", Status)

    def people(self, query: PeopleQuery | None = None) -> PeopleList:
        """One page of people."""
        return self._ask("GET", "/people", PeopleList, query=query or PeopleQuery())

    def everyone(self) -> Iterator[PersonView]:
        """All people, page by page."""
        page = self.people()
        yield from page.people
        while page.next_after is not None:
            page = self.people(PeopleQuery(after=page.next_after))
            yield from page.people

    def person(self, person_id: str) -> PersonView:
        """One person, or `PersonUnknown`."""
        return self._ask("GET", f"/people/{person_id}", PersonView)

    def add_person(self, profile: PersonProfile) -> PersonView:
        """Add a person without a face."""
        return self._ask("POST", "/people", PersonView, body=profile)

    def set_enabled(self, person_id: str, *, enabled: bool) -> PersonView:
        """Disable or enable a person."""
        return self._ask("PUT", f"/people/{person_id}/enabled", PersonView, body=EnabledSet(enabled=enabled))

    def remove_person(self, person_id: str) -> Removed:
        """Erase a person and their templates."""
        return self._ask("DELETE", f"/people/{person_id}", Removed)

    def record_consent(self, person_id: str, consent: ConsentGiven) -> PersonView:
        """Record a consent; who took it is this process's account."""
        return self._ask("POST", f"/people/{person_id}/consent", PersonView, body=consent)

    def withdraw_consent(self, person_id: str) -> Removed:
        """Withdraw a consent: templates are erased, the person stays."""
        return self._ask("DELETE", f"/people/{person_id}/consent", Removed)

    def enrol_photo(self, request: PhotoEnrolment, photo: bytes) -> Enrolled:
        """Enrol from one picture. Raises the daemon's `EnrolmentError`s."""
        if len(photo) > MAX_PHOTO_BYTES:
            raise ApiError(f"the picture is larger than {MAX_PHOTO_BYTES // 2**20} MiB")
        parts = {
            "request": (None, request.model_dump_json().encode(), "application/json"),
            "photo": ("photo", photo, "application/octet-stream"),
        }
        with self._mapped():
            response = self._http.post(f"{PREFIX}/enrolments/photo", files=parts)
        return self._read(response, Enrolled)

    def enrol_camera(self, request: CameraEnrolment) -> Generator[EnrolmentProgress | Enrolled, None, None]:
        """Enrol from the live camera: progress, then what was stored. Closing it ends the enrolment."""
        for line in self._lines("POST", "/enrolments/camera", _ENROLMENT, body=request):
            if isinstance(line, EnrolmentFailed):
                raise to_error(line.problem)
            if not isinstance(line, Heartbeat):
                yield line

    def punches(self, query: PunchQuery | None = None) -> PunchList:
        """One page of attendance records, oldest first."""
        return self._ask("GET", "/punches", PunchList, query=query or PunchQuery())

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
        return self._ask("GET", "/audit", AuditList, query=query or AuditQuery())

    def verify_audit(self, *, timeout_s: float = 600.0) -> AuditVerified:
        """Read the whole audit trail; a fault is `LedgerCorrupt`."""
        return self._ask("GET", "/audit/verification", AuditVerified, timeout_s=timeout_s)

    def verify_ledger(self, *, timeout_s: float = 600.0) -> LedgerVerified:
        """Check the whole ledger; a fault is `LedgerCorrupt`."""
        return self._ask("POST", "/verify-ledger", LedgerVerified, timeout_s=timeout_s)

    def test_device(self) -> DeviceTest:
        """Record an event that only tries the way to the office."""
        return self._ask("POST", "/device-tests", DeviceTest)

    def tested(self, query: DeviceTestQuery) -> DeviceTest:
        """Whether the office has committed that event."""
        return self._ask("GET", "/device-tests", DeviceTest, query=query)

    def retirement(self) -> RetirementView:
        """Whether this device has gone out of use, and how much the office still lacks."""
        return self._ask("GET", "/retirement", RetirementView)

    def retire(self, asked: RetirementAsked) -> RetirementView:
        """Take this device out of use: its last event says so, and nobody is recorded any more."""
        return self._ask("POST", "/retirement", RetirementView, body=asked)

    # --- who asks -----------------------------------------------------------------------------------------

    def whoami(self) -> SessionView:
        """Who we are to the daemon, and for how long we have a session."""
        return self._ask("GET", "/session", SessionView)

    def login(self, asked: SessionAsked) -> SessionView:
        """Begin a session with the device's name. Raises `SessionRefused`."""
        return self._ask("POST", "/session", SessionView, body=asked)

    def logout(self) -> SessionView:
        """End our session."""
        return self._ask("DELETE", "/session", SessionView)

    # --- keys ---------------------------------------------------------------------------------------------

    def keys(self) -> KeysView:
        """The storage keys and their use."""
        return self._ask("GET", "/keys", KeysView)

    def rotation(self) -> RotationView:
        """How far a rotation is."""
        return self._ask("GET", "/keys/rotation", RotationView)

    def rotate(self, asked: RotationAsked) -> RotationView:
        """Begin, go on with or pause a rotation."""
        return self._ask("POST", "/keys/rotation", RotationView, body=asked)

    def verify_keys(self, *, timeout_s: float = 1800.0) -> KeysVerified:
        """Have everything opened with the writing keys alone."""
        return self._ask("POST", "/keys/verification", KeysVerified, timeout_s=timeout_s)

    def forget_old_keys(self) -> RotationView:
        """Have the daemon let go of its old keys."""
        return self._ask("DELETE", "/keys/old", RotationView, timeout_s=600.0)

    def restart(self) -> RestartAsked:
        """Have the daemon end when nobody stands in front of it."""
        return self._ask("POST", "/restart", RestartAsked)

    def copy_ledger(self, write: Callable[[bytes], object], *, timeout_s: float = 1800.0) -> str:
        """Receive a consistent copy of the ledger, piece by piece.

        Returns:
            Its SHA-256, as the daemon says and as it arrived.

        Raises:
            ApiError: It arrived altered or cut.
        """
        digest = hashlib.sha256()
        with self._mapped(), self._http.stream("GET", f"{PREFIX}/ledger-copy", timeout=timeout_s) as response:
            if response.status_code != httpx.codes.OK:
                response.read()
                self._raise(response)
            for piece in response.iter_raw():
                digest.update(piece)
                write(piece)
        if digest.hexdigest() != response.headers.get(COPY_SHA256_HEADER):
            raise ApiError("the ledger's copy arrived altered or cut", where=str(self.path))
        return digest.hexdigest()

    def scenes(self) -> Generator[SceneLine | VerdictLine | AnnouncementLine | Heartbeat, None, None]:
        """What the camera sees and what is said, as it happens (role staff)."""
        yield from self._lines("GET", "/scenes", _STAGE)

    def stage(self) -> Generator[SceneLine | VerdictLine | AnnouncementLine | Heartbeat, None, None]:
        """What the employee is to see (role screen)."""
        yield from self._lines("GET", "/stage", _STAGE)

    def choose(self, choice: IntentChosen) -> IntentTaken:
        """Hand in what a person chose on the screen (role screen)."""
        return self._ask("POST", "/intents", IntentTaken, body=choice)

    def envelopes(self, query: EnvelopeQuery) -> EnvelopeBatch:
        """Signed events after a point (role sync)."""
        return self._ask("GET", "/envelopes", EnvelopeBatch, query=query, timeout_s=query.wait_s + 30.0)

    def deliver(self, envelope: bytes) -> DeliveryTaken:
        """Hand over a document of the office (role sync)."""
        return self._ask("POST", "/deliveries", DeliveryTaken, body=Delivery(envelope=envelope.decode("ascii")))

    def parcels(self, query: ParcelQuery) -> ParcelBatch:
        """Signed parcels that the office has not received (role sync)."""
        return self._ask("GET", "/parcels", ParcelBatch, query=query, timeout_s=query.wait_s + 30.0)

    def telemetry(self) -> TelemetryView:
        """The device's condition, signed (role sync)."""
        return self._ask("GET", "/telemetry", TelemetryView)

    def request_certificate(self, request_pem: str) -> ParcelMade:
        """Have a request for the next TLS certificate countersigned (role sync)."""
        asked = CertificateAsked(request_pem=request_pem)
        return self._ask("POST", "/certificate-requests", ParcelMade, body=asked)

    # --- ways in without a face ---------------------------------------------------------------------------

    def issue_badge(self, asked: BadgeAsked) -> BadgeIssued:
        """Give a person a badge; its text is in the answer alone."""
        return self._ask("POST", "/badges", BadgeIssued, body=asked)

    def badge_text(self, badge_id: str) -> BadgeIssued:
        """What a badge says, to print it again."""
        return self._ask("GET", f"/badges/{badge_id}", BadgeIssued)

    def badges(self, query: BadgeQuery | None = None) -> BadgeList:
        """Badges that this kiosk gave out."""
        return self._ask("GET", "/badges", BadgeList, query=query or BadgeQuery())

    def revoke_badge(self, badge_id: str) -> BadgeView:
        """Let a badge count no more."""
        return self._ask("DELETE", f"/badges/{badge_id}", BadgeView)

    def ways_of(self, person_id: str) -> WaysView:
        """How a person comes in without a face."""
        return self._ask("GET", f"/people/{person_id}/ways", WaysView)

    def set_pin(self, person_id: str, asked: PinSet) -> WaysView:
        """Give a person a PIN, or take it away."""
        return self._ask("PUT", f"/people/{person_id}/pin", WaysView, body=asked)

    def set_way(self, person_id: str, asked: WaySet) -> WaysView:
        """Give a person a way in of their own, or the site's again."""
        return self._ask("PUT", f"/people/{person_id}/way", WaysView, body=asked)

    def set_card(self, person_id: str, asked: CardSet) -> WaysView:
        """Give a person a card, or take all away."""
        return self._ask("PUT", f"/people/{person_id}/card", WaysView, body=asked)

    def new_code(self, person_id: str) -> CodeSecret:
        """A secret for a person's authenticator app; an earlier one counts no more."""
        return self._ask("POST", f"/people/{person_id}/code", CodeSecret)

    def enter_pin(self, entered: PinEntered) -> PinTaken:
        """Hand in a PIN or code (role screen)."""
        return self._ask("POST", "/pins", PinTaken, body=entered)

    def cancel_pin(self, gone: PromptGone) -> PromptGone:
        """Nobody answers this prompt any more (role screen)."""
        return self._ask("POST", "/pins/cancel", PromptGone, body=gone)

    def hold_pin(self, held: PromptGone) -> PromptHeld:
        """Somebody still types: wait for them (role screen)."""
        return self._ask("POST", "/pins/hold", PromptHeld, body=held)

    def disavow(self, said: Disavowal) -> DisavowalTaken:
        """The person who was just recorded says that it was not them (role screen)."""
        return self._ask("POST", "/disavowals", DisavowalTaken, body=said)

    def ask_correction(self, asked: CorrectionAsked) -> CorrectionTaken:
        """Ask the office for a record that is missing (role screen)."""
        return self._ask("POST", "/correction-requests", CorrectionTaken, body=asked)

    # --- privacy ------------------------------------------------------------------------------------------

    def retention(self, asked: RetentionAsked, *, timeout_s: float = 3600.0) -> RetentionDone:
        """Have what is over removed, or only counted."""
        return self._ask("POST", "/retention", RetentionDone, body=asked, timeout_s=timeout_s)

    def dossier(self, person_id: str, asked: DossierAsked) -> Dossier:
        """All that is held on a person."""
        return self._ask("POST", f"/people/{person_id}/dossier", Dossier, body=asked)

    def events_of(self, person_id: str) -> Iterator[PersonEvent]:
        """Every event about a person, page by page."""
        query: PersonEventQuery | None = PersonEventQuery()
        while query is not None:
            page = self._ask("GET", f"/people/{person_id}/events", PersonEventList, query=query)
            yield from page.events
            query = None if page.next_after is None else PersonEventQuery(after=page.next_after)

    def processing(self) -> ProcessingView:
        """What is processed here, in numbers."""
        return self._ask("GET", "/processing", ProcessingView)

    # --- the way there and back ---------------------------------------------------------------------------

    def _ask(
        self,
        method: str,
        path: str,
        kind: type[M],
        *,
        query: Message | None = None,
        body: Message | None = None,
        timeout_s: float | None = None,
    ) -> M:
        with self._mapped():
            response = self._http.request(
                method,
                PREFIX + path,
                params=None if query is None else query.model_dump(mode="json", exclude_none=True),
                content=None if body is None else body.model_dump_json().encode(),
                headers={} if body is None else {"Content-Type": "application/json"},
                timeout=httpx.USE_CLIENT_DEFAULT if timeout_s is None else timeout_s,
            )
        return self._read(response, kind)

    def _lines(
        self, method: str, path: str, kind: TypeAdapter[T], *, body: Message | None = None
    ) -> Generator[T, None, None]:
        content = None if body is None else body.model_dump_json().encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        with (
            self._mapped(),
            self._http.stream(
                method, PREFIX + path, content=content, headers=headers, timeout=STREAM_SILENCE_S
            ) as response,
        ):
            if response.status_code != httpx.codes.OK:
                response.read()
                self._raise(response)
            for line in _split(response.iter_raw()):
                yield self._valid(line, kind.validate_json)

    def _read(self, response: httpx.Response, kind: type[M]) -> M:
        if response.status_code != httpx.codes.OK:
            self._raise(response)
        return self._valid(response.content, kind.model_validate_json)

    def _valid(self, raw: bytes, validate: Callable[[bytes], T]) -> T:
        try:
            return validate(raw)
        except ValidationError as error:
            raise ApiError(
                f"the daemon's answer does not fit the protocol ({error.error_count()} faults)",
                where=str(self.path),
                next_step="install client and daemon of the same Clockface version",
            ) from None

    def _raise(self, response: httpx.Response) -> NoReturn:
        version = response.headers.get(PROTOCOL_HEADER, "none")
        if version != str(PROTOCOL_VERSION):
            raise ProtocolMismatch(
                f"this command speaks version {PROTOCOL_VERSION} of the local protocol, "
                f"the daemon {version[:20]!r}",
                where=str(self.path),
                next_step="systemctl restart clockface-edge",
            )
        raise to_error(self._valid(response.content, Problem.model_validate_json))

    @contextlib.contextmanager
    def _mapped(self) -> Iterator[None]:
        """Turn the transport's errors into ours."""
        if not self._reached:  # asked of the socket itself: httpcore leaks one that cannot connect
            self._reach()
        try:
            yield
        except httpx.TimeoutException as error:
            raise EdgeUnreachable(
                "the daemon did not answer in time", where=str(self.path), next_step="clockface status"
            ) from error
        except httpx.TransportError as error:
            self._reach()
            raise EdgeUnreachable(
                "the daemon broke off the connection",
                where=str(self.path),
                next_step="journalctl -u clockface-edge",
            ) from error

    def _reach(self) -> None:
        """Find out why the socket would not take us: not there, not for us, or nobody listens."""
        self._reached = False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                probe.settimeout(2.0)
                probe.connect(str(self.path))
        except PermissionError:
            raise NotPermitted(
                f"this account may not use the daemon's socket; {_group_hint(self.path)}",
                where=str(self.path),
                next_step="repeat it with sudo, or join the group and log in again",
            ) from None
        except OSError as error:
            raise EdgeUnreachable(
                "the daemon is not running, or its sockets are elsewhere",
                where=str(self.path),
                next_step="systemctl start clockface-edge, or clockface run; check paths.run",
            ) from error
        self._reached = True


def _group_hint(path: Path) -> str:
    try:
        status = path.stat()
        if status.st_mode & stat.S_IWGRP:
            return f"it is open to the group {grp.getgrgid(status.st_gid).gr_name}"
    except (OSError, KeyError):
        return "its folder is closed to this account"
    return "it is open to the daemon's own user only (api.staff_group is empty)"


def _split(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Lines of a stream, each bounded."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line for line in lines if line)
        if len(rest) > MAX_LINE_BYTES:
            raise ApiError(f"a line of the daemon's stream is longer than {MAX_LINE_BYTES} bytes")
