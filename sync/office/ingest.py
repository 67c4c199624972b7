"""Verified events into the database: each device's frontier moves under a lock of its row, and nothing stops.

What is next is stored, what came before its turn waits, what was stored already is acknowledged again, what
stands where another event stands is refused and alarmed. Trust boundary: events are authentic (`verification`);
that they come twice, late, out of order, or from a device that was restored or copied is expected.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from sync.office import evidence
from sync.office.alarms import AlarmKind, raise_alarm
from sync.office.database import schema
from sync.office.database.ingest import append_events
from sync.office.histories import insert_epoch, load_epochs, lock_devices, record_beginning, update_epochs
from sync.office.history import Epoch, Place, place, settled, trusted_reach
from sync.office.registry import Device
from sync.office.reported import take_change
from sync.office.retirement import take_retirement
from sync.office.rows import event_row
from sync.office.said import take_request, take_void
from sync.office.verification import Verified, ordinal_of
from sync.office.waiting import WaitingRoom
from sync.wire.events import (
    AttendanceVoided,
    ClockCorrected,
    CorrectionRequested,
    DeviceRetired,
    EpochBegun,
    PersonChanged,
)
from sync.wire.fields import EventPoint


@dataclass(frozen=True, slots=True)
class Limits:
    """What one device may make us keep. Honest ones stay far below: an epoch is a restore or a replacement.

    Args:
        waiting_per_device: Events that wait for earlier ones; the oldest stay, the rest comes again.
        epochs_per_device: Events of further epochs are refused.
    """

    waiting_per_device: int = 2000
    epochs_per_device: int = 1000


@dataclass(frozen=True, slots=True)
class RefusedEvent:
    """An authentic event that cannot be taken, for a signed refusal."""

    event: EventPoint
    reason: Place
    committed: EventPoint | None


@dataclass(slots=True)
class Answer:
    """What became of one device's events; true once the transaction has committed.

    Args:
        committed: Points to acknowledge: one, unless histories ran side by side.
        behind: Of each epoch that is committed further, the last event that came again: acknowledged too, since
            a device that was restored has no later one in common with us.
        lacking: Whether earlier events are missing of what was sent.
        distrusted: Events of a revoked device after the last that is trusted: for quarantine.
        excess: Events of more epochs than a device may have: for quarantine.
        counts: How many events ended where.
    """

    device: Device
    committed: list[EventPoint] = field(default_factory=list)
    behind: list[EventPoint] = field(default_factory=list)
    lacking: bool = False
    refused: list[RefusedEvent] = field(default_factory=list)
    distrusted: list[Verified] = field(default_factory=list)
    excess: list[Verified] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def ingest(
    connection: Connection,
    batch: Mapping[Device, Sequence[Verified]] | Iterable[tuple[Device, Sequence[Verified]]],
    *,
    now_us: int,
    limits: Limits,
) -> list[Answer]:
    """Take verified events of any number of devices within the caller's transaction.

    Returns:
        An answer for each device, to be sent only after the commit.
    """
    pairs = sorted(batch.items() if isinstance(batch, Mapping) else batch, key=lambda pair: pair[0].id)
    lock_devices(connection, [device.id for device, _ in pairs])
    work = _Work(connection, now_us=now_us, limits=limits)
    work.load(pairs)
    answers = [work.take(device, events) for device, events in pairs]
    work.write()
    return answers


def _trusted(device: Device, event: Verified, reach: Mapping[str, int]) -> bool:
    """Whether an event of a revoked device is the last trusted one, or before it."""
    head = event.head
    named = device.trusted == (head.epoch, head.seq) and device.trusted_hash is not None
    return head.seq <= reach.get(head.epoch, 0) and (not named or event.hash == device.trusted_hash)


class _Work:
    """One transaction: everything is decided in memory and written at the end."""

    def __init__(self, connection: Connection, *, now_us: int, limits: Limits) -> None:
        self._connection = connection
        self._now_us = now_us
        self._epochs: dict[int, dict[str, Epoch]] = {}
        self._limits = limits
        self._waiting = WaitingRoom(connection, now_us=now_us, per_device=limits.waiting_per_device)
        self._known: dict[int, dict[int, bytes]] = defaultdict(dict)
        self._rows: list[dict[str, Any]] = []
        self._moved: dict[int, Epoch] = {}
        self._repeated: dict[int, Verified] = {}  # by epoch id: the last event that was committed already
        self._corrections: list[tuple[int, int, ClockCorrected]] = []
        self._alarms: dict[tuple[AlarmKind, str], tuple[int, str]] = {}
        self._seen: list[dict[str, Any]] = []
        self._people: list[tuple[Device, PersonChanged]] = []
        self._retired: list[tuple[Device, DeviceRetired]] = []
        self._said: list[tuple[Device, int, AttendanceVoided | CorrectionRequested]] = []

    def load(self, pairs: Sequence[tuple[Device, Sequence[Verified]]]) -> None:
        """Read what the decisions need of all devices at once."""
        self._epochs = load_epochs(self._connection, [device.id for device, _ in pairs])
        touched = [
            self._epochs[device.id][name].id
            for device, events in pairs
            for name in {event.head.epoch for event in events}
            if name in self._epochs[device.id]
        ]
        self._waiting.load(touched)

    def take(self, device: Device, events: Sequence[Verified]) -> Answer:
        """Decide about one device's events, in the order of its history."""
        answer = Answer(device)
        epochs = self._epochs[device.id]
        reach = trusted_reach(device.trusted, epochs) if device.state == "revoked" else None
        by_epoch: dict[str, list[Verified]] = defaultdict(list)
        for event in events:
            if reach is not None and not _trusted(device, event, reach):
                answer.distrusted.append(event)
            else:
                by_epoch[event.head.epoch].append(event)
        for name in sorted(by_epoch, key=lambda each: (ordinal_of(each), each)):
            if name not in epochs and len(epochs) >= self._limits.epochs_per_device:
                answer.excess += by_epoch.pop(name)
                continue
            self._take_epoch(answer, name, sorted(by_epoch[name], key=lambda each: each.head.seq))
        self._conclude(answer, list(by_epoch))
        return answer

    def _take_epoch(self, answer: Answer, name: str, events: list[Verified]) -> None:
        epoch = self._epoch(answer.device, name)
        repeated = [event.head.seq for event in events if event.head.seq <= epoch.frontier_seq]
        if repeated:
            self._load_known(epoch, min(repeated) - 1, max(repeated))
        for event in events:
            self._take_event(answer, epoch, event)
        while self._waiting.holds_next(epoch) and self._drain(answer, epoch):
            pass
        answer.lacking = answer.lacking or self._waiting.holds_any(epoch)

    def _epoch(self, device: Device, name: str) -> Epoch:
        epochs = self._epochs[device.id]
        if name not in epochs:
            epochs[name] = insert_epoch(self._connection, device.id, name, now_us=self._now_us)
        return epochs[name]

    def _load_known(self, epoch: Epoch, first: int, last: int) -> None:
        events = schema.events
        rows = self._connection.execute(
            select(events.c.seq, events.c.hash).where(
                events.c.epoch_id == epoch.id, events.c.seq.between(first, last)
            )
        )
        self._known[epoch.id].update((row.seq, bytes(row.hash)) for row in rows)

    def _take_event(self, answer: Answer, epoch: Epoch, event: Verified) -> None:
        where = place(
            seq=event.head.seq,
            own_hash=event.hash,
            prev_hash=event.prev_hash,
            epoch=epoch,
            known=self._known[epoch.id],
        )
        if where is Place.NEXT:
            self._accept(answer, epoch, event)
        elif where is Place.AHEAD:
            where_to = self._keep_waiting(answer, epoch, event)
            answer.counts[where_to] += 1
            return
        elif where is Place.REPEATED:
            self._repeated[epoch.id] = event  # they come in their order
        else:
            self._refuse(answer, epoch, event, where)
        answer.counts["committed" if where is Place.NEXT else where.value] += 1

    def _accept(self, answer: Answer, epoch: Epoch, event: Verified) -> None:
        device = answer.device
        self._rows.append(event_row(event, device_id=device.id, epoch_id=epoch.id, received_us=self._now_us))
        epoch.frontier_seq, epoch.frontier_hash = event.head.seq, event.hash
        self._known[epoch.id][event.head.seq] = event.hash
        self._moved[epoch.id] = epoch
        if isinstance(event.event, EpochBegun):
            epoch.previous = event.event.data.previous
            record_beginning(self._connection, epoch, event.event, signer=event.key_id)
            self._examine_beginning(device, epoch, event)
        elif isinstance(event.event, ClockCorrected):
            self._corrections.append((device.id, epoch.id, event.event))
        elif isinstance(event.event, PersonChanged):
            self._people.append((device, event.event))
        elif isinstance(event.event, AttendanceVoided | CorrectionRequested):
            self._said.append((device, epoch.id, event.event))
        elif isinstance(event.event, DeviceRetired):
            self._retired.append((device, event.event))
        self._compare_successors(device, epoch)

    def _keep_waiting(self, answer: Answer, epoch: Epoch, event: Verified) -> str:
        """Room is counted over the epochs that this batch touches; the lowest numbers are taken first."""
        if epoch.refused_seq is not None and event.head.seq > epoch.refused_seq:
            answer.lacking = True
            return "dropped"  # of the history that was refused: the device issues it again
        if not self._waiting.has_room(self._epochs[answer.device.id].values()):
            answer.lacking = True
            return "dropped"
        self._waiting.keep(epoch, event)
        return "waiting"

    def _drain(self, answer: Answer, epoch: Epoch) -> bool:
        """Take waiting events whose turn has come; the batch's own are among them once they are written."""
        start = epoch.frontier_seq
        for event in self._waiting.following(epoch):
            if event.head.seq > epoch.frontier_seq + 1:
                break
            self._take_event(answer, epoch, event)
        self._waiting.passed(epoch)
        return epoch.frontier_seq > start

    def _refuse(self, answer: Answer, epoch: Epoch, event: Verified, reason: Place) -> None:
        point = EventPoint(epoch=epoch.name, seq=event.head.seq, hash=event.hash.hex())
        if not any(each.event.epoch == epoch.name for each in answer.refused):
            answer.refused.append(RefusedEvent(point, reason, self._in_common(epoch, event)))
        epoch.refuse(event.head.seq, reason)
        self._moved[epoch.id] = epoch
        broken = reason is Place.BROKEN_CHAIN
        evidence.record_fork(
            self._connection,
            epoch_id=epoch.id,
            seq=epoch.frontier_seq if broken else event.head.seq,
            known=epoch.frontier_hash if broken else self._known[epoch.id].get(event.head.seq, bytes(32)),
            other=event.prev_hash if broken else event.hash,
            found_in="prev_hash" if broken else "event",
            envelope=event.raw,
            now_us=self._now_us,
        )
        kind = AlarmKind.BROKEN_CHAIN if broken else AlarmKind.FORK
        self._alarm(kind, answer.device, f"{epoch.name}/{event.head.seq}", epoch=epoch)
        self._waiting.forget_behind(epoch, event)

    def _in_common(self, epoch: Epoch, event: Verified) -> EventPoint | None:
        """What the refused event follows, if that is ours too: what a restored device need not issue again."""
        before = event.head.seq - 1
        if before < epoch.frontier_seq and self._known[epoch.id].get(before) == event.prev_hash:
            return EventPoint(epoch=epoch.name, seq=before, hash=event.prev_hash.hex())
        return epoch.point

    def _examine_beginning(self, device: Device, epoch: Epoch, event: Verified) -> None:
        """A new epoch says what it follows: hold that against what the office has."""
        others = {name: each for name, each in self._epochs[device.id].items() if name != epoch.name}
        previous = epoch.previous
        if previous is None:
            if any(each.begun for each in others.values()) and not self._replaces(device, epoch, event):
                self._alarm(AlarmKind.HISTORY_ENDED, device, epoch.name, epoch=epoch)
            return
        before = others.get(previous.epoch)
        if before is None or not before.begun:
            return
        if before.refused_seq is not None and before.refused_seq <= previous.seq:
            return  # the device goes on where it was refused, as it should
        self._compare(device, before, previous)
        if before.frontier_seq > previous.seq:
            lost = before.frontier_seq - previous.seq
            self._alarm(
                AlarmKind.RESTORED, device, f"{lost} events after {before.name}/{previous.seq}", epoch=epoch
            )
        if any(seq > previous.seq for seq in self._waiting.stored_seqs(before)):
            self._alarm(AlarmKind.LOST_TAIL, device, f"{before.name} after {previous.seq}", epoch=before)

    def _replaces(self, device: Device, epoch: Epoch, event: Verified) -> bool:
        """Whether this is new hardware, of which an administrator has registered the key for this device."""
        if not isinstance(event.event, EpochBegun) or event.event.data.reason != "replaced":
            return False
        epochs = schema.epochs
        signed_before = select(epochs.c.id).where(
            epochs.c.device_id == device.id, epochs.c.id != epoch.id, epochs.c.signer == event.key_id
        )
        return self._connection.execute(signed_before.limit(1)).first() is None

    def _compare_successors(self, device: Device, epoch: Epoch) -> None:
        """Where the frontier has reached the point that a later epoch names, the event must be the same."""
        for each in self._epochs[device.id].values():
            previous = each.previous
            if previous is not None and (previous.epoch, previous.seq) == (epoch.name, epoch.frontier_seq):
                self._compare(device, epoch, previous)

    def _compare(self, device: Device, before: Epoch, previous: EventPoint) -> None:
        if previous.seq > before.frontier_seq:
            return
        if previous.seq not in self._known[before.id]:
            self._load_known(before, previous.seq, previous.seq)
        known = self._known[before.id].get(previous.seq)
        if known is None or known.hex() == previous.hash:
            return
        other = bytes.fromhex(previous.hash)
        evidence.record_fork(
            self._connection,
            epoch_id=before.id,
            seq=previous.seq,
            known=known,
            other=other,
            found_in="epoch",
            envelope=None,
            now_us=self._now_us,
        )
        self._alarm(AlarmKind.FORK, device, f"{before.name}/{previous.seq}", epoch=before)

    def _alarm(self, kind: AlarmKind, device: Device, detail: str, *, epoch: Epoch) -> None:
        self._alarms.setdefault((kind, f"{device.subject}/{epoch.name}"), (device.id, detail))

    def _conclude(self, answer: Answer, touched: list[str]) -> None:
        """What to acknowledge: for every history that was touched its newest point without a hole."""
        epochs = self._epochs[answer.device.id]
        covered: set[str] = set()
        points: dict[str, EventPoint] = {}
        for name in sorted(touched, key=lambda each: epochs[each].id, reverse=True):
            if name in covered or not epochs[name].begun:
                continue
            found = settled(name, epochs)
            answer.lacking = answer.lacking or not found.complete
            covered.update(found.path)
            if found.committed is not None:
                points.setdefault(found.committed.epoch, found.committed)
        answer.committed = list(points.values())
        again = [(epochs[name], self._repeated.get(epochs[name].id)) for name in touched]
        answer.behind = [
            EventPoint(epoch=epoch.name, seq=event.head.seq, hash=event.hash.hex())
            for epoch, event in again
            if event is not None and event.head.seq < epoch.frontier_seq
        ]
        moment = {"device_id": answer.device.id, "last_seen_us": self._now_us}
        if answer.counts.get("committed"):
            moment["last_event_us"] = self._now_us
        self._seen.append(moment)

    def write(self) -> None:
        """Write everything that was decided."""
        if self._rows:
            append_events(self._connection, self._rows)
        update_epochs(self._connection, self._moved.values(), now_us=self._now_us)
        self._waiting.close(
            self._moved, {each.id: each for device in self._epochs.values() for each in device.values()}
        )
        for device_id, epoch_id, event in self._corrections:
            evidence.record_correction(self._connection, epoch_id, event, epochs=self._epochs[device_id])
        for (kind, subject), (device_id, detail) in self._alarms.items():
            raise_alarm(
                self._connection, kind, subject=subject, device_id=device_id, detail=detail, now_us=self._now_us
            )
        evidence.record_seen(self._connection, self._seen)
        for device, changed in self._people:
            take_change(self._connection, device, changed, now_us=self._now_us)
        for device, retired in self._retired:
            take_retirement(self._connection, device, retired, now_us=self._now_us)
        for device, epoch_id, said in self._said:
            if isinstance(said, AttendanceVoided):
                take_void(self._connection, device, said, epoch_id=epoch_id, now_us=self._now_us)
            else:
                take_request(self._connection, device, said, now_us=self._now_us)
