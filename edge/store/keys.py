"""The keys of a device: DATA and FACE (Fernet, in rotation), signing key (Ed25519), sealing key (X25519).

Sources in order: systemd's credentials folder, files under STATE/keys, and for development the environment.
Nothing here makes up a key silently: a missing or wrong key is a named error, never a new empty store.
Trust boundary: keys enter the process here, and leave it nowhere.
"""

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from clockface.errors import SecretInvalid, SecretMissing
from clockface.secretfiles import make_private_folder, read_secret, write_secret
from edge.store.rings import FernetRing, fingerprint, parse_ring, refuse_shared
from sync.wire.envelope import public_bytes, signing_key_id

__all__ = [
    "FernetRing",
    "Keyring",
    "SigningKey",
    "fingerprint",
    "generate_keys",
    "load_keyring",
    "make_sealing_key",
    "missing_keys",
]

DATA_FILE = "data_encryption_key"
FACE_FILE = "face_data_encryption_key"
SIGNING_FILE = "device_signing_key"
SEALING_FILE = "device_sealing_key"  # made when the device asks to be provisioned
KEY_FILES = (DATA_FILE, FACE_FILE, SIGNING_FILE)
DATA_VARIABLE = "DATA_ENCRYPTION_KEY"
FACE_VARIABLE = "FACE_DATA_ENCRYPTION_KEY"
KEYS_FOLDER = "keys"
LEDGER_FILE = "ledger.db"
SEED_BYTES = 32
MADE_BY = "clockface init"


@dataclass(frozen=True, slots=True, eq=False)
class SigningKey:
    """The device's Ed25519 key.

    Args:
        private: Never leaves the process.
        key_id: Fingerprint of the public half, as envelopes name it (32 hex digits).
        public: The public half, 32 bytes.
    """

    private: Ed25519PrivateKey
    key_id: str
    public: bytes

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id}, ********)"


@dataclass(frozen=True, slots=True, eq=False)
class Keyring:
    """All keys of the device, valid and apart.

    Args:
        data: Names, numbers, event details, audit.
        face: Templates, and nothing else.
        signing: Signs events and documents.
        sealing: Opens what the office seals to the device; None until it asked to be provisioned.
    """

    data: FernetRing
    face: FernetRing
    signing: SigningKey
    sealing: X25519PrivateKey | None = None

    def __repr__(self) -> str:
        return f"Keyring({self.data!r}, {self.face!r}, {self.signing!r})"


def load_keyring(*, state: Path, environment: Mapping[str, str], allow_environment: bool) -> Keyring:
    """Load and validate all keys.

    Each of the storage pair, the signing key and the sealing key comes from the first place that has it: the
    folder named by CREDENTIALS_DIRECTORY in `environment`, STATE/keys, and, for the storage pair and only if
    `allow_environment`, the variables DATA_ENCRYPTION_KEY and FACE_DATA_ENCRYPTION_KEY.

    Args:
        state: The state folder (`paths.state`).
        environment: The process environment, read once by the caller.
        allow_environment: `keys.allow_environment`; development only.

    Raises:
        SecretMissing: A key is nowhere, or only one of the storage pair is in a place.
        SecretInvalid: Wrong length or encoding, a repeated, shared, guessable or published key, or a key file
            that others can read.
    """
    credentials = environment.get("CREDENTIALS_DIRECTORY", "")
    places = [(Path(credentials), False)] if credentials else []
    places.append((state / KEYS_FOLDER, True))
    data, face = _storage_pair(places, environment if allow_environment else {})
    return Keyring(data, face, _signing(places), _sealing(places))


def _storage_pair(
    places: list[tuple[Path, bool]], environment: Mapping[str, str]
) -> tuple[FernetRing, FernetRing]:
    for folder, private in places:
        files = folder / DATA_FILE, folder / FACE_FILE
        if any(os.path.lexists(file) for file in files):
            data, face = (read_secret(file, made_by=MADE_BY, private=private) for file in files)
            return _rings(data, face, where=str(folder))
    if environment.get(DATA_VARIABLE) or environment.get(FACE_VARIABLE):
        for name in (DATA_VARIABLE, FACE_VARIABLE):
            if not environment.get(name):
                raise SecretMissing(f"{name} is not set", where="environment", next_step=f"export {name}=...")
        return _rings(environment[DATA_VARIABLE], environment[FACE_VARIABLE], where="environment")
    folder = places[-1][0]
    raise SecretMissing("the storage keys are missing", where=str(folder), next_step="clockface init")


def _rings(data: str, face: str, *, where: str) -> tuple[FernetRing, FernetRing]:
    rings = (
        parse_ring(data, purpose=DATA_VARIABLE, where=where),
        parse_ring(face, purpose=FACE_VARIABLE, where=where),
    )
    refuse_shared(*rings, where=where)
    return rings


