"""A backup tells nothing to a thief, holds to what it says, and comes back without what was erased since."""

from contextlib import closing
from pathlib import Path

import pyrage
import pytest

from clockface.errors import ClockfaceError
from edge.errors import BackupRefused, StoreError
from edge.store.backup import Manifest, check, describe, new_recovery_key, open_recovery_key, seal, unseal
from edge.store.erasures import FILE, Erasures
from edge.store.keyplace import KeyFiles, listed
from edge.store.keys import DATA_FILE, FACE_FILE, KEYS_FOLDER, SIGNING_FILE, generate_keys, load_keyring
from edge.store.restoring import add_keys, keys_of, restore
from edge.store.store import Store, create_store, ledger_path, open_store
from tests.edge.store.given import CONSENT, KIOSK, SITE, punch
from tests.edge.store.test_rotation import filled
from tests.fakes import ManualClock

BADGE = "5b" * 12
PASSPHRASE = "a passphrase of the test, long enough"


@pytest.fixture
def state(tmp_path: Path, clock: ManualClock) -> Path:
    folder = tmp_path / "state"
    generate_keys(folder)
    keys = load_keyring(state=folder, environment={}, allow_environment=False)
    made = create_store(ledger_path(folder), keyring=keys, clock=clock, device=KIOSK, site=SITE)
    with closing(made) as store:
        filled(store, clock)
    return folder


@pytest.fixture(scope="module")
def recovery() -> tuple[bytes, str]:
    return new_recovery_key(PASSPHRASE)


def opened(state: Path, clock: ManualClock) -> Store:
    return open_store(ledger_path(state), keyring=keys_of(state), clock=clock, device=KIOSK, site=SITE)


def back_up(state: Path, clock: ManualClock, target: Path, recipient: str) -> Manifest:
    files = KeyFiles(state / KEYS_FOLDER)
    copy = target.with_suffix(".copy")
    erasures = Erasures(state / FILE).count()
    with closing(opened(state, clock)) as store:
        store.database.copy_to(copy)
    lists = files.read(DATA_FILE), files.read(FACE_FILE)
    manifest = describe(copy, made_at="2026-03-02", software="1", erasures=erasures, keys=lists)
    seal(copy, manifest, recipient=recipient, target=target)
    copy.unlink()
    return manifest


@pytest.fixture
def backup(state: Path, clock: ManualClock, tmp_path: Path, recovery: tuple[bytes, str]) -> Path:
    target = tmp_path / "backup.age"
    back_up(state, clock, target, recovery[1])
    return target


@pytest.fixture(scope="module")
def identity(recovery: tuple[bytes, str]) -> object:
    """Opened once: age's work factor takes seconds."""
    return open_recovery_key(recovery[0], PASSPHRASE)


def bring_back(state: Path, backup: Path, identity: object, clock: ManualClock) -> str:
    draft = state / ".restore" / "ledger.db"
    draft.parent.mkdir()
    manifest = unseal(backup, identity=identity, target=draft)
    check(draft, manifest)
    add_keys(state, manifest)
    done = restore(draft, manifest, state=state, clock=clock, keyring=keys_of(state), actor="jones")
    return done.reason


def test_a_backup_opens_with_the_recovery_key_and_holds_what_it_says(
    backup: Path, identity: object, tmp_path: Path
) -> None:
    manifest = unseal(backup, identity=identity, target=tmp_path / "out.db")
    assert manifest.counts["people"] == 3
    assert manifest.counts["templates"] == 3
    assert check(tmp_path / "out.db", manifest) > 40
    assert backup.stat().st_mode & 0o777 == 0o600
    assert "********" in repr(manifest)


def test_nothing_of_the_device_is_in_the_file(backup: Path, state: Path) -> None:
    raw = backup.read_bytes()
    secrets = [KeyFiles(state / KEYS_FOLDER).read(name).encode() for name in (DATA_FILE, FACE_FILE)]
    assert not [each for each in (*secrets, b"SQLite", KIOSK.encode(), b"clockface-backup") if each in raw]


def test_another_passphrase_or_key_opens_nothing(
    backup: Path, recovery: tuple[bytes, str], tmp_path: Path
) -> None:
    with pytest.raises(BackupRefused):
        open_recovery_key(recovery[0], "another passphrase")
    other = pyrage.x25519.Identity.generate()
    with pytest.raises(BackupRefused, match="does not open"):
        unseal(backup, identity=other, target=tmp_path / "out.db")


