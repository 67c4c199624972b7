"""Checks a ledger: its file, its chains, its signatures, and that every token opens to its own row.

At opening only the tail is checked, because a start must take seconds; `verify_all` reads everything, in
batches between which the kiosk goes on. Trust boundary: an epoch's public key is the one that its first event
names; that this key is the device's is for the office to know.
"""

import base64
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from clockface.errors import ClockfaceError
from edge.errors import LedgerCorrupt
from edge.store import checkpoints
from edge.store.audit import AuditTrail
from edge.store.chain import COLUMNS, Chain, StoredEvent, place
from edge.store.consents import Consents
from edge.store.database import Database
from edge.store.people import People
from edge.store.templates import Templates
from edge.store.translation import utc_day
from edge.types.identity import DeviceId, EpochId
from edge.types.punches import EventId
from sync.wire import envelope
from sync.wire import events as wire
from sync.wire.fields import EventPoint
from sync.wire.topics import Address

TAIL = 64
MAX_PROBLEMS = 20
_BATCH = 200


@dataclass(frozen=True, slots=True)
class Verification:
    """What a complete check found.

    Args:
        events: Events whose hash, signature and place hold.
        epochs: Epochs seen.
        audit_entries: Audit entries that hold.
        people: People whose profile and consents open.
        templates: Templates that open.
        problems: What does not hold, in words without personal data, at most 20; empty when all is well.
    """

    events: int
    epochs: int
    audit_entries: int
    people: int
    templates: int
    problems: tuple[str, ...]

    @property
    def intact(self) -> bool:
        """Whether nothing was found."""
        return not self.problems


class _Walk:
    """Follows the chain event by event and says where it breaks."""

    def __init__(self, keys: dict[str, bytes], *, whole: bool, after: EventId | None = None) -> None:
        """Args: the epochs' public keys; whether it is the whole chain, and behind which event that begins."""
        self._keys = keys
        self._whole = whole
        self._last = after
        self.events = 0
        self.epochs = 0

    def step(self, stored: StoredEvent) -> None:
        """Check one event against the one before.

        Raises:
            LedgerCorrupt: What does not hold, and at which event.
        """
        last, self._last = self._last, stored.id
        where = place(stored.id.epoch, stored.id.seq)
        event = stored.event()
        if last is not None and stored.id.epoch == last.epoch:
            if stored.id.seq != last.seq + 1:
                raise LedgerCorrupt("events are missing before this one", where=where)
            if stored.prevhash != last.hash:
                raise LedgerCorrupt("the hash chain is broken before this event", where=where)
        elif isinstance(event, wire.EpochBegun):
            self._begin(event, last, where)
        elif last is not None or self._whole:
            raise LedgerCorrupt("an epoch does not begin with its first event", where=where)
        self._check_signature(stored, where)
        punch = isinstance(event, wire.AttendanceRecorded)
        if stored.punch_day != (utc_day(event.at) if punch else None):
            raise LedgerCorrupt("an event is filed under another day", where=where)
        self.events += 1

    def _begin(self, event: wire.EpochBegun, last: EventId | None, where: str) -> None:
        self.epochs += 1
        if self._keys.get(event.epoch) != _raw_key(event.data.public_key):
            raise LedgerCorrupt("an epoch's public key is not the one in its first event", where=where)
        expected = None
        if last is not None:
            expected = EventPoint(epoch=last.epoch, seq=last.seq, hash=last.hash)
        elif not self._whole:
            return
        if event.data.previous != expected:
            raise LedgerCorrupt("an epoch does not follow on the event that it names", where=where)

    def _check_signature(self, stored: StoredEvent, where: str) -> None:
        raw = self._keys.get(stored.id.epoch)
        if raw is None:
            raise LedgerCorrupt("an event's epoch has no public key", where=where)
        key = Ed25519PublicKey.from_public_bytes(raw)
        try:
            key.verify(stored.signature, envelope.pae(envelope.EVENT_TYPE, stored.payload))
        except InvalidSignature:
            raise LedgerCorrupt("an event's signature does not hold", where=where) from None
        if stored.signer != envelope.signing_key_id(key):
            raise LedgerCorrupt("an event names another key than the one that signed it", where=where)