def _signing(places: list[tuple[Path, bool]]) -> SigningKey:
    for folder, private in places:
        file = folder / SIGNING_FILE
        if os.path.lexists(file):
            return parse_signing_key(read_secret(file, made_by=MADE_BY, private=private), where=str(file))
    folder = places[-1][0]
    raise SecretMissing(
        "the device's signing key is missing", where=str(folder / SIGNING_FILE), next_step="clockface init"
    )


def _sealing(places: list[tuple[Path, bool]]) -> X25519PrivateKey | None:
    for folder, private in places:
        file = folder / SEALING_FILE
        if os.path.lexists(file):
            text = read_secret(file, made_by=MADE_BY, private=private)
            return X25519PrivateKey.from_private_bytes(_seed(text, name="sealing", where=str(file)))
    return None


def make_sealing_key(state: Path) -> bool:
    """Make the device's sealing key, mode 0400, in STATE/keys unless it is there; never overwrite one.

    Returns:
        Whether it was made.

    Raises:
        SecretUnwritable: The folder cannot be made or written.
    """
    folder = state / KEYS_FOLDER
    make_private_folder(folder, made_by="clockface provision request")
    return write_secret(folder / SEALING_FILE, _new_seed() + "\n")


def parse_signing_key(text: str, *, where: str) -> SigningKey:
    """Read an Ed25519 key: a base64url seed of 32 bytes, or PKCS #8 in PEM without a pass phrase.

    Raises:
        SecretInvalid: Anything else, or a seed of zeros.
    """
    private = _from_pem(text, where) if text.startswith("-----BEGIN") else _from_seed(text, where)
    public = private.public_key()
    return SigningKey(private, signing_key_id(public), public_bytes(public))


def _from_seed(text: str, where: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(_seed(text, name="signing", where=where))


def _seed(text: str, *, name: str, where: str) -> bytes:
    try:
        seed = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        seed = b""
    if len(seed) != SEED_BYTES or len(set(seed)) < SEED_BYTES // 2:
        raise SecretInvalid(
            f"the {name} key is not base64url of 32 random bytes", where=where, next_step=f"ls -l {where}"
        )
    return seed


def _from_pem(text: str, where: str) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(text.encode("ascii"), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SecretInvalid("the signing key is not readable PKCS #8 PEM", where=where) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SecretInvalid("the signing key is not an Ed25519 key", where=where)
    return key


def missing_keys(*, state: Path, environment: Mapping[str, str], allow_environment: bool) -> tuple[str, ...]:
    """Name the key files that `generate_keys` would have to make for `load_keyring` to find every key.

    A storage pair of which one half is somewhere counts as there: making up the other half would hide a loss.
    """
    folders = [state / KEYS_FOLDER]
    if credentials := environment.get("CREDENTIALS_DIRECTORY", ""):
        folders.append(Path(credentials))
    present = {name for folder in folders for name in KEY_FILES if os.path.lexists(folder / name)}
    given = allow_environment and (environment.get(DATA_VARIABLE) or environment.get(FACE_VARIABLE))
    storage = () if given or present & {DATA_FILE, FACE_FILE} else (DATA_FILE, FACE_FILE)
    return (*storage, *(() if SIGNING_FILE in present else (SIGNING_FILE,)))


def generate_keys(state: Path, *, names: Sequence[str] = KEY_FILES) -> tuple[Path, ...]:
    """Make those of the named keys that STATE/keys lacks, mode 0400; never overwrite one.

    Returns:
        The files that were created.

    Raises:
        SecretMissing: A ledger exists already and a key of it is missing: a new one could not open it.
        SecretUnwritable: The folder cannot be made or written.
    """
    folder = state / KEYS_FOLDER
    missing = [name for name in names if not os.path.lexists(folder / name)]
    if missing and os.path.lexists(state / LEDGER_FILE):
        raise SecretMissing(
            f"a ledger exists, but its key {missing[0]} does not; a new key could not open it",
            where=str(folder),
            next_step="bring the key back from its backup",
        )
    make_private_folder(state, made_by=MADE_BY)
    make_private_folder(folder, made_by=MADE_BY)
    makers = {DATA_FILE: new_storage_key, FACE_FILE: new_storage_key, SIGNING_FILE: _new_seed}
    return tuple(folder / name for name in missing if write_secret(folder / name, makers[name]() + "\n"))


def new_storage_key() -> str:
    """A Fernet key of the kernel's randomness."""
    return Fernet.generate_key().decode("ascii")


def _new_seed() -> str:
    return base64.urlsafe_b64encode(os.urandom(SEED_BYTES)).decode("ascii")
