"""The ledger's file: created whole, opened with care, owned by one, never half written."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import sqlite_utils

from edge.errors import LedgerLocked, LedgerMissing, LedgerNewer, StoreError
from edge.store import database as database_module
from edge.store.database import Database, apply_migration
from edge.store.schema import APPLICATION_ID, MIGRATIONS, NEWEST, Migration
from edge.store.store import Store
from tests.edge.store.given import Premises, enrolled, profile, punch
from tests.fakes import ManualClock

ROOT = os.geteuid() == 0


def test_a_new_ledger_is_closed_to_others_and_durable(store: Store, premises: Premises) -> None:
    assert stat.S_IMODE(premises.path.stat().st_mode) == 0o600
    with store.database.read() as connection:
        setting = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "locking_mode")
        }
    assert setting == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "secure_delete": 1,
        "locking_mode": "exclusive",
    }


def test_every_table_is_strict_and_known_to_sqlite_as_ours(store: Store, premises: Premises) -> None:
    store.close()
    opened = sqlite_utils.Database(sqlite3.connect(premises.path))
    assert opened.table_names()
    assert all(table.strict for table in opened.tables)
    assert opened.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    assert list(opened["migrations"].rows) == [
        {"version": m.version, "name": m.name, "software": "0.1.0"} for m in MIGRATIONS
    ]
    opened.close()


def test_creating_never_overwrites(store: Store, premises: Premises) -> None:
    before = premises.path.read_bytes()
    store.close()
    with pytest.raises(StoreError, match="exists already"):
        premises.create()
    assert premises.path.read_bytes()[:100] == before[:100]
    premises.path.unlink()
    premises.path.symlink_to("nowhere")
    with pytest.raises(StoreError, match="exists already"):
        premises.create()


def test_a_creation_that_fails_leaves_nothing_and_can_be_repeated(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"

    def fail(_database: Database) -> None:
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        Database.create(path, fail)
    assert [file.name for file in tmp_path.iterdir()] == ["ledger.db.lock"]
    (tmp_path / ".ledger.db.new").write_bytes(b"left by a kill")
    Database.create(path, lambda _database: None)
    Database.open(path).close()


def test_opening_what_is_not_there_makes_nothing(premises: Premises) -> None:
    with pytest.raises(LedgerMissing, match="clockface init"):
        premises.open()
    assert not premises.path.exists()
    with pytest.raises(LedgerMissing):
        Database.create(premises.path.parent / "none" / "ledger.db", lambda _database: None)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
def test_a_ledger_open_to_others_is_refused_with_the_remedy(
    store: Store, premises: Premises, mode: int
) -> None:
    store.close()
    premises.path.chmod(mode)
    with pytest.raises(StoreError, match="chmod 0600"):
        premises.open()


def test_a_second_owner_is_refused_in_this_process_and_in_another(store: Store, premises: Premises) -> None:
    with pytest.raises(LedgerLocked, match="another process"):
        premises.open()
    code = (
        "import sys; from pathlib import Path; from edge.store.database import Database\n"
        "from edge.errors import LedgerLocked\n"
        "try: Database.open(Path(sys.argv[1]))\nexcept LedgerLocked as error: sys.exit(error.exit_code)"
    )
    other = subprocess.run([sys.executable, "-c", code, str(premises.path)], check=False, timeout=60)
    assert other.returncode == LedgerLocked.exit_code
    assert store.people.list() == ()
    store.close()
    premises.open().close()


def test_a_foreign_tool_that_holds_the_file_is_a_lock_too(
    store: Store, premises: Premises, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.close()
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_S", 0.05)
    tool = sqlite3.connect(premises.path, isolation_level=None)
    tool.execute("PRAGMA locking_mode = EXCLUSIVE").fetchone()
    tool.execute("BEGIN IMMEDIATE")
    tool.execute("CREATE TABLE mine (x)")
    with pytest.raises(LedgerLocked):
        premises.open()
    tool.execute("ROLLBACK")
    tool.close()
    premises.open().close()


def test_a_newer_ledger_is_refused_and_left_untouched(store: Store, premises: Premises) -> None:
    store.close()
    newer = sqlite3.connect(premises.path)
    newer.execute(f"PRAGMA user_version = {NEWEST + 1}")
    newer.close()
    before = premises.path.read_bytes()
    with pytest.raises(LedgerNewer, match=f"version {NEWEST + 1}"):
        premises.open()
    assert premises.path.read_bytes() == before


def test_a_newer_version_that_is_still_in_the_log_is_seen_too(store: Store, premises: Premises) -> None:
    store.close()
    newer = sqlite3.connect(premises.path)
    newer.execute(f"PRAGMA user_version = {NEWEST + 7}")
    copy = premises.path.parent / "copy"
    copy.mkdir(mode=0o700)
    for suffix in ("", "-wal"):
        shutil.copy(str(premises.path) + suffix, copy)
    newer.close()
    before = (copy / "ledger.db").read_bytes()
    with pytest.raises(LedgerNewer):
        Database.open(copy / "ledger.db")
    assert (copy / "ledger.db").read_bytes() == before


def test_a_write_that_raises_leaves_no_trace_and_an_inner_one_only_its_own(store: Store) -> None:

    def add_and_fail(number: int) -> None:
        with store.database.write():
            store.people.add(profile(number))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        add_and_fail(1)
    assert store.people.list() == ()
    with store.database.write():
        store.people.add(profile(1))
        with pytest.raises(RuntimeError):
            add_and_fail(2)
    assert [person.profile.number for person in store.people.list()] == ["1"]
    assert store.audit.verify() == 3  # the ledger's creation (2 entries) and one person


def test_a_migration_and_its_record_share_a_transaction(store: Store) -> None:
    broken = Migration(NEWEST + 1, "half", ("CREATE TABLE half (x)", "CREATE TABLE half (y)"))
    with store.database.read() as connection:
        with pytest.raises(sqlite3.OperationalError):
            apply_migration(connection, broken)
        assert connection.execute("PRAGMA user_version").fetchone()[0] == NEWEST
        assert not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'half'").fetchall()
        assert connection.execute("SELECT max(version) FROM migrations").fetchone()[0] == NEWEST


def test_history_cannot_be_rewritten_by_a_statement(store: Store, clock: ManualClock) -> None:
    store.events.record(punch(enrolled(store), clock.now()))
    for statement in (
        "UPDATE events SET hash = zeroblob(32)",
        "UPDATE events SET seq = seq + 1",
        "UPDATE events SET signature = zeroblob(64)",
        "UPDATE audit SET hash = zeroblob(32)",
    ):
        with pytest.raises(StoreError), store.database.write() as connection:
            connection.execute(statement)
    assert store.verify().intact


def test_a_closed_ledger_says_so_and_closes_twice(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.people.list()


def test_threads_take_turns_and_nothing_is_lost(store: Store, clock: ManualClock) -> None:
    people = [enrolled(store, number) for number in range(8)]
    start = clock.now()
    failures: list[BaseException] = []

    def work(index: int) -> None:
        mine = ManualClock(start)
        try:
            for _ in range(15):
                store.events.record(punch(people[index], mine.advance(1)))
                store.people.get(people[index])
                store.events.envelopes_after(None, limit=5)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failures.append(error)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(people))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert store.events.count() == 1 + 8 * 15
    assert store.verify().intact


def test_a_ledger_of_the_first_version_keeps_what_the_office_has_acknowledged(
    store: Store, premises: Premises, clock: ManualClock
) -> None:
    person_id = enrolled(store)
    old = [store.events.record(punch(person_id, clock.advance(60))).id for _ in range(2)]
    store.events.begin_epoch("replaced")
    new = [store.events.record(punch(person_id, clock.advance(60))).id for _ in range(3)]
    store.close()
    connection = sqlite3.connect(premises.path, isolation_level=None)
    connection.execute(  # as version 1 wrote it: one frontier over all epochs
        "INSERT INTO frontier SELECT 1, epoch, seq, hash, position FROM events WHERE position = 5"
    )
    for table in ("office", "committed", "superseded", "parcels", "office_progress", "results"):
        connection.execute(f"DROP TABLE {table}")
    connection.execute("ALTER TABLE clock_mark DROP COLUMN trusted_us")
    for table in ("out_of_service", "messages", "site_people", "shared_templates", "sealed_templates"):
        connection.execute(f"DROP TABLE {table}")
    for table in ("checkpoints", "template_dates", "key_rotation", "voided", "lockouts", "credentials"):
        connection.execute(f"DROP TABLE {table}")
    for table in ("badge_key", "badges", "cards", "audit_handed_in"):
        connection.execute(f"DROP TABLE {table}")
    connection.execute("ALTER TABLE storage_keys DROP COLUMN since_us")
    connection.execute("DELETE FROM migrations WHERE version > 1")
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    migrated = premises.open()
    assert migrated.frontier.current() == new[0]
    assert migrated.frontier.committed(old[1].epoch) == old[1]
    assert migrated.frontier.pending().events == 2
    assert migrated.frontier.advance(new[2])
    assert migrated.frontier.pending_count() == 0
    assert migrated.verify().intact
    migrated.close()


def test_a_copy_is_whole_while_the_ledger_is_written(
    store: Store, premises: Premises, clock: ManualClock, tmp_path: Path
) -> None:
    person_id = enrolled(store)
    for _ in range(300):
        store.events.record(punch(person_id, clock.advance(60)))
    before, target = store.events.count(), tmp_path / "copies" / "ledger.db"
    target.parent.mkdir()
    copying = threading.Thread(target=store.database.copy_to, args=(target,))
    copying.start()
    while copying.is_alive():
        store.events.record(punch(person_id, clock.advance(60)))
    after = store.events.count()
    assert target.stat().st_mode & 0o777 == 0o600
    copied = replace(premises, path=target).open()
    assert before <= copied.events.count() <= after
    assert copied.verify().intact
    copied.close()


def test_a_copy_ends_when_the_ledger_is_closed(store: Store, tmp_path: Path) -> None:
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.database.copy_to(tmp_path / "copy.db")
