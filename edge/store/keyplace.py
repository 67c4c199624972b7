"""Where the storage keys lie outside the daemon, and how a rotation changes what lies there.

Two places: systemd credentials (sealed by systemd-creds to the host or a TPM 2, given to the daemon when it
starts) and files under STATE/keys. Keys pass through pipes and through files that are replaced whole; never
through an argument, the environment or a file in the clear beside them. Trust boundary: the file system, and
systemd-creds, which only root can ask.
"""

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from clockface.errors import SecretInvalid, SecretMissing, SecretUnwritable
from clockface.secretfiles import read_secret, replace_secret
from edge.store.keys import (
    DATA_FILE,
    DATA_VARIABLE,
    FACE_FILE,
    FACE_VARIABLE,
    KEYS_FOLDER,
    MADE_BY,
    new_storage_key,
)
from edge.store.rings import parse_ring, refuse_shared

STORAGE_FILES: Final = (DATA_FILE, FACE_FILE)
CREDENTIALS: Final = Path("etc/credstore.encrypted")
CREDS_TIMEOUT_S: Final = 60.0  # a TPM takes seconds
_PURPOSES: Final = dict(zip(STORAGE_FILES, (DATA_VARIABLE, FACE_VARIABLE), strict=True))


class KeyPlace(Protocol):
    """A place of the two lists of keys."""

    @property
    def described(self) -> str:
        """Where that is, in words."""
        ...

    @property
    def sealed(self) -> bool:
        """Whether the keys are of no use on another machine."""
        ...

    def read(self, name: str) -> str:
        """The list of one file or credential.

        Raises:
            SecretError: It is missing or cannot be read.
        """
        ...

    def replace(self, name: str, text: str) -> None:
        """Put another list there: the old one or the new one after a power cut.

        Raises:
            SecretUnwritable: It cannot be written.
        """
        ...


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Files of mode 0400 under STATE/keys.

    Args:
        folder: STATE/keys.
    """

    folder: Path
    sealed: bool = False

    @property
    def described(self) -> str:
        """Where that is, in words."""
        return f"files in {self.folder}"

    def read(self, name: str) -> str:
        """The list of one file."""
        return read_secret(self.folder / name, made_by=MADE_BY)

    def replace(self, name: str, text: str) -> None:
        """Put another list there."""
        replace_secret(self.folder / name, text + "\n")


def run_creds(arguments: list[str], given: bytes) -> bytes:
    """Run systemd-creds with its input on a pipe; nothing secret is an argument.

    Raises:
        SecretUnwritable: It is not there, or says no.
    """
    try:
        done = subprocess.run(
            ["systemd-creds", *arguments],
            input=given,
            capture_output=True,
            timeout=CREDS_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        done = None
    if done is None or done.returncode != 0:
        raise SecretUnwritable(
            f"systemd-creds {arguments[0]} failed",
            where=arguments[-2] if len(arguments) > 1 else "systemd-creds",
            next_step="systemd-creds --version (250 or later); run the command as root",
        )
    return done.stdout


@dataclass(frozen=True, slots=True)
class SealedCredentials:
    """Credentials that systemd-creds sealed, which systemd opens for the daemon alone when it starts.

    Args:
        folder: /etc/credstore.encrypted.
        run: systemd-creds: arguments and standard input, its standard output.
    """

    folder: Path
    run: Callable[[list[str], bytes], bytes] = run_creds
    sealed: bool = True

    @property
    def described(self) -> str:
        """Where that is, in words."""
        return f"sealed credentials in {self.folder}"

    def read(self, name: str) -> str:
        """The list of one credential."""
        return self.run(["decrypt", f"--name={name}", str(self.folder / name), "-"], b"").decode().strip()

    def replace(self, name: str, text: str) -> None:
        """Put another list there; what was sealed is opened again before it takes its place."""
        sealed = self.run(["encrypt", f"--name={name}", "-", "-"], text.encode()).decode("ascii")
        if self.run(["decrypt", f"--name={name}", "-", "-"], sealed.encode()).decode().strip() != text:
            raise SecretUnwritable("what systemd-creds sealed does not open", where=str(self.folder / name))
        self.folder.mkdir(mode=0o700, exist_ok=True)
        replace_secret(self.folder / name, sealed)


def find_place(*, state: Path, environment: Mapping[str, str], root: Path = Path("/")) -> KeyPlace:
    """Where the daemon's storage keys lie.

    Raises:
        SecretMissing: In neither place: they come from the environment, or from a systemd credential of another
            kind, or from nowhere.
    """
    if any(os.path.lexists(root / CREDENTIALS / name) for name in STORAGE_FILES):
        return SealedCredentials(root / CREDENTIALS)
    folder = state / KEYS_FOLDER
    if any(os.path.lexists(folder / name) for name in STORAGE_FILES):
        return KeyFiles(folder)
    given = "the environment" if environment.get(DATA_VARIABLE) else "nowhere that this command may write"
    raise SecretMissing(
        f"the storage keys are neither sealed credentials nor files: they come from {given}",
        where=str(folder),
        next_step="clockface keys status; on a new device: clockface init",
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """The keys of both lists by fingerprint, in their order; the first of each writes."""

    data: tuple[str, ...]
    face: tuple[str, ...]

    @property
    def staged(self) -> bool:
        """Whether a list has more than one key."""
        return len(self.data) > 1 or len(self.face) > 1


def listed(place: KeyPlace) -> Listed:
    """Read and check both lists.

    Raises:
        SecretError: One is missing or not what it must be.
    """
    data, face = (
        parse_ring(place.read(name), purpose=_PURPOSES[name], where=place.described) for name in STORAGE_FILES
    )
    refuse_shared(data, face, where=place.described)
    return Listed(tuple(data.keys), tuple(face.keys))


def stage(place: KeyPlace) -> Listed:
    """Put a new key before the one of each list that has only one; a list that has more stays.

    Raises:
        SecretError: A list cannot be read or written.
    """
    found = listed(place)
    for name, keys in zip(STORAGE_FILES, (found.data, found.face), strict=True):
        if len(keys) == 1:
            place.replace(name, f"{new_storage_key()},{place.read(name)}")
    return listed(place)


def put_first(place: KeyPlace, *, data: str, face: str) -> Listed:
    """Let the keys of these fingerprints write from the next start on; the others still read.

    Raises:
        SecretError: A list does not hold the key, or cannot be read or written.
    """
    for name, wanted in zip(STORAGE_FILES, (data, face), strict=True):
        keys = _texts(place, name)
        if wanted not in keys:
            raise SecretInvalid("the lists do not hold that key", where=place.described)
        if next(iter(keys)) != wanted:
            place.replace(name, ",".join([keys.pop(wanted), *keys.values()]))
    return listed(place)


def keep_first(place: KeyPlace, *, data: str, face: str) -> Listed:
    """Give up every key but the writing ones, which must be those of these fingerprints.

    Raises:
        SecretInvalid: Another key writes: what was verified is not what is listed.
        SecretError: A list cannot be read or written.
    """
    found = listed(place)
    if (found.data[0], found.face[0]) != (data, face):
        raise SecretInvalid(
            "the keys that were verified are not those that write",
            where=place.described,
            next_step="clockface keys rotate --resume",
        )
    for name, wanted in zip(STORAGE_FILES, (data, face), strict=True):
        keys = _texts(place, name)
        if len(keys) > 1:
            place.replace(name, keys[wanted])
    return listed(place)


def _texts(place: KeyPlace, name: str) -> dict[str, str]:
    """The keys of a list by fingerprint."""
    parts = [part.strip() for part in place.read(name).split(",")]
    ring = parse_ring(",".join(parts), purpose=_PURPOSES[name], where=place.described)
    return dict(zip(ring.keys, parts, strict=True))
