"""Whoever takes the whole card: everything without a key bound to hardware, the ledger's outside with one.

The card is a folder with what lies on it: STATE, the credentials, the host's own secret. A thief's machine is a
process that has the card and another TPM. The TPM is emulated; that it is a chip that gives nothing away is not
tested here.
"""

import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from clockface.errors import SecretMissing, SecretUnwritable
from edge.store.keyplace import CREDENTIALS, STORAGE_FILES, SealedCredentials, keep_first, listed, stage
from edge.store.keys import KEYS_FOLDER, SIGNING_FILE, generate_keys, load_keyring
from edge.store.store import create_store, ledger_path, open_store
from tests.edge.store import tpm
from tests.edge.store.given import KIOSK, MODEL, SITE, enrolled, punch, template, vector
from tests.fakes import ManualClock

SEALED = (*STORAGE_FILES, SIGNING_FILE)
Creds = Callable[[list[str], bytes], bytes]


@dataclass(frozen=True)
class Card:
    """A device's card."""

    root: Path

    @property
    def state(self) -> Path:
        return self.root / "var/lib/clockface"

    @property
    def host_secret(self) -> Path:
        return self.root / "var/lib/systemd/credential.secret"

    def copied(self, folder: Path) -> "Card":
        """What a thief has."""
        shutil.copytree(self.root, folder)
        return Card(folder)

    def seal(self, creds: Creds) -> None:
        """As docs/keys.md says: each key becomes a credential, and its file goes."""
        folder = self.root / CREDENTIALS
        folder.mkdir(parents=True, exist_ok=True)
        for name in SEALED:
            file = self.state / KEYS_FOLDER / name
            SealedCredentials(folder, creds).replace(name, file.read_text(encoding="utf-8").strip())
            file.unlink()

    def opened(self, creds: Creds, into: Path) -> Path:
        """What systemd puts before the daemon at its start."""
        into.mkdir(mode=0o700)
        for name in SEALED:
            file = into / name
            file.write_text(SealedCredentials(self.root / CREDENTIALS, creds).read(name), encoding="utf-8")
        return into

    def read(self, credentials: Path | None = None) -> tuple[str, str, float, int]:
        """Open the ledger with whatever keys there are: name, number, how alike the template is, punches."""
        environment = {} if credentials is None else {"CREDENTIALS_DIRECTORY": str(credentials)}
        keys = load_keyring(state=self.state, environment=environment, allow_environment=False)
        with closing(
            open_store(ledger_path(self.state), keyring=keys, clock=ManualClock(), device=KIOSK, site=SITE)
        ) as store:
            [person] = store.people.list()
            [row] = store.templates.load_all(MODEL).matrix
            punches = len(list(store.events.punches()))
            return person.profile.name, person.profile.number, float(row @ vector(7)), punches


@pytest.fixture
def card(tmp_path: Path) -> Card:
    """A kiosk that knows one person, with its keys in files."""
    made = Card(tmp_path / "card")
    made.state.mkdir(mode=0o700, parents=True)
    generate_keys(made.state)
    keys = load_keyring(state=made.state, environment={}, allow_environment=False)
    clock = ManualClock()
    ledger = ledger_path(made.state)
    with closing(create_store(ledger, keyring=keys, clock=clock, device=KIOSK, site=SITE)) as store:
        person = enrolled(store)
        store.templates.add(template(person, seed=7))
        store.events.record(punch(person, clock.advance(61)))
    return made


@pytest.fixture
def boards(tmp_path: Path) -> tuple[tpm.Board, tpm.Board]:
    """The device's TPM and a thief's."""
    if why := tpm.why_not():
        pytest.skip(why)
    return tpm.Board(tmp_path / "tpm"), tpm.Board(tmp_path / "other-tpm")


def test_a_card_with_keys_in_files_gives_a_thief_everything(card: Card, tmp_path: Path) -> None:
    name, number, likeness, punches = card.copied(tmp_path / "loot").read()
    assert (name, number, punches) == ("Ada Lovelace", "1", 1)
    assert likeness == pytest.approx(1.0, abs=1e-5)


def test_a_key_sealed_to_the_host_alone_lies_on_the_same_card_and_gives_everything_too(
    card: Card, tmp_path: Path
) -> None:
    if shutil.which("systemd-creds") is None:
        pytest.skip("no systemd-creds here (systemd 250 or later)")
    card.host_secret.parent.mkdir(parents=True)

    def with_secret(of: Card) -> Creds:
        def run(arguments: list[str], given: bytes) -> bytes:
            verb, *rest = arguments
            options = ["--with-key=host"] if verb == "encrypt" else []
            return tpm.creds([verb, *options, *rest], given, SYSTEMD_CREDENTIAL_SECRET=str(of.host_secret))

        return run

    card.seal(with_secret(card))
    loot = card.copied(tmp_path / "loot")
    with pytest.raises(SecretMissing):
        loot.read()
    shutil.rmtree(card.root)
    name, *_ = loot.read(loot.opened(with_secret(loot), tmp_path / "credentials"))
    assert name == "Ada Lovelace"


def test_a_card_whose_keys_are_sealed_to_a_tpm_gives_a_thief_no_name_number_template_or_detail(
    card: Card, tmp_path: Path, boards: tuple[tpm.Board, tpm.Board]
) -> None:
    own, other = boards
    secrets = [(card.state / KEYS_FOLDER / name).read_bytes().strip() for name in SEALED]
    card.seal(own.creds)
    loot = card.copied(tmp_path / "loot")
    for name, creds in (("other", other.creds), ("none", tpm.creds)):
        with pytest.raises(SecretUnwritable):
            loot.opened(creds, tmp_path / name)
    with pytest.raises(SecretMissing):
        loot.read()
    taken = b"".join(file.read_bytes() for file in loot.root.rglob("*") if file.is_file())
    raw = vector(7).tobytes()
    assert not any(secret in taken for secret in secrets)
    assert not any(each in taken for each in (b"Ada", b"Lovelace", b"night-watch", raw[:8]))
    known = card.read(card.opened(own.creds, tmp_path / "credentials"))
    assert (*known[:2], round(known[2], 4), known[3]) == ("Ada Lovelace", "1", 1.0, 1)


def test_a_rotation_stages_and_drops_keys_that_a_tpm_seals(
    card: Card, tmp_path: Path, boards: tuple[tpm.Board, tpm.Board]
) -> None:
    own, other = boards
    card.seal(own.creds)
    place = SealedCredentials(card.root / CREDENTIALS, own.creds)
    before = listed(place)
    staged = stage(place)
    assert staged.staged
    assert staged.data[1:] == before.data
    kept = keep_first(place, data=staged.data[0], face=staged.face[0])
    assert (kept.data, kept.face) == ((staged.data[0],), (staged.face[0],))
    with pytest.raises(SecretUnwritable):
        listed(SealedCredentials(card.root / CREDENTIALS, other.creds))
