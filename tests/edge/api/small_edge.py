"""A small working daemon behind the API: people in a dictionary, a fixed ledger; enough to test the wire."""

import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from edge.api.protocol.courier import (
    CertificateAsked,
    Delivery,
    DeliveryTaken,
    EnvelopeBatch,
    EnvelopeQuery,
    EnvelopeView,
    FrontierView,
    LinkNoted,
    LinkTold,
    ParcelBatch,
    ParcelMade,
    ParcelQuery,
    ParcelView,
    TelemetryView,
)
from edge.api.protocol.crashes import CrashNoted, CrashTold
from edge.api.protocol.device import DeviceTest, DeviceTestQuery, RetirementAsked, RetirementView
from edge.api.protocol.enrolment import CameraEnrolment, Enrolled, EnrolmentProgress, PhotoEnrolment
from edge.api.protocol.intents import IntentChosen, IntentTaken
from edge.api.protocol.ledger import AuditList, AuditQuery, AuditVerified, AuditView, LedgerVerified
from edge.api.protocol.people import (
    ConsentGiven,
    ConsentView,
    PeopleList,
    PeopleQuery,
    PersonProfile,
    PersonView,
    Removed,
)
from edge.api.protocol.punches import PunchList, PunchQuery
from edge.api.protocol.status import CameraStatus, ClockStatus, LedgerStatus, Status
from edge.api.service import Peer
from edge.errors import AttendanceError, ConsentMissing, LedgerCorrupt, NumberTaken, PersonUnknown
from tests.edge.api.small_counter import SmallCounter

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
EPOCH = "000001-9f86d081884c7d65"
CHAIN = "ab" * 32


def envelope(seq: int) -> EnvelopeView:
    """An envelope that is only long enough to be told from another."""
    return EnvelopeView(epoch=EPOCH, seq=seq, hash=f"{seq:064x}", envelope=f'{{"payload":"{seq}"}}')


