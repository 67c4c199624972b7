"""A backup: one file that tells what it is, encrypted to a recovery key whose private half is elsewhere.

Inside an age file (https://age-encryption.org/v1, X25519): a line that names the format, a line of JSON (what,
whose, how much, checksum, and the two lists of storage keys), then the ledger, byte for byte. So a device can
make backups without a secret at hand, and whoever takes them learns a size. Trust boundary: a backup is a
stranger's file until it has been decrypted, parsed within bounds, hashed, and each of its tokens opened.
"""

import hashlib
import io
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import pyrage
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from edge.errors import BackupRefused, StoreError
from edge.store.keys import DATA_VARIABLE, FACE_VARIABLE
from edge.store.ledgerfile import create_file
from edge.store.rings import FernetRing, parse_ring
from edge.store.tokens import TOKEN_COLUMNS, Purpose, rows_after
from edge.store.vault import key_numbers

MAGIC: Final = b"clockface-backup 1\n"
MAX_MANIFEST_BYTES: Final = 64 * 1024
PIECE_BYTES: Final = 1024 * 1024
COUNTED: Final = ("people", "templates", "events", "audit")
# age measures this machine anew at each try, and refuses a work factor far beyond what it measured.
WORK_ATTEMPTS: Final = 5
_BATCH: Final = 500
_NEXT: Final = "clockface backup verify, on another backup"


