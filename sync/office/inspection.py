"""Checks again what is stored: every signature, every chain, and that the columns say what was signed.

From the signed originals alone, a page at a time. What it finds was changed in the database by somebody, or is
our own fault: nothing of it can come from a device. Trust boundary: keys are those that operators registered,
withdrawn ones too, because what they signed before stays true.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from sync.office import checkpoints
from sync.office.accepted import acceptances
from sync.office.database import schema
from sync.office.history import GENESIS_HASH
from sync.office.registry import Device, device_keys
from sync.office.rows import ABSENT, event_row
from sync.office.verification import Reason, Rejected, Verified, verify_message
from sync.wire.events import ClockCorrected
from sync.wire.topics import Address

PAGE = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """What does not hold. `what` is ours, nothing of the content.

    Args:
        seq: None if it is the epoch's frontier.
    """

    site: str
    device: str
    epoch: str
    seq: int | None
    what: str


@dataclass(slots=True)
class Inspected:
    """How much was checked."""

    events: int = 0
    epochs: int = 0
    waiting: int = 0
    emptied: int = 0  # of the events: without their content, behind a checkpoint


def inspect(
    connection: Connection,
    *,
    done: Inspected,
    site: str | None = None,
    device: str | None = None,
    since_us: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[Finding]:
    """Check every epoch of the devices that are named, from the first event received at or after `since_us`."""
    epochs, devices = schema.epochs, schema.devices
    statement = (
        select(epochs, devices.c.site, devices.c.device)
        .join(devices, devices.c.id == epochs.c.device_id)
        .order_by(epochs.c.device_id, epochs.c.id)
    )
    if site is not None:
        statement = statement.where(devices.c.site == site)
    if device is not None:
        statement = statement.where(devices.c.device == device)
    rows = connection.execute(statement).all()
    names = {(row.device_id, row.epoch): row.id for row in rows}
    for row in rows:
        known = Device(
            row.device_id,
            Address(row.site, row.device),
            "",
            keys=device_keys(connection, row.device_id),
        )
        check = _Epoch(connection, row, known, names, done, progress)
        yield from check.events(since_us)
        yield from check.waiting()
        done.epochs += 1


class _Epoch:
    """One epoch under inspection."""

    def __init__(
        self,
        connection: Connection,
        row: Row[Any],
        device: Device,
        names: Mapping[tuple[int, str], int],
        done: Inspected,
        progress: Callable[[int], None],
    ) -> None:
        self._connection, self._row, self._device = connection, row, device
        self._names, self._done, self._progress = names, done, progress
        self._checkpoint = checkpoints.checkpoint_of(connection, row.id)
        self._accepted = acceptances(connection, row.id, address=device.address)

    def events(self, since_us: int | None) -> Iterator[Finding]:
        """Signature, columns and chain of each event, then the frontier."""
        seq, last = self._start(since_us)
        if self._checkpoint is not None and not checkpoints.holds(
            self._connection, self._row.id, self._checkpoint
        ):
            yield self._finding(self._checkpoint.seq, "no key of this office signed its checkpoint")
        for first, accepted in self._accepted.items():
            if accepted is None:
                yield self._finding(first, "no key of this office signed that a gap was accepted here")
        while page := self._page(schema.events, seq):
            for row in page:
                seq, last = self._over_gaps(seq, last)
                yield from self._event(row, seq + 1, last)
                seq, last = row.seq, bytes(row.hash)
            self._done.events += len(page)
            self._progress(len(page))
        seq, last = self._over_gaps(seq, last)
        if (seq, last) != (self._row.frontier_seq, bytes(self._row.frontier_hash)):
            yield self._finding(None, f"the frontier is {self._row.frontier_seq}, the events end at {seq}")

    def _over_gaps(self, seq: int, last: bytes) -> tuple[int, bytes]:
        """Go on behind what somebody accepted as lost, if that began where the events before it end."""
        accepted = self._accepted.get(seq + 1)
        while accepted is not None and accepted.prev_hash == last.hex():
            seq, last = accepted.to_seq, bytes.fromhex(accepted.hash)
            accepted = self._accepted.get(seq + 1)
        return seq, last

    def waiting(self) -> Iterator[Finding]:
        """Signatures of what waits for its turn."""
        rows = self._connection.execute(
            select(schema.waiting)
            .where(schema.waiting.c.epoch_id == self._row.id)
            .order_by(schema.waiting.c.seq)
        )
        for row in rows.yield_per(PAGE):
            self._done.waiting += 1
            verified = self._verified(bytes(row.envelope))
            if isinstance(verified, Rejected):
                yield self._finding(row.seq, f"waiting, and its original does not hold: {verified.reason}")
            elif (verified.head.seq, verified.head.epoch, verified.hash) != (
                row.seq,
                self._row.epoch,
                bytes(row.hash),
            ):
                yield self._finding(row.seq, "waiting, and its columns differ from its original")

    def _start(self, since_us: int | None) -> tuple[int, bytes]:
        """The event before the first one to check."""
        if since_us is None:
            return 0, GENESIS_HASH
        events = schema.events
        row = self._connection.execute(
            select(events.c.seq, events.c.hash)
            .where(events.c.epoch_id == self._row.id, events.c.received_us < since_us)
            .order_by(events.c.seq.desc())
            .limit(1)
        ).first()
        return (0, GENESIS_HASH) if row is None else (row.seq, bytes(row.hash))

    def _page(self, table: Any, seq: int) -> list[Row[Any]]:
        statement = select(table).where(table.c.epoch_id == self._row.id, table.c.seq > seq)
        return list(self._connection.execute(statement.order_by(table.c.seq).limit(PAGE)))

    def _event(self, row: Row[Any], expected: int, last: bytes) -> Iterator[Finding]:
        if row.seq != expected:
            yield self._finding(row.seq, f"events {expected} to {row.seq - 1} are missing")
        elif bytes(row.prev_hash) != last:
            yield self._finding(row.seq, "it does not follow the event before it")
        point = self._checkpoint
        if point is not None and row.seq == point.seq and bytes(row.hash).hex() != point.hash:
            yield self._finding(row.seq, "it is not the event that its checkpoint names")
        if not row.envelope:
            yield from self._emptied(row)
            return
        verified = self._verified(bytes(row.envelope))
        if isinstance(verified, Rejected):
            yield self._finding(row.seq, f"its original does not hold: {verified.reason}")
            return
        if verified.head.epoch != self._row.epoch:
            yield self._finding(row.seq, "its original is of another epoch")
        signed = event_row(
            verified, device_id=row.device_id, epoch_id=row.epoch_id, received_us=row.received_us
        )
        differing = [name for name, value in signed.items() if _plain(getattr(row, name)) != value]
        if row.device_id != self._row.device_id:
            differing.append("device_id")
        if differing:
            yield self._finding(row.seq, f"columns differ from its original: {', '.join(differing)}")
        if isinstance(verified.event, ClockCorrected):
            yield from self._clock(row, verified.event)

    def _emptied(self, row: Row[Any]) -> Iterator[Finding]:
        """Its content is gone: rightly behind a checkpoint, and then wholly."""
        self._done.emptied += 1
        if self._checkpoint is None or row.seq > self._checkpoint.seq:
            yield self._finding(row.seq, "its original is gone, and no checkpoint covers it")
        left = [name for name in ABSENT if not name.startswith("reissues_") and getattr(row, name) is not None]
        if left:
            yield self._finding(row.seq, f"its original is gone, and its columns are not: {', '.join(left)}")

    def _clock(self, row: Row[Any], event: ClockCorrected) -> Iterator[Finding]:
        """What is stored of a corrected clock is what was signed, as far as the epochs are known."""
        table = schema.clock_corrections
        stored = {
            (each.epoch_id, each.first_seq, each.last_seq, each.correction_us)
            for each in self._connection.execute(select(table).where(table.c.event_id == row.id))
        }
        signed = {
            (self._names[self._device.id, each.epoch], each.first_seq, each.last_seq, each.correction_us)
            for each in event.data.ranges
            if (self._device.id, each.epoch) in self._names
        }
        if not stored <= signed:
            yield self._finding(row.seq, "a corrected clock is stored that the device never signed")
        elif self._row.id in {each[0] for each in signed - stored}:
            yield self._finding(row.seq, "a corrected clock that the device signed is not stored")

    def _verified(self, raw: bytes) -> Verified | Rejected:
        outcomes = verify_message(raw, address=self._device.address, keys=self._device.keys)
        if len(outcomes) != 1:
            return Rejected(Reason.TOO_MANY, "more than one line is stored for one event", raw)
        return outcomes[0]

    def _finding(self, seq: int | None, what: str) -> Finding:
        address = self._device.address
        return Finding(address.site, address.device, self._row.epoch, seq, what)


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value