@dataclass
class SmallEdge:
    """An `EdgeService` in memory."""

    registered: dict[str, PersonView] = field(default_factory=dict)
    acts: list[tuple[str, Peer]] = field(default_factory=list)
    pending: list[EnvelopeView] = field(default_factory=list)
    camera_steps: int = 3
    camera_closed: threading.Event = field(default_factory=threading.Event)
    choices: list[IntentChosen] = field(default_factory=list)
    parcels_waiting: list[ParcelView] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    delivered: list[str] = field(default_factory=list)
    corrupt: bool = False
    broken: bool = False
    crashes: list[tuple[str, CrashTold]] = field(default_factory=list)
    links: list[LinkTold] = field(default_factory=list)
    without_face: SmallCounter = field(default_factory=SmallCounter)

    def status(self) -> Status:
        if self.broken:
            raise ZeroDivisionError("Ada Lovelace, number 1815")
        return Status(
            version="0",
            device="kiosk",
            site="site",
            pid=1,
            uptime_s=1.0,
            resident_mb=1.0,
            camera=CameraStatus(source="replay", state="streaming", since_s=0, frames=1, fps=15, reopened=0),
            liveness_policy="off",
            models=(),
            galleries=(),
            ledger=LedgerStatus(epoch=EPOCH, seq=1, events=1, pending=1, people=len(self.registered)),
            clock=ClockStatus(wall=AT, utc_offset_s=0, boottime_s=1.0, trust="holdover"),
            stages=(),
            consent_text_version="1",
        )

    def people(self, query: PeopleQuery) -> PeopleList:
        found = [self.registered[key] for key in sorted(self.registered) if key > (query.after or "")]
        if query.number is not None:
            found = [person for person in found if person.profile.number == query.number]
        more = found[query.limit :]
        page = tuple(found[: query.limit])
        return PeopleList(people=page, next_after=page[-1].person_id if more else None)

    def person(self, person_id: str) -> PersonView:
        if person_id not in self.registered:
            raise PersonUnknown("no such person", where=person_id, next_step="clockface people list")
        return self.registered[person_id]

    def add_person(self, profile: PersonProfile, peer: Peer) -> PersonView:
        if any(person.profile.number == profile.number for person in self.registered.values()):
            raise NumberTaken("the employee number belongs to another person")
        person = PersonView(
            person_id=uuid4().hex, profile=profile, enabled=True, enrolled_at=AT, consented=False
        )
        self.registered[person.person_id] = person
        self.acts.append(("add", peer))
        return person

    def set_enabled(self, person_id: str, *, enabled: bool, peer: Peer) -> PersonView:
        person = self.person(person_id).model_copy(update={"enabled": enabled})
        self.registered[person_id] = person
        self.acts.append(("enable" if enabled else "disable", peer))
        return person

    def remove_person(self, person_id: str, peer: Peer) -> Removed:
        self.person(person_id)
        del self.registered[person_id]
        self.acts.append(("remove", peer))
        return Removed(person_id=person_id, templates=1)

    def record_consent(self, person_id: str, consent: ConsentGiven, peer: Peer) -> PersonView:
        view = ConsentView(
            text_version=consent.text_version,
            language=consent.language,
            how=consent.how,
            given_at=consent.given_at or AT,
            taken_by=peer.account,
        )
        person = self.person(person_id).model_copy(update={"consented": True, "consent": view})
        self.registered[person_id] = person
        return person

    def withdraw_consent(self, person_id: str, peer: Peer) -> Removed:
        person = self.person(person_id).model_copy(update={"consented": False, "consent": None})
        self.registered[person_id] = person
        self.acts.append(("withdraw", peer))
        return Removed(person_id=person_id, templates=1)

    def enrol_photo(self, request: PhotoEnrolment, photo: bytes, peer: Peer) -> Enrolled:
        if request.profile is None or request.consent is None:
            raise ConsentMissing("no recorded consent", next_step="clockface people consent")
        person = self.add_person(request.profile, peer)
        self.acts.append((f"photo of {len(photo)} bytes", peer))
        return Enrolled(person=person, created=True, templates_added=1)

    def enrol_camera(
        self, request: CameraEnrolment, peer: Peer
    ) -> Generator[EnrolmentProgress | Enrolled, None, None]:
        if request.profile is None or request.consent is None:
            raise ConsentMissing("no recorded consent")
        try:
            for step in range(self.camera_steps):
                yield EnrolmentProgress(taken=min(step, request.frames), wanted=request.frames, faces=1)
                time.sleep(0.002)
        finally:
            self.camera_closed.set()
        if self.corrupt:
            raise LedgerCorrupt("the ledger does not hold")
        yield Enrolled(person=self.add_person(request.profile, peer), created=True, templates_added=3)

    def choose(self, choice: IntentChosen) -> IntentTaken:
        if choice.work_code == "unknown":
            raise AttendanceError("the site does not use this work code")
        self.choices.append(choice)
        return IntentTaken(goes_to="next")

    def punches(self, query: PunchQuery) -> PunchList:
        return PunchList(punches=())

    def audit(self, query: AuditQuery) -> AuditList:
        return AuditList(entries=(AuditView(seq=1, at=AT, actor="root", action="start", hash="ab" * 32),))

    def verify_audit(self) -> AuditVerified:
        return AuditVerified(entries=1, head="1:" + "ab" * 32, handed_in=0)

    def verify_ledger(self) -> LedgerVerified:
        if self.corrupt:
            raise LedgerCorrupt("the hash of event 7 does not hold", where="ledger.db", next_step="restore it")
        return LedgerVerified(
            events=1, epochs=1, audit_entries=1, people=0, templates=0, problems=(), took_s=0.1
        )

    def test_device(self, peer: Peer) -> DeviceTest:
        return DeviceTest(epoch="000001-" + "ab" * 8, seq=2, confirmed=False)

    def tested(self, query: DeviceTestQuery) -> DeviceTest:
        return DeviceTest(
            epoch=query.epoch, seq=query.seq, frontier_epoch=query.epoch, frontier_seq=2, confirmed=True
        )

    def retirement(self) -> RetirementView:
        return RetirementView(
            retired=False,
            epoch="000001-" + "ab" * 8,
            seq=2,
            confirmed=False,
            events_pending=1,
            parcels_pending=0,
        )

    def retire(self, asked: RetirementAsked, peer: Peer) -> RetirementView:
        return self.retirement()

    def envelopes(self, query: EnvelopeQuery) -> EnvelopeBatch:
        after = -1 if query.after_seq is None else query.after_seq
        found = tuple(e for e in self.pending if e.seq > after)[: query.limit]
        return EnvelopeBatch(
            device="kiosk", site="site", envelopes=found, frontier=FrontierView(pending=len(self.pending))
        )

    def deliver(self, delivery: Delivery) -> DeliveryTaken:
        self.delivered.append(delivery.envelope)
        return DeliveryTaken(outcome="applied", frontier=FrontierView(pending=len(self.pending)))

    def parcels(self, query: ParcelQuery) -> ParcelBatch:
        return ParcelBatch(parcels=tuple(self.parcels_waiting[: query.limit]))

    def telemetry(self) -> TelemetryView:
        return TelemetryView(envelope="{}")

    def note_crash(self, told: CrashTold, process: str) -> CrashNoted:
        self.crashes.append((process, told))
        return CrashNoted()

    def note_link(self, told: LinkTold) -> LinkNoted:
        self.links.append(told)
        return LinkNoted()

    def request_certificate(self, asked: CertificateAsked) -> ParcelMade:
        self.requests.append(asked.request_pem)
        return ParcelMade(parcel_id="0c" * 16)