class Manifest(BaseModel):
    """What a backup is. Holds the storage keys: never printed whole, never on disk but encrypted."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    made_at: Annotated[str, StringConstraints(max_length=40)]
    software: Annotated[str, StringConstraints(max_length=40)]
    version: int = Field(ge=1, description="Of the ledger's tables.")
    site: Annotated[str, StringConstraints(max_length=200)]
    device: Annotated[str, StringConstraints(max_length=200)]
    epoch: Annotated[str, StringConstraints(max_length=40)]
    seq: int = Field(ge=1)
    counts: dict[Annotated[str, StringConstraints(max_length=40)], Annotated[int, Field(ge=0)]]
    erasures: int = Field(ge=0, description="Lines of the journal of erasures that it knows of.")
    bytes: int = Field(ge=1)
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    data_keys: Annotated[str, StringConstraints(max_length=1000)]
    face_keys: Annotated[str, StringConstraints(max_length=1000)]

    def __repr__(self) -> str:
        return f"Manifest({self.site}/{self.device}, {self.made_at}, ********)"

    __str__ = __repr__

    def rings(self) -> tuple[FernetRing, FernetRing]:
        """The storage keys."""
        where = "the backup"
        return (
            parse_ring(self.data_keys, purpose=DATA_VARIABLE, where=where),
            parse_ring(self.face_keys, purpose=FACE_VARIABLE, where=where),
        )


def new_recovery_key(passphrase: str) -> tuple[bytes, str]:
    """Make a pair: the private half as an armored age file under the passphrase, and the public half."""
    identity = pyrage.x25519.Identity.generate()
    private = pyrage.passphrase.encrypt(str(identity).encode(), passphrase, armored=True)
    return bytes(private), str(identity.to_public())


def open_recovery_key(private: bytes, passphrase: str) -> object:
    """Read the private half.

    Raises:
        BackupRefused: Another passphrase, not such a file, or a machine too busy for its work factor.
    """
    for attempt in range(WORK_ATTEMPTS):
        try:
            text = pyrage.passphrase.decrypt(private, passphrase).decode().strip()
            return pyrage.x25519.Identity.from_str(text)
        except (pyrage.DecryptError, pyrage.IdentityError, ValueError) as error:
            too_slow = "work" in str(error).lower()
            if not too_slow or attempt == WORK_ATTEMPTS - 1:
                raise _unopened(too_slow=too_slow) from None
    raise AssertionError("unreachable")


def _unopened(*, too_slow: bool) -> BackupRefused:
    if too_slow:
        return BackupRefused(
            "this machine is too slow or too busy for the passphrase's work factor",
            next_step="repeat it when the machine is idle, or on a faster one",
        )
    return BackupRefused(
        "the recovery key does not open: another passphrase, or not a recovery key",
        next_step="repeat it with the file of `clockface backup key` and its passphrase",
    )


def describe(copy: Path, *, made_at: str, software: str, erasures: int, keys: tuple[str, str]) -> Manifest:
    """Say what a copy of a ledger is.

    Args:
        copy: Of `Database.copy_to`.
        made_at: ISO time.
        software: Version that made it.
        erasures: Lines of the journal of erasures before the copy was made.
        keys: The lists of DATA and FACE keys.
    """
    with copy.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    with closing(_look_at(copy)) as connection:  # our own copy: what it says is taken as it is
        site, device = connection.execute("SELECT site, device FROM identity").fetchone()
        epoch, seq = connection.execute(
            "SELECT epochs.epoch, seq FROM events JOIN epochs ON epochs.ordinal = events.epoch "
            "ORDER BY position DESC LIMIT 1"
        ).fetchone()
        return Manifest(
            made_at=made_at,
            software=software,
            version=connection.execute("PRAGMA user_version").fetchone()[0],
            site=site,
            device=device,
            epoch=epoch,
            seq=seq,
            counts=_counts(connection),
            erasures=erasures,
            bytes=copy.stat().st_size,
            sha256=digest,
            data_keys=keys[0],
            face_keys=keys[1],
        )


def _counts(connection: sqlite3.Connection) -> dict[str, int]:
    return {
        table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - our names
        for table in COUNTED
    }


class _Joined(io.RawIOBase):
    """The manifest, then the ledger, as one stream."""

    def __init__(self, head: bytes, ledger: BinaryIO) -> None:
        self._parts: list[BinaryIO] = [io.BytesIO(head), ledger]

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while self._parts:
            if piece := self._parts[0].read(size if size > 0 else PIECE_BYTES):
                return piece
            self._parts.pop(0)
        return b""


def seal(copy: Path, manifest: Manifest, *, recipient: str, target: Path) -> None:
    """Write the encrypted file, mode 0600, whole or not at all; one that is there is not overwritten.

    Raises:
        BackupRefused: The public key is none.
        StoreError: The target is there, or cannot be written.
    """
    try:
        public = pyrage.x25519.Recipient.from_str(recipient.strip())
    except pyrage.RecipientError:
        raise BackupRefused(
            "the recovery key's public half is none", next_step="clockface backup key"
        ) from None
    if os.path.lexists(target):
        raise StoreError("a backup of that name exists", where=str(target), next_step="name another file")
    head = MAGIC + manifest.model_dump_json().encode() + b"\n"
    draft = target.with_name(f".{target.name}.part")
    draft.unlink(missing_ok=True)
    create_file(draft)
    try:
        with copy.open("rb") as ledger, draft.open("wb") as out:
            pyrage.encrypt_io(_Joined(head, ledger), out, [public])
            out.flush()
            os.fsync(out.fileno())
        draft.rename(target)
    except OSError as error:
        raise StoreError(
            f"the backup cannot be written: {error.strerror}", where=str(target), next_step="df -h"
        ) from None
    finally:
        draft.unlink(missing_ok=True)


class _Splitter(io.RawIOBase):
    """Takes the decrypted stream: keeps the manifest, lets the ledger through to a file, and hashes it."""

    def __init__(self, out: BinaryIO) -> None:
        self._out, self._head = out, bytearray()
        self.manifest: Manifest | None = None
        self.digest = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, piece: bytes) -> int:  # type: ignore[override]
        rest = bytes(piece)
        if self.manifest is None:
            self._head += rest
            if bytes(self._head[: len(MAGIC)]) != MAGIC[: len(self._head)]:
                raise BackupRefused("the file is not a Clockface backup", next_step=_NEXT)
            end = self._head.find(b"\n", len(MAGIC))
            if end < 0:
                if len(self._head) > MAX_MANIFEST_BYTES:
                    raise BackupRefused("the backup's description is too long", next_step=_NEXT)
                return len(piece)
            self.manifest = _manifest(bytes(self._head[len(MAGIC) : end]))
            rest = bytes(self._head[end + 1 :])
        self.digest.update(rest)
        self._out.write(rest)
        return len(piece)


def _manifest(raw: bytes) -> Manifest:
    try:
        return Manifest.model_validate_json(raw)
    except ValidationError:
        raise BackupRefused("the backup's description is not of this format", next_step=_NEXT) from None


def unseal(source: Path, *, identity: object, target: Path) -> Manifest:
    """Decrypt a backup's ledger into a new file, and hold it to its description.

    Raises:
        BackupRefused: Not ours to open, altered, cut, or not what it says.
        StoreError: The target exists or cannot be written.
    """
    create_file(target)
    with target.open("wb") as out:
        splitter = _Splitter(out)
        try:
            with source.open("rb") as file:
                pyrage.decrypt_io(file, splitter, [identity])
        except FileNotFoundError:
            raise BackupRefused("there is no such backup", where=str(source), next_step="ls -l") from None
        except (pyrage.DecryptError, OSError):
            raise BackupRefused(
                "the backup does not open: made for another recovery key, altered or cut",
                where=str(source),
                next_step=_NEXT,
            ) from None
        out.flush()
        os.fsync(out.fileno())
    manifest = splitter.manifest
    if manifest is None or splitter.digest.hexdigest() != manifest.sha256:
        raise BackupRefused(
            "the backup's ledger is not the one it describes", where=str(source), next_step=_NEXT
        )
    return manifest


def check(ledger: Path, manifest: Manifest) -> int:
    """Check a decrypted ledger: its pages, its counts, and that each token opens with the backup's keys.

    Returns:
        How many tokens opened.

    Raises:
        BackupRefused, LedgerCorrupt, SecretWrong: What does not hold.
    """
    rings = dict(zip(Purpose, manifest.rings(), strict=True))
    opened = 0
    with closing(_look_at(ledger)) as connection:
        if connection.execute("PRAGMA integrity_check(1)").fetchone()[0] != "ok":
            raise BackupRefused("the backup's ledger is damaged", next_step=_NEXT)
        if _counts(connection) != manifest.counts:
            raise BackupRefused("the backup's ledger does not hold what it describes", next_step=_NEXT)
        numbers, tables = key_numbers(connection), _tables(connection)
        for column in TOKEN_COLUMNS:
            row = -1
            while column.table in tables and (read := rows_after(connection, column, row, limit=_BATCH)):
                for number, token, by in read:
                    _open(rings[column.purpose], numbers, token, by, where=f"{column.name} row {number}")
                row, opened = read[-1][0], opened + len(read)
    return opened


def _open(ring: FernetRing, numbers: dict[str, int], token: bytes, by: int, *, where: str) -> None:
    names = {number: key_id for key_id, number in numbers.items()}
    ring.decrypt(token, key_id=names.get(by, "?"), where=where)


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}


def _look_at(path: Path) -> sqlite3.Connection:
    """Read a file that nobody writes, and leave nothing beside it."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