@pytest.mark.parametrize("at", [0.02, 0.5, 0.99])
def test_an_altered_or_cut_backup_is_refused(backup: Path, identity: object, tmp_path: Path, at: float) -> None:
    raw = bytearray(backup.read_bytes())
    place = int(len(raw) * at)
    (tmp_path / "cut.age").write_bytes(raw[:place])
    raw[place] ^= 1
    (tmp_path / "altered.age").write_bytes(raw)
    for name in ("cut", "altered"):
        with pytest.raises(ClockfaceError):
            unseal(tmp_path / f"{name}.age", identity=identity, target=tmp_path / f"{name}.db")


def test_a_backup_is_never_overwritten(
    state: Path, clock: ManualClock, backup: Path, recovery: tuple[bytes, str]
) -> None:
    with pytest.raises(StoreError, match="exists"):
        back_up(state, clock, backup, recovery[1])


def test_what_was_erased_since_stays_erased_and_no_command_counts_again(
    state: Path, clock: ManualClock, backup: Path, identity: object
) -> None:
    with closing(opened(state, clock)) as store:
        gone, withdrawn, disabled = (each.person_id for each in store.people.list())
        store.people.remove(gone)
        store.consents.withdraw(withdrawn)
        store.people.set_enabled(disabled, False)
        store.badges.add(BADGE, disabled, ends_at=None, actor="jones")
        store.badges.revoke(BADGE, actor="jones")
        assert store.progress.take_command(7)
        store.events.record(punch(withdrawn, clock.advance(61)))
        epoch = store.events.head().epoch
    assert bring_back(state, backup, identity, clock) == "restored"
    with closing(opened(state, clock)) as store:
        assert not store.people.exists(gone)
        assert store.consents.current(withdrawn) is None
        assert not store.templates.of_person(withdrawn)
        assert not store.people.get(disabled).enabled
        badge = store.badges.find(BADGE)
        assert badge is not None
        assert badge.revoked
        assert not store.progress.take_command(7)
        assert store.events.head().epoch != epoch
        assert store.verify().problems == ()
    assert (state / "ledger.db.replaced.1").exists()


def test_a_consent_that_was_given_again_before_the_backup_is_not_withdrawn_by_it(
    state: Path, clock: ManualClock, tmp_path: Path, recovery: tuple[bytes, str], identity: object
) -> None:
    with closing(opened(state, clock)) as store:
        person = store.people.list()[0].person_id
        store.consents.withdraw(person)
        store.consents.record(person, CONSENT)
    back_up(state, clock, tmp_path / "later.age", recovery[1])
    bring_back(state, tmp_path / "later.age", identity, clock)
    with closing(opened(state, clock)) as store:
        assert store.consents.current(person) == CONSENT


def test_other_hardware_takes_its_place_with_its_own_keys_before_the_old_ones(
    tmp_path: Path, clock: ManualClock, backup: Path, identity: object, state: Path
) -> None:
    other = tmp_path / "other"
    generate_keys(other)
    before = listed(KeyFiles(other / KEYS_FOLDER))
    assert bring_back(other, backup, identity, clock) == "replaced"
    after, old = listed(KeyFiles(other / KEYS_FOLDER)), listed(KeyFiles(state / KEYS_FOLDER))
    assert (after.data, after.face) == (before.data + old.data, before.face + old.face)
    with closing(opened(other, clock)) as store:
        assert store.people.count() == 3
        assert store.verify().problems == ()


def test_a_device_without_any_key_gets_the_backups_and_a_signing_key_of_its_own(
    tmp_path: Path, clock: ManualClock, backup: Path, identity: object, state: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o700)
    assert bring_back(empty, backup, identity, clock) == "replaced"
    signing = [(each / KEYS_FOLDER / SIGNING_FILE).read_text() for each in (empty, state)]
    assert signing[0] != signing[1]


def test_a_journal_of_erasures_that_was_altered_is_refused(state: Path) -> None:
    (state / FILE).write_text("person.removed somebody -\n")
    with pytest.raises(ClockfaceError, match="altered"):
        Erasures(state / FILE).count()


def test_a_busy_machine_tries_a_recovery_key_again_and_then_says_that_it_is_busy(
    recovery: tuple[bytes, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def busy(_private: bytes, _passphrase: str) -> bytes:
        tries.append(1)
        if len(tries) == 3:
            return decrypt(_private, _passphrase)
        raise pyrage.DecryptError("Excessive work parameter for passphrase.")

    decrypt = pyrage.passphrase.decrypt
    monkeypatch.setattr(pyrage.passphrase, "decrypt", busy)
    assert open_recovery_key(recovery[0], PASSPHRASE)
    tries[:] = [0] * 3
    with pytest.raises(BackupRefused, match="too slow or too busy"):
        open_recovery_key(recovery[0], PASSPHRASE)
