"""Who judges the end: what employees saw confirmed against what stands in the office's database.

Works on files and rows alone, after everything has stopped. It trusts neither side: signatures, hashes and
chains of the office's rows are checked again with the devices' keys, and each device's ledger checks itself.
"""

import collections
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from edge.store.chain import COLUMNS
from edge.store.checkpoints import pruned
from scripts.fault_injection.kiosk import LEDGER, Confirmed, Kiosk
from scripts.fault_injection.rig import Rig
from sync.office.database import Database, schema
from sync.wire import envelope
from sync.wire.canonical import digest
from sync.wire.events import GENESIS

SHOWN = 5


@dataclass
class Judgement:
    """What was found.

    Attributes:
        confirmed: Events that somebody saw confirmed.
        stored: Events in the office, of every type.
        reissued: Confirmed events that the office holds under a later identity that names the first.
        linked: Confirmed events that it holds under both.
        quarantined: Messages in quarantine.
        problems: What must not be; empty when all is well.
    """

    confirmed: int = 0
    stored: int = 0
    reissued: int = 0
    linked: int = 0
    quarantined: int = 0
    forks: int = 0
    problems: list[str] = field(default_factory=list)

    def must(self, holds: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence
        """Note a problem unless something holds."""
        if not holds and len(self.problems) < 50:
            self.problems.append(what)


def judge(rig: Rig, *, last_forged: set[bytes]) -> Judgement:
    """Judge a run whose processes have stopped."""
    found = Judgement()
    with rig.office.database() as database:
        for kiosk in rig.kiosks:
            _judge_kiosk(found, kiosk, database)
        _judge_quarantine(found, database, forged=rig.forged, last=last_forged)
    return found


def _judge_kiosk(found: Judgement, kiosk: Kiosk, database: Database) -> None:
    rows = _rows(database, kiosk)
    found.stored += len(rows)
    _check_chains(found, kiosk, rows, database)
    stored = {Confirmed(row.epoch, row.seq, row.hash.hex()) for row in rows}
    made = set(_made(kiosk))
    name = kiosk.address.device
    strange = _without_removed(kiosk, stored - made)
    found.must(not strange, f"{name}: {len(strange)} events that the device never made: {_some(strange)}")
    _check_confirmed(found, kiosk, rows, stored)
    with kiosk.opened(kiosk.state) as store:
        checked = store.verify()
        found.must(not checked.problems, f"{name}: its ledger: {checked.problems[:SHOWN]}")
        found.must(store.frontier.pending_count() == 0, f"{name}: events are still pending")
        head, frontier = store.events.head(), store.frontier.current()
        found.must(head == frontier, f"{name}: frontier {frontier} is not the head {head}")


def _rows(database: Database, kiosk: Kiosk) -> list[object]:
    events, epochs, devices = schema.events, schema.epochs, schema.devices
    columns = (
        epochs.c.epoch, events.c.seq, events.c.hash, events.c.prev_hash, events.c.envelope, events.c.type,
        events.c.reissues_epoch, events.c.reissues_seq, events.c.reissues_hash,
    )  # fmt: skip
    with database.read() as connection:
        return list(
            connection.execute(
                select(*columns)
                .join_from(events, epochs, epochs.c.id == events.c.epoch_id)
                .join(devices, devices.c.id == events.c.device_id)
                .where(devices.c.site == kiosk.address.site, devices.c.device == kiosk.address.device)
                .order_by(epochs.c.epoch, events.c.seq)
            )
        )


def _check_chains(found: Judgement, kiosk: Kiosk, rows: list[object], database: Database) -> None:
    """Every signature, hash and link; numbers without gaps; the frontier where the rows end."""
    key = kiosk.keyring.signing
    keys = {key.key_id: key.private.public_key()}
    name = kiosk.address.device
    ends: dict[str, tuple[int, str]] = {}
    for row in rows:
        payload = envelope.verify(envelope.decode(bytes(row.envelope)), keys=keys)
        seq, before = ends.get(row.epoch, (0, GENESIS))
        found.must(digest(payload) == row.hash.hex(), f"{name} {row.epoch}/{row.seq}: hash and original differ")
        found.must(row.seq == seq + 1, f"{name} {row.epoch}: {row.seq} follows {seq}")
        found.must(row.prev_hash.hex() == before, f"{name} {row.epoch}/{row.seq}: the chain is broken")
        claimed = json.loads(payload)
        found.must(
            (claimed["epoch"], claimed["seq"]) == (row.epoch, row.seq),
            f"{name} {row.epoch}/{row.seq}: other name",
        )
        ends[row.epoch] = (row.seq, row.hash.hex())
    found.must(ends == _frontiers(database, kiosk), f"{name}: frontiers are not where the events end")


def _frontiers(database: Database, kiosk: Kiosk) -> dict[str, tuple[int, str]]:
    epochs, devices = schema.epochs, schema.devices
    with database.read() as connection:
        rows = connection.execute(
            select(epochs.c.epoch, epochs.c.frontier_seq, epochs.c.frontier_hash)
            .join_from(epochs, devices, devices.c.id == epochs.c.device_id)
            .where(devices.c.device == kiosk.address.device, epochs.c.frontier_seq > 0)
        )
        return {row.epoch: (row.frontier_seq, bytes(row.frontier_hash).hex()) for row in rows}


def _made(kiosk: Kiosk) -> Iterator[Confirmed]:
    """Every event that this device ever made, in this life and in all before."""
    for ledger in _ledgers(kiosk):
        with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as connection:
            for epoch, seq, hash_ in connection.execute(
                "SELECT epochs.epoch, seq, hash FROM events JOIN epochs ON epochs.ordinal = events.epoch"
            ):
                yield Confirmed(epoch, seq, hash_.hex())
        connection.close()


def _without_removed(kiosk: Kiosk, events: set[Confirmed]) -> set[Confirmed]:
    """Less those that a ledger's checkpoint names as removed: a full disk lets confirmed events go.

    The checkpoint's signature is held by the ledger's own verification, the events' by `_check_chains`.
    """
    left = set(events)
    for ledger in _ledgers(kiosk):
        with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as connection:
            left = {each for each in left if not pruned(connection, each.epoch, each.seq)}
    return left


def _ledgers(kiosk: Kiosk) -> list[Path]:
    return [kiosk.ledger, *sorted(kiosk.histories.glob(f"*-past/{LEDGER}"))]


def _check_confirmed(found: Judgement, kiosk: Kiosk, rows: list[object], stored: set[Confirmed]) -> None:
    """Each confirmed event stands in the office, under its own name or under one that leads back to it."""
    confirmed = collections.Counter(kiosk.confirmed())
    found.confirmed += len(confirmed)
    name = kiosk.address.device
    twice = [each for each, times in confirmed.items() if times > 1]
    found.must(not twice, f"{name}: confirmed under one name twice: {_some(twice)}")
    links = {
        Confirmed(row.epoch, row.seq, row.hash.hex()): Confirmed(
            row.reissues_epoch, row.reissues_seq, row.reissues_hash.hex()
        )
        for row in rows
        if row.reissues_epoch is not None
    }
    links = _all_links(kiosk) if links else {}
    copies = collections.Counter(_root(each, links) for each in stored)
    missing = [each for each in confirmed if not copies[each]]
    found.must(not missing, f"{name}: {len(missing)} confirmed events are missing: {_some(missing)}")
    for each in confirmed:
        if each not in stored and copies[each]:
            found.reissued += 1
        elif copies[each] > 1:
            found.linked += 1


def _all_links(kiosk: Kiosk) -> dict[Confirmed, Confirmed]:
    """Which event each reissue repeats, also those that were refused in their turn: from the ledgers."""
    links: dict[Confirmed, Confirmed] = {}
    folders = [kiosk.state, *sorted(kiosk.histories.glob("*-past"))]
    for folder in folders:
        with kiosk.opened(folder) as store, store.database.read() as connection:
            for row in connection.execute(f"SELECT {COLUMNS}"):
                stored = store.chain.open_row(row)
                first = json.loads(stored.payload)["data"].get("reissues")
                if first:
                    own = Confirmed(stored.id.epoch, stored.id.seq, stored.id.hash)
                    links[own] = Confirmed(first["epoch"], first["seq"], first["hash"])
    return links


def _root(event: Confirmed, links: dict[Confirmed, Confirmed]) -> Confirmed:
    for _ in range(len(links) + 1):
        if event not in links:
            return event
        event = links[event]
    return event


def _judge_quarantine(found: Judgement, database: Database, *, forged: set[bytes], last: set[bytes]) -> None:
    with database.read() as connection:
        rows = connection.execute(
            select(schema.quarantine.c.digest, schema.quarantine.c.reason, schema.quarantine.c.detail)
        ).all()
        found.forks = len(connection.execute(select(schema.forks.c.id)).all())
    held = {bytes(row.digest) for row in rows}
    found.quarantined = len(held)
    innocent = [f"{row.reason}: {row.detail}" for row in rows if bytes(row.digest) not in forged]
    found.must(not innocent, f"quarantine holds {len(innocent)} that nobody forged: {innocent[:SHOWN]}")
    found.must(last <= held, f"{len(last - held)} of the last {len(last)} forgeries are not in quarantine")


def _some(events: object) -> str:
    return ", ".join(f"{each.epoch}/{each.seq}" for each in sorted(events, key=str)[:SHOWN])  # type: ignore[attr-defined, call-overload]
