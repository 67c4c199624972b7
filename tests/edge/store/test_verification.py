"""A complete check finds every way in which a ledger can be altered, and says where."""

import hashlib
import sqlite3
from collections.abc import Callable

import pytest

from edge.errors import LedgerCorrupt
from edge.store.store import Store
from sync.wire import envelope
from tests.edge.store.given import Premises, enrolled, keyring, punch, template
from tests.fakes import ManualClock

Alteration = Callable[[sqlite3.Connection, Store], object]


def with_history(store: Store, clock: ManualClock) -> None:
    person_id = enrolled(store)
    store.templates.add(template(person_id))
    for _ in range(4):
        store.events.record(punch(person_id, clock.advance(1)))
    store.frontier.advance(store.events.record(punch(person_id, clock.advance(1))).id)
    store.events.begin_epoch("restored")
    store.events.record(punch(person_id, clock.advance(1)))


def test_a_sound_ledger_is_intact_and_counted(store: Store, clock: ManualClock) -> None:
    with_history(store, clock)
    found = store.verify()
    assert found.intact
    assert (found.events, found.epochs, found.people, found.templates) == (8, 2, 1, 1)
    assert found.audit_entries == 6


def free(connection: sqlite3.Connection) -> None:
    """An attacker with the file drops what stands in the way."""
    for trigger in ("events_are_history", "audit_is_history"):
        connection.execute(f"DROP TRIGGER {trigger}")


def resign(connection: sqlite3.Connection, _store: Store) -> None:
    stranger = keyring().signing
    (payload,) = connection.execute("SELECT payload FROM events WHERE position = 3").fetchone()
    signature = stranger.private.sign(envelope.pae(envelope.EVENT_TYPE, payload))
    connection.execute("UPDATE events SET signature = ? WHERE position = 3", (signature,))


def rewrite(connection: sqlite3.Connection, store: Store) -> bytes:
    """Somebody with the DATA key, but without the signing key, changes who came."""
    row = connection.execute("SELECT payload, written_by FROM events WHERE position = 3").fetchone()
    vault = store.chain._vault
    payload = vault.open(*row, where="").replace(b'"direction":"in"', b'"direction":"out"')
    connection.execute(
        "UPDATE events SET payload = ?, hash = ? WHERE position = 3",
        (vault.seal(payload), hashlib.sha256(payload).digest()),
    )
    return payload


def rewrite_and_sign(connection: sqlite3.Connection, store: Store) -> None:
    """Somebody with every key changes one event, but not all that follow it."""
    payload = rewrite(connection, store)
    signature = store.chain._signing.private.sign(envelope.pae(envelope.EVENT_TYPE, payload))
    connection.execute("UPDATE events SET signature = ? WHERE position = 3", (signature,))


ALTERATIONS: dict[str, tuple[Alteration, str]] = {
    "an event deleted": (lambda c, _: c.execute("DELETE FROM events WHERE position = 4"), "missing"),
    "the first event deleted": (
        lambda c, _: c.execute("DELETE FROM events WHERE position = 1"),
        "does not begin with its first event",
    ),
    "an epoch deleted": (lambda c, _: c.execute("DELETE FROM events WHERE epoch = 1"), "does not follow"),
    "the end cut off before what the office has": (
        lambda c, _: c.execute("DELETE FROM events WHERE position > 4"),
        "the office last committed",
    ),
    "a hash changed": (
        lambda c, _: c.execute("UPDATE events SET hash = zeroblob(32) WHERE position = 4"),
        "hash",
    ),
    "a previous hash changed": (
        lambda c, _: c.execute("UPDATE events SET prev_hash = zeroblob(32) WHERE position = 4"),
        "another place",
    ),
    "a signature changed": (
        lambda c, _: c.execute("UPDATE events SET signature = zeroblob(64) WHERE position = 4"),
        "signature",
    ),
    "a stranger's signature": (resign, "signature"),
    "a body rewritten with the DATA key": (rewrite, "signature"),
    "a body rewritten with all keys": (rewrite_and_sign, "chain is broken"),
    "the newest hash changed": (
        lambda c, _: c.execute("UPDATE events SET hash = zeroblob(32) WHERE position = 8"),
        "does not match its hash",
    ),
    "a payload changed": (
        lambda c, _: c.execute("UPDATE events SET payload = x'00' WHERE position = 4"),
        "altered",
    ),
    "two events swapped": (
        lambda c, _: [
            c.execute("UPDATE events SET position = ? WHERE position = ?", move)
            for move in ((99, 3), (3, 4), (4, 99))
        ],
        "",
    ),
    "a day changed": (lambda c, _: c.execute("UPDATE events SET punch_day = 1 WHERE position = 4"), "day"),
    "an epoch's key changed": (
        lambda c, _: c.execute("UPDATE epochs SET public_key = zeroblob(32) WHERE ordinal = 2"),
        "public key",
    ),
    "an epoch's signer changed": (
        lambda c, _: c.execute("UPDATE epochs SET signer = 'x' WHERE ordinal = 2"),
        "another key",
    ),
    "the frontier on another hash": (
        lambda c, _: c.execute("UPDATE frontier SET hash = zeroblob(32)"),
        "frontier",
    ),
    "an audit entry deleted": (lambda c, _: c.execute("DELETE FROM audit WHERE seq = 2"), "audit chain"),
    "an audit entry changed": (
        lambda c, _: c.execute("UPDATE audit SET body = (SELECT body FROM audit WHERE seq = 1) WHERE seq = 2"),
        "another row",
    ),
    "an audit hash changed": (
        lambda c, _: c.execute("UPDATE audit SET hash = zeroblob(32) WHERE seq = 2"),
        "hash",
    ),
    "a profile changed": (lambda c, _: c.execute("UPDATE people SET profile = x'00'"), "altered"),
    "a consent changed": (lambda c, _: c.execute("UPDATE consents SET body = x'00'"), "altered"),
    "a template changed": (lambda c, _: c.execute("UPDATE templates SET vector = x'00'"), "altered"),
    "a key's name changed": (
        lambda c, _: c.execute("UPDATE templates SET written_by = 1"),
        "",
    ),
}


@pytest.mark.parametrize("name", ALTERATIONS)
def test_an_alteration_is_found(name: str, store: Store, clock: ManualClock) -> None:
    alter, says = ALTERATIONS[name]
    with_history(store, clock)
    with store.database.write() as connection:
        free(connection)
        alter(connection, store)
    found = store.verify()
    assert not found.intact
    assert any(says in problem for problem in found.problems)


def test_a_tail_that_does_not_hold_keeps_the_ledger_from_opening(
    store: Store, premises: Premises, clock: ManualClock
) -> None:
    with_history(store, clock)
    with store.database.write() as connection:
        free(connection)
        connection.execute("UPDATE events SET signature = zeroblob(64) WHERE position = 7")
    store.close()
    with pytest.raises(LedgerCorrupt, match="signature"):
        premises.open()


def test_recording_goes_on_between_the_batches_of_a_check(store: Store, clock: ManualClock) -> None:
    person_id = enrolled(store)
    with store.database.write():
        for _ in range(450):
            store.events.record(punch(person_id, clock.advance(1)))
    import threading

    stop = threading.Event()
    recorded = 0

    def work() -> None:
        nonlocal recorded
        while not stop.is_set():
            store.events.record(punch(person_id, clock.advance(1)))
            recorded += 1

    thread = threading.Thread(target=work)
    thread.start()
    try:
        found = store.verify()
    finally:
        stop.set()
        thread.join(30)
    assert found.intact
    assert recorded > 0
