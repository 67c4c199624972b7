"""Records and their proof, for staff: attendance, the audit trail, full checks, a test event, going out of use.

Trust boundary: names go back to the asker and nowhere else; what ends the device asks for its name.
"""

import contextlib
import time
from collections.abc import Callable

from edge.api.protocol.device import DeviceTest, DeviceTestQuery, RetirementAsked, RetirementView
from edge.api.protocol.ledger import AuditList, AuditQuery, AuditVerified, AuditView, LedgerVerified
from edge.api.protocol.people import PersonProfile
from edge.api.protocol.punches import PunchList, PunchQuery
from edge.api.service import Peer
from edge.api.views import profile_view, punch_view
from edge.errors import NotPermitted, PersonUnknown
from edge.store.store import Store
from edge.types.identity import EpochId, PersonId
from edge.types.punches import EventId, RecordedPunch


class RecordsDesk:
    """The ledger as staff read and check it. Safe from several threads.

    Args:
        device: This device's name, which whoever retires it must type.
        store: The ledger.
        reload: Has the kiosk look again whether it is in service.
    """

    def __init__(self, *, device: str, store: Store, reload: Callable[[], None]) -> None:
        self._device = device
        self._store = store
        self._reload = reload

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
        if asked.confirm != self._device:
            raise NotPermitted(
                "the device is not retired: another name was typed than this device's",
                where=self._device,
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