def verify_tail(database: Database, *, chain: Chain, count: int) -> None:
    """Check the newest events, before the next one is chained to them.

    Raises:
        LedgerCorrupt: What does not hold, and at which event.
    """
    with database.read() as connection:
        keys = _public_keys(connection)
        rows = connection.execute(
            f"SELECT {COLUMNS} ORDER BY position DESC LIMIT ?",
            (count,),
        ).fetchall()
    walk = _Walk(keys, whole=False)
    for row in reversed(rows):
        walk.step(chain.open_row(row))


def verify_all(
    database: Database,
    *,
    chain: Chain,
    people: People,
    consents: Consents,
    templates: Templates,
    audit: AuditTrail,
    office: Callable[[], None],
) -> Verification:
    """Check everything and go on after a finding where that makes sense."""
    problems: list[str] = []
    _attempt(problems, lambda: _check_file(database, problems))
    _attempt(problems, lambda: _check_checkpoint(database, "events"))
    _attempt(problems, lambda: _check_checkpoint(database, "audit"))
    with database.read() as connection:
        walk = _Walk(_public_keys(connection), whole=True, after=_begins(connection))
    for row in _event_rows(database):
        if len(problems) < MAX_PROBLEMS:
            _attempt(problems, partial(_step, walk, chain, row))
    _attempt(problems, lambda: _check_frontier(database))
    _attempt(problems, office)
    entries = _attempt(problems, audit.verify)
    staff = _attempt(problems, lambda: _check_people(people, consents))
    opened = _attempt(problems, templates.check_all)
    return Verification(walk.events, walk.epochs, entries, staff, opened, tuple(problems[:MAX_PROBLEMS]))


def _check_checkpoint(database: Database, chain: checkpoints.ChainName) -> None:
    with database.read() as connection:
        site, device = connection.execute("SELECT site, device FROM identity").fetchone()
        checkpoints.check(connection, chain, address=Address(site, device))


def _begins(connection: sqlite3.Connection) -> EventId | None:
    """The last event that was removed, behind which the chain goes on."""
    first = checkpoints.begins(connection, "events")
    if first is None:
        return None
    device = connection.execute("SELECT device FROM identity").fetchone()[0]
    return EventId(DeviceId(device), EpochId(first.epoch), first.seq, first.hash.hex())


def _step(walk: _Walk, chain: Chain, row: tuple[Any, ...]) -> None:
    walk.step(chain.open_row(row))


def _attempt(problems: list[str], check: Callable[[], int | None]) -> int:
    try:
        return check() or 0
    except ClockfaceError as error:
        problems.append(f"{type(error).__name__}: {error.what} ({error.where})")
        return 0


def _check_file(database: Database, problems: list[str]) -> None:
    with database.read() as connection:
        found = [row[0] for row in connection.execute("PRAGMA integrity_check(10)")]
        problems.extend(f"SQLite: {line.splitlines()[0][:120]}" for line in found if line != "ok")
        dangling = connection.execute("PRAGMA foreign_key_check").fetchall()
        problems.extend(f"a row of {row[0]} points at nothing" for row in dangling[:5])


def _event_rows(database: Database) -> Iterator[tuple[Any, ...]]:
    position = 0
    while True:
        with database.read() as connection:
            rows = connection.execute(
                f"SELECT {COLUMNS} WHERE position > ? ORDER BY position LIMIT {_BATCH}",
                (position,),
            ).fetchall()
        if not rows:
            return
        yield from rows
        position = rows[-1][0]


def _check_frontier(database: Database) -> None:
    with database.read() as connection:
        row = connection.execute(
            "SELECT frontier.hash, events.hash FROM frontier LEFT JOIN events USING (epoch, seq)"
        ).fetchone()
        strange = connection.execute(
            "SELECT count(*) FROM committed LEFT JOIN events USING (position) "
            "WHERE committed.position > coalesce("
            "(SELECT position FROM checkpoints WHERE chain = 'events'), 0) "
            "AND (events.hash IS NULL OR (events.epoch, events.seq, events.hash) <> "
            "(committed.epoch, committed.seq, committed.hash))"
        ).fetchone()[0]
    if row is not None and row[0] != row[1]:
        raise LedgerCorrupt("the event that the office last committed is gone or another", where="frontier")
    if strange:
        raise LedgerCorrupt("an event that the office committed is gone or another", where="committed")


def _check_people(people: People, consents: Consents) -> int:
    everybody = people.list()
    for person in everybody:
        consents.history(person.person_id)
    return len(everybody)


def _public_keys(connection: sqlite3.Connection) -> dict[str, bytes]:
    return dict(connection.execute("SELECT epoch, public_key FROM epochs"))


def _raw_key(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=")
