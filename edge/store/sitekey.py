"""The site key: seals templates on their way between a site's kiosks, through an office that never has it.

Optional: a device without one keeps its templates to itself. Several stand in the file during a rotation: the
first seals, all open. Trust boundary: the file is a secret like the others (systemd's credential, else
STATE/keys/site_key, mode 0400); `clockface site` alone writes it.
"""

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clockface.errors import SecretInvalid
from clockface.secretfiles import make_private_folder, read_secret, replace_secret
from edge.store.keys import KEYS_FOLDER
from sync.wire.sealing import SITE_KEY_BYTES, site_key_id

SITE_FILE = "site_key"
MADE_HERE_FILE = "site_key_made_here"  # names the key that this device made: it hands all templates out anew
MAX_SITE_KEYS = 4
MIN_DISTINCT_BYTES = 16  # 32 random bytes have about 30
MADE_BY = "clockface site init, or clockface site accept"


@dataclass(frozen=True, slots=True, eq=False)
class SiteKey:
    """One site key. Never logged, never sent but sealed.

    Args:
        secret: 32 bytes.
        key_id: 32 hex digits that name it and do not tell it.
    """

    secret: bytes
    key_id: str

    @property
    def fingerprint(self) -> str:
        """What people compare."""
        return in_groups(self.key_id)

    def __repr__(self) -> str:
        return f"SiteKey({self.key_id}, ********)"


@dataclass(frozen=True, slots=True)
class SiteKeys:
    """All site keys of a device: the first seals, all open."""

    keys: tuple[SiteKey, ...]

    @property
    def sealing(self) -> SiteKey:
        """The one that seals."""
        return self.keys[0]

    def find(self, key_id: str) -> SiteKey | None:
        """The key of that name, or None."""
        return next((key for key in self.keys if key.key_id == key_id), None)

    def behind(self, newest: SiteKey) -> "SiteKeys":
        """These with another one in front; the oldest beyond four is forgotten."""
        older = tuple(key for key in self.keys if key.key_id != newest.key_id)
        return SiteKeys((newest, *older)[:MAX_SITE_KEYS])


@dataclass(frozen=True, slots=True)
class SiteKeyPlace:
    """Where site keys are read.

    Args:
        state: The state folder.
        credentials: systemd's folder of credentials, or None.
    """

    state: Path
    credentials: Path | None

    @classmethod
    def of(cls, state: Path, environment: Mapping[str, str]) -> "SiteKeyPlace":
        """The place of a process with this environment."""
        named = environment.get("CREDENTIALS_DIRECTORY", "")
        return cls(state, Path(named) if named else None)

    @property
    def sealed_by_systemd(self) -> bool:
        """Whether the key is a credential, which this process cannot change."""
        return self.credentials is not None and os.path.lexists(self.credentials / SITE_FILE)

    @property
    def file(self) -> Path:
        """The file that `clockface site` writes."""
        return self.state / KEYS_FOLDER / SITE_FILE


def new_site_key() -> SiteKey:
    """Make a key of the kernel's randomness."""
    return site_key(os.urandom(SITE_KEY_BYTES))


def site_key(secret: bytes) -> SiteKey:
    """A key from its bytes.

    Raises:
        SecretInvalid: Another length, or bytes that no random source gives.
    """
    if len(secret) != SITE_KEY_BYTES or len(set(secret)) < MIN_DISTINCT_BYTES:
        raise SecretInvalid("a site key is not 32 random bytes", next_step="clockface site recover")
    return SiteKey(secret, site_key_id(secret))


def load_site_keys(place: SiteKeyPlace) -> SiteKeys | None:
    """Read the site keys; None where the device has none.

    Raises:
        SecretInvalid: The file is open to others, or holds something else.
        SecretMissing: It is there and cannot be read.
    """
    if place.sealed_by_systemd and place.credentials is not None:
        file = place.credentials / SITE_FILE
        return parse_site_keys(read_secret(file, made_by=MADE_BY, private=False), where=str(file))
    if not os.path.lexists(place.file):
        return None
    return parse_site_keys(read_secret(place.file, made_by=MADE_BY), where=str(place.file))


def parse_site_keys(text: str, *, where: str) -> SiteKeys:
    """Read a comma-separated list of base64url keys.

    Raises:
        SecretInvalid: Not 1 to 4 different keys of 32 random bytes.
    """
    keys = []
    for part in text.split(","):
        try:
            keys.append(site_key(base64.b64decode(part.strip().encode("ascii"), altchars=b"-_", validate=True)))
        except (binascii.Error, UnicodeEncodeError, SecretInvalid):
            raise SecretInvalid(
                "a site key is not base64url of 32 random bytes",
                where=where,
                next_step="clockface site recover",
            ) from None
    if len(keys) > MAX_SITE_KEYS or len({key.key_id for key in keys}) != len(keys):
        raise SecretInvalid(f"more than {MAX_SITE_KEYS} site keys, or one twice", where=where)
    return SiteKeys(tuple(keys))


def store_site_keys(place: SiteKeyPlace, keys: SiteKeys, *, made_here: bool) -> Path:
    """Write the keys, whole or not at all.

    Args:
        place: Where.
        keys: What.
        made_here: Whether the first one was made on this device, which then hands out all templates anew.

    Raises:
        SecretUnwritable: The folder cannot be written.
        SecretInvalid: systemd gives the key, so a file would change nothing.
    """
    if place.sealed_by_systemd:
        raise SecretInvalid(
            "the site key is a systemd credential, which a file would not replace",
            where=str(place.credentials),
            next_step="systemctl edit clockface-edge, take LoadCredential=site_key out, and repeat",
        )
    make_private_folder(place.file.parent, made_by="clockface site")
    text = ",".join(base64.urlsafe_b64encode(key.secret).decode("ascii") for key in keys.keys)
    if made_here:
        replace_secret(place.file.with_name(MADE_HERE_FILE), keys.sealing.key_id + "\n")
    replace_secret(place.file, text + "\n")
    return place.file


def was_made_here(place: SiteKeyPlace, key: SiteKey) -> bool:
    """Whether this device made the key."""
    file = place.file.with_name(MADE_HERE_FILE)
    return os.path.lexists(file) and read_secret(file, made_by=MADE_BY) == key.key_id


def in_groups(text: str) -> str:
    """Hex digits in groups of four."""
    return "-".join(text[index : index + 4] for index in range(0, len(text), 4))


def same_fingerprint(typed: str, right: str) -> bool:
    """Whether what was typed is the fingerprint; blanks, hyphens and case do not count."""
    return "".join(c for c in typed.casefold() if c.isalnum()) == right.replace("-", "")
