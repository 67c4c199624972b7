"""The outbox beside the events: what the office is to have that must be erasable or is too bulky for the chain.

A parcel is signed when it is made and stays until the office's receipt names it. Erasing a person takes what
was meant to go out about them along. Trust boundary: the courier gets envelopes only; whoever calls `drop` has
verified the receipt.
"""

import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge.ports import Clock
from edge.store.database import Database
from edge.store.device_keys import DeviceKeys
from edge.store.translation import unix_us
from edge.store.vault import Vault
from sync.wire.parcels import Parcel

MAX_WAITING = 10_000  # of one kind; more than a site has people
_BATCH = 20


@dataclass(frozen=True, slots=True)
class SignedParcel:
    """A parcel on its way: its random id and its DSSE envelope."""

    parcel_id: str
    envelope: bytes

    def __repr__(self) -> str:
        return f"SignedParcel({self.parcel_id}, ********)"


class Outbox:
    """The parcels table."""

    def __init__(self, database: Database, *, vault: Vault, keys: DeviceKeys, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._keys = keys
        self._clock = clock

    def add(self, parcel: Parcel, *, subject: str = "", replace: bool = False) -> None:
        """Sign a parcel and keep it, within the caller's transaction if there is one.

        Args:
            parcel: What the office is to have.
            subject: The person whom it is about.
            replace: Drop what still waits of the same kind and subject: this one says it all.

        Raises:
            EnvelopeError: It is too large for any receiver.
        """
        envelope = self._keys.sign(parcel)
        body = {"envelope": envelope.decode("ascii")}
        with self._database.write() as connection:
            if replace:
                connection.execute(
                    "DELETE FROM parcels WHERE payload_type = ? AND subject = ?", (parcel.payload_type, subject)
                )
            connection.execute(
                "INSERT INTO parcels (parcel_id, payload_type, subject, made_us, envelope, written_by) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (
                    parcel.id,
                    parcel.payload_type,
                    subject,
                    unix_us(self._clock.now().wall),
                    self._vault.seal_fields("parcel", parcel.id, body),
                    self._vault.number,
                ),
            )
            # An office that is away for good must not fill the disk: the oldest go.
            over = self._count(connection, type(parcel)) - MAX_WAITING
            if over > 0:
                connection.execute(
                    "DELETE FROM parcels WHERE row IN "
                    "(SELECT row FROM parcels WHERE payload_type = ? ORDER BY row LIMIT ?)",
                    (parcel.payload_type, over),
                )

    def room(self, kind: type[Parcel]) -> int:
        """How many more of a kind may wait before the oldest of it are dropped."""
        with self._database.read() as connection:
            return max(0, MAX_WAITING - self._count(connection, kind))

    def _count(self, connection: sqlite3.Connection, kind: type[Parcel]) -> int:
        count = "SELECT count(*) FROM parcels WHERE payload_type = ?"  # of the index alone
        return int(connection.execute(count, (kind.payload_type,)).fetchone()[0])

    def waiting(self, *, limit: int) -> tuple[SignedParcel, ...]:
        """What the office has not received, oldest first.

        Raises:
            LedgerCorrupt, SecretWrong: A row was altered, or its key is not on the ring.
        """
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT parcel_id, envelope, written_by FROM parcels ORDER BY row LIMIT ?", (limit,)
            ).fetchall()
        return tuple(
            SignedParcel(
                parcel_id,
                str(self._vault.open_fields("parcel", parcel_id, token, written_by)["envelope"]).encode(),
            )
            for parcel_id, token, written_by in rows
        )

    def check_all(self) -> None:
        """Open every parcel; raises as `waiting`."""
        row = 0
        while True:
            with self._database.read() as connection:
                found = connection.execute(
                    "SELECT row, parcel_id, envelope, written_by FROM parcels "
                    "WHERE row > ? ORDER BY row LIMIT ?",
                    (row, _BATCH),
                ).fetchall()
            if not found:
                return
            for _, parcel_id, token, written_by in found:
                self._vault.open_fields("parcel", parcel_id, token, written_by)
            row = found[-1][0]

    def count(self) -> int:
        """How many wait."""
        with self._database.read() as connection:
            return int(connection.execute("SELECT count(*) FROM parcels").fetchone()[0])

    def count_of(self, subject: str) -> int:
        """How many wait that are about a person."""
        with self._database.read() as connection:
            found = connection.execute("SELECT count(*) FROM parcels WHERE subject = ?", (subject,)).fetchone()
        return int(found[0])

    def waits(self, subject: str, kind: type[Parcel]) -> bool:
        """Whether a parcel of this kind about a person is still on its way."""
        with self._database.read() as connection:
            found = connection.execute(
                "SELECT 1 FROM parcels WHERE subject = ? AND payload_type = ? LIMIT 1",
                (subject, kind.payload_type),
            ).fetchone()
        return found is not None

    def drop(self, parcel_ids: Sequence[str]) -> int:
        """Forget parcels that the office has; returns how many were waiting."""
        with self._database.write() as connection:
            before = connection.total_changes
            connection.executemany("DELETE FROM parcels WHERE parcel_id = ?", [(each,) for each in parcel_ids])
            dropped = connection.total_changes - before
        if dropped:
            self._database.scrub()
        return dropped

    def forget(self, subject: str, *, kinds: Iterable[type[Parcel]]) -> None:
        """Drop what still waits about a person; the caller scrubs the file when its transaction ends."""
        with self._database.write() as connection:
            connection.executemany(
                "DELETE FROM parcels WHERE subject = ? AND payload_type = ?",
                [(subject, kind.payload_type) for kind in kinds],
            )


def new_id() -> str:
    """A random id for a parcel or another document."""
    return secrets.token_hex(16)
