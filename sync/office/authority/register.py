"""The register of issued certificates: an SQLite file beside the authority's key.

Why not the office's database: the authority may live on a machine without one. Every change is one transaction,
on disk before the certificate leaves. Trust boundary: the authority's own folder.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from sync.office.authority.errors import AuthorityUnavailable, RegisterConflict
from sync.office.authority.revoked import LastTrusted, Reason, Revoked, RevokedList

SCHEMA_VERSION: Final = 1
_BUSY_S: Final = 30.0
_SCHEMA: Final = """
CREATE TABLE issued (
  serial TEXT PRIMARY KEY,
  identity TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('device', 'office', 'broker')),
  key_sha256 TEXT NOT NULL UNIQUE,
  not_before TEXT NOT NULL,
  not_after TEXT NOT NULL,
  certificate TEXT NOT NULL,
  revoked_at TEXT,
  reason TEXT,
  last_epoch TEXT,
  last_seq INTEGER,
  CHECK ((revoked_at IS NULL) = (reason IS NULL)),
  CHECK ((last_epoch IS NULL) = (last_seq IS NULL))
) STRICT;
CREATE INDEX issued_identity ON issued (identity);
CREATE TABLE numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
INSERT INTO numbers VALUES ('crl', 0);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One issued certificate.

    Args:
        serial: Hexadecimal, lower case.
        identity: `site/device`, `@office/name`, or a broker's names with commas.
        kind: device, office or broker.
        key_sha256: Of the public key (SubjectPublicKeyInfo, DER).
        not_before: UTC.
        not_after: UTC.
        certificate: PEM.
        revoked_at: UTC, or None.
    """

    serial: str
    identity: str
    kind: str
    key_sha256: str
    not_before: datetime
    not_after: datetime
    certificate: str
    revoked_at: datetime | None = None
    reason: Reason | None = None
    last_trusted: LastTrusted | None = None

    def valid(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and now <= self.not_after


class Register:
    """The register, open. One writer at a time; others wait half a minute."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise AuthorityUnavailable(
                "the register of issued certificates is missing", where=str(path), next_step=_RESTORE
            )
        self._path = path
        with _named(path):
            self._db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA synchronous=FULL")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version != SCHEMA_VERSION:
            self._db.close()
            raise AuthorityUnavailable(
                f"the register is of version {version}, this software knows {SCHEMA_VERSION}", where=str(path)
            )

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make an empty one."""
        with _named(path):
            database = sqlite3.connect(path, isolation_level=None)
            database.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version={SCHEMA_VERSION};COMMIT;")
            database.close()
        path.chmod(0o600)
        return cls(path)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def change(self) -> Iterator[None]:
        """One transaction that nobody else writes beside."""
        with _named(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def entries(self, identity: str | None = None) -> list[Entry]:
        """All, or those of one identity, the oldest first."""
        where, values = ("", ()) if identity is None else (" WHERE identity = ?", (identity,))
        with _named(self._path):
            rows = self._db.execute(f"SELECT * FROM issued{where} ORDER BY rowid", values)  # noqa: S608
            return [_entry(row) for row in rows]

    def by_serial(self, serial: str) -> Entry:
        """One of them.

        Raises:
            RegisterConflict: There is none.
        """
        row = self._db.execute("SELECT * FROM issued WHERE serial = ?", (serial,)).fetchone()
        if row is None:
            raise RegisterConflict(
                "no certificate of that serial number was issued here",
                where=serial,
                next_step="clockface-office ca list",
            )
        return _entry(row)

    def add(self, entry: Entry) -> None:
        """Record a certificate, inside `change`.

        Raises:
            RegisterConflict: Its key has a certificate already, of whomever.
        """
        try:
            self._db.execute(
                "INSERT INTO issued (serial, identity, kind, key_sha256, not_before, not_after, certificate)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    entry.serial,
                    entry.identity,
                    entry.kind,
                    entry.key_sha256,
                    _text(entry.not_before),
                    _text(entry.not_after),
                    entry.certificate,
                ),
            )
        except sqlite3.IntegrityError:
            raise RegisterConflict(
                "this key has had a certificate before: every certificate needs a key of its own",
                where=entry.identity,
                next_step="make a new key, and a request with it",
            ) from None

    def revoke(self, serial: str, *, now: datetime, reason: Reason, last_trusted: LastTrusted | None) -> None:
        """Mark one as revoked, inside `change`; one that is already keeps its date and its last trusted event.

        Raises:
            RegisterConflict: It was never issued, or a different last trusted event was named before.
        """
        before = self.by_serial(serial)
        if last_trusted is not None and before.last_trusted not in {None, last_trusted}:
            raise RegisterConflict("another last trusted event was named for it already", where=serial)
        self._db.execute(
            "UPDATE issued SET revoked_at = coalesce(revoked_at, ?), reason = coalesce(reason, ?),"
            " last_epoch = coalesce(last_epoch, ?), last_seq = coalesce(last_seq, ?) WHERE serial = ?",
            (
                _text(now),
                reason,
                None if last_trusted is None else last_trusted.epoch,
                None if last_trusted is None else last_trusted.seq,
                serial,
            ),
        )

    def next_crl_number(self) -> int:
        """Count on, inside `change`."""
        rows = self._db.execute("UPDATE numbers SET value = value + 1 WHERE name = 'crl' RETURNING value")
        number: int = rows.fetchall()[0][0]
        return number

    def revoked(self) -> RevokedList:
        """What the office is told."""
        number = self._db.execute("SELECT value FROM numbers WHERE name = 'crl'").fetchone()[0]
        found = [entry for entry in self.entries() if entry.revoked_at is not None]
        found.sort(key=lambda entry: entry.revoked_at or entry.not_after)
        return RevokedList(
            crl_number=number,
            revoked=[
                Revoked(
                    serial=entry.serial,
                    identity=entry.identity,
                    at=_text(entry.revoked_at or entry.not_after),
                    reason=entry.reason or "unspecified",
                    last_trusted=entry.last_trusted,
                )
                for entry in found
            ],
        )


_RESTORE: Final = "clockface-office ca init, or restore the authority's folder from its backup"


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise AuthorityUnavailable(
            f"the register of issued certificates cannot be used: {error}",
            where=str(path),
            next_step=f"sqlite3 {path} 'PRAGMA integrity_check'",
        ) from None


def _text(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _entry(row: Any) -> Entry:
    return Entry(
        serial=row["serial"],
        identity=row["identity"],
        kind=row["kind"],
        key_sha256=row["key_sha256"],
        not_before=_time(row["not_before"]),
        not_after=_time(row["not_after"]),
        certificate=row["certificate"],
        revoked_at=None if row["revoked_at"] is None else _time(row["revoked_at"]),
        reason=row["reason"],
        last_trusted=None
        if row["last_epoch"] is None
        else LastTrusted(epoch=row["last_epoch"], seq=row["last_seq"]),
    )
