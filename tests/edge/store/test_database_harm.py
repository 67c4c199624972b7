"""What happens to a ledger from outside: damage, files that are none, closed folders, full disks."""

import os
import random
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from clockface.errors import SecretWrong
from edge.errors import LedgerCorrupt, LedgerDiskFull, LedgerNewer, LedgerReadOnly
from edge.store.store import Store
from tests.edge.store.given import Premises, enrolled, profile, punch
from tests.edge.store.test_database import ROOT
from tests.fakes import ManualClock


@pytest.mark.parametrize(
    "content", [b"", b"SQLite", b"not a database " * 100, b"SQLite format 3\0" + bytes(84)]
)
def test_what_is_no_ledger_is_refused_and_left_untouched(premises: Premises, content: bytes) -> None:
    premises.path.write_bytes(content)
    premises.path.chmod(0o600)
    with pytest.raises(LedgerCorrupt, match="not a Clockface ledger"):
        premises.open()
    assert premises.path.read_bytes() == content


def test_another_programs_database_is_refused(premises: Premises) -> None:
    other = sqlite3.connect(premises.path)
    other.execute("CREATE TABLE t (x)")
    other.close()
    premises.path.chmod(0o600)
    with pytest.raises(LedgerCorrupt, match="not a Clockface ledger"):
        premises.open()


def test_damage_at_any_place_is_a_named_error_or_found_by_the_check(
    store: Store, premises: Premises, clock: ManualClock
) -> None:
    """Bytes overwritten at random: opening, reading or verifying says so, and nothing else escapes."""
    for number in range(60):  # enough that most pages are full
        store.events.record(punch(enrolled(store, number), clock.advance(1)))
    store.close()
    sound = premises.path.read_bytes()
    drawn = random.Random(20261122)  # noqa: S311 - repeatable, not secret
    noticed = 0
    for _ in range(40):
        damaged = bytearray(sound)
        offset = drawn.randrange(len(sound) - 600)
        damaged[offset : offset + 512] = drawn.randbytes(512)
        premises.path.write_bytes(damaged)
        noticed += _damage_is_named(premises)
    assert noticed >= 20  # the rest hit free pages


def _damage_is_named(premises: Premises) -> bool:
    try:
        opened = premises.open()
    except (LedgerCorrupt, LedgerNewer, SecretWrong):
        return True
    try:
        return not opened.verify().intact
    finally:
        opened.close()


def test_a_cut_file_is_corrupt(store: Store, premises: Premises) -> None:
    for number in range(50):
        store.people.add(profile(number))
    store.close()
    with premises.path.open("r+b") as file:
        file.truncate(premises.path.stat().st_size // 2)
    with pytest.raises(LedgerCorrupt):
        premises.open()


def as_nobody(premises: Premises, statement: str) -> int:
    """Run a statement on the ledger as a user without privileges; returns the exit code of its error."""
    code = (
        "import os, sys; from pathlib import Path\n"
        "from edge.store.database import Database\n"
        "from clockface.errors import ClockfaceError\n"
        "path = Path(sys.argv[1])\n"
        "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        f"try: {statement}\nexcept ClockfaceError as error: print(error); sys.exit(error.exit_code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(premises.path)],
        check=False,
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert done.returncode > 1, done.stderr
    return done.returncode


@pytest.fixture
def handed_over(premises: Premises) -> Iterator[Premises]:
    """A ledger of a user without privileges, where that user can reach it: so modes hold for root too."""
    with tempfile.TemporaryDirectory() as folder:
        there = replace(premises, path=Path(folder) / "ledger.db")
        there.create().close()
        if ROOT:
            for file in (Path(folder), *Path(folder).iterdir()):
                os.chown(file, 65534, 65534)
        yield there


def test_a_ledger_that_cannot_be_written_is_read_only(handed_over: Premises) -> None:
    handed_over.path.chmod(0o400)
    assert as_nobody(handed_over, "Database.open(path)") == LedgerReadOnly.exit_code


def test_a_folder_that_cannot_be_written_is_read_only(handed_over: Premises) -> None:
    (handed_over.path.parent / "ledger.db.lock").unlink()
    handed_over.path.parent.chmod(0o500)
    try:
        assert as_nobody(handed_over, "Database.open(path)") == LedgerReadOnly.exit_code
    finally:
        handed_over.path.parent.chmod(0o700)


@pytest.mark.skipif(not ROOT, reason="only root can make a folder that this user may not enter")
def test_a_folder_that_cannot_be_entered_is_not_taken_for_a_missing_ledger(handed_over: Premises) -> None:
    os.chown(handed_over.path.parent, 0, 0)
    assert as_nobody(handed_over, "Database.open(path)") == LedgerReadOnly.exit_code


def fill(store: Store, clock: ManualClock, *, most: int = 5000) -> int:
    """Record until the ledger refuses; returns how many punches were confirmed."""
    person = enrolled(store)
    for count in range(most):
        try:
            store.events.record(punch(person, clock.advance(1)))
        except LedgerDiskFull as error:
            assert "df -h" in str(error)  # noqa: PT017 - the loop goes on in the other case
            return count
    raise AssertionError("the disk never filled")


def test_a_full_ledger_is_named_loses_nothing_and_goes_on_when_there_is_room(
    store: Store, premises: Premises, clock: ManualClock
) -> None:
    with store.database.read() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 30}").fetchone()
    confirmed = fill(store, clock)
    assert confirmed > 5
    assert len(list(store.events.punches())) == confirmed
    with store.database.read() as connection:
        connection.execute("PRAGMA max_page_count = 100000").fetchone()
    store.events.record(punch(store.people.list()[0].person_id, clock.advance(1)))
    assert store.verify().intact
    assert len(list(store.events.punches())) == confirmed + 1


def test_a_full_disk_is_named_loses_nothing_and_goes_on_when_there_is_room(
    tmp_path: Path, premises: Premises, clock: ManualClock
) -> None:
    small = tmp_path / "small"
    small.mkdir(mode=0o700)
    mounted = ROOT and (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(small)],
            check=False,
            capture_output=True,
        ).returncode
        == 0
    )
    if not mounted:
        pytest.skip("needs the right to mount a small tmpfs; the test before fills the ledger itself")
    try:
        _fill_disk(Premises(small / "ledger.db", premises.keys, clock), clock)
    finally:
        subprocess.run(["umount", str(small)], check=True)


def _fill_disk(premises: Premises, clock: ManualClock) -> None:
    ballast = premises.path.parent / "ballast"
    store = premises.create()
    ballast.write_bytes(bytes(300_000))
    confirmed = fill(store, clock)
    store.close()
    reopened = premises.open()
    assert len(list(reopened.events.punches())) == confirmed
    ballast.unlink()
    reopened.events.record(punch(reopened.people.list()[0].person_id, clock.advance(1)))
    assert reopened.verify().intact
    reopened.close()
