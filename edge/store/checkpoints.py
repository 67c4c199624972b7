"""Where a chain begins whose oldest part was removed: signed by the device, so that nobody else shortens it.

A checkpoint names the last entry that is gone: its place, its hash and, of events, the epoch and its public
key. Trust boundary: the table is a file's; whoever follows a chain takes the columns, and `check` holds them
against the signature of a key that an epoch of this ledger had.
"""

import base64
import sqlite3
from dataclasses import dataclass
from typing import ClassVar, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from edge.errors import LedgerCorrupt
from edge.ports import Clock
from edge.store.device_keys import DeviceKeys
from sync.wire.canonical import WireError
from sync.wire.documents import Document, open_document
from sync.wire.envelope import EnvelopeError, signing_key_id
from sync.wire.fields import Epoch, Seq, Sha256, SigningKey, Time, format_time
from sync.wire.topics import Address

ChainName = Literal["events", "audit"]


class Checkpoint(Document):
    """What is signed. Stays in the ledger: no courier carries it.

    Args:
        position: The place of the last entry that is gone, in its table.
        epoch: Of events: its epoch, with `public_key`.
        seq: Of events: its number in the epoch; of the audit trail the same as `position`.
        hash: Of that entry.
        public_key: The key that signed the epoch.
        at: When it was removed.
    """

    payload_type: ClassVar[str] = "application/vnd.clockface.checkpoint+json"

    kind: Literal["clockface.checkpoint.v1"] = "clockface.checkpoint.v1"
    chain: ChainName
    position: Seq
    epoch: Epoch | None = None
    seq: Seq
    hash: Sha256
    public_key: SigningKey | None = None
    at: Time


@dataclass(frozen=True, slots=True)
class Begins:
    """The last entry of a chain that is gone.

    Args:
        position: Its place in the table.
        ordinal: Of events: its epoch's number; 0 of the audit trail.
        epoch: Of events: its epoch's id; empty of the audit trail.
        seq: Its number.
        hash: 32 bytes.
    """

    position: int
    ordinal: int
    epoch: str
    seq: int
    hash: bytes


def begins(connection: sqlite3.Connection, chain: ChainName) -> Begins | None:
    """Where a chain begins; None while it is whole."""
    row = connection.execute(
        "SELECT position, coalesce(ordinal, 0), coalesce(epochs.epoch, ''), seq, hash FROM checkpoints "
        "LEFT JOIN epochs ON epochs.ordinal = checkpoints.epoch WHERE chain = ?",
        (chain,),
    ).fetchone()
    return None if row is None else Begins(*row)


def pruned(connection: sqlite3.Connection, epoch: str, seq: int) -> bool:
    """Whether an event lies at or before the events' checkpoint."""
    row = connection.execute(
        "SELECT 1 FROM checkpoints, epochs WHERE chain = 'events' AND epochs.epoch = ?1 "
        "AND (epochs.ordinal < checkpoints.epoch OR (epochs.ordinal = checkpoints.epoch AND ?2 <= seq))",
        (epoch, seq),
    ).fetchone()
    return row is not None


def put(
    connection: sqlite3.Connection,
    chain: ChainName,
    last: Begins,
    *,
    keys: DeviceKeys,
    address: Address,
    clock: Clock,
) -> None:
    """Sign that everything up to `last` is gone, within the transaction that removes it."""
    public = None
    if last.epoch:
        raw = connection.execute("SELECT public_key FROM epochs WHERE ordinal = ?", (last.ordinal,)).fetchone()[
            0
        ]
        public = base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")
    signed = keys.sign(
        Checkpoint(
            site=address.site,
            device=address.device,
            chain=chain,
            position=last.position,
            epoch=last.epoch or None,
            seq=last.seq,
            hash=last.hash.hex(),
            public_key=public,
            at=format_time(clock.now().wall),
        )
    )
    connection.execute(
        "INSERT OR REPLACE INTO checkpoints (chain, position, epoch, seq, hash, envelope) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (chain, last.position, last.ordinal or None, last.seq, last.hash, signed),
    )


def check(connection: sqlite3.Connection, chain: ChainName, *, address: Address) -> None:
    """Hold a chain's checkpoint against its signature, and the table against the checkpoint.

    Raises:
        LedgerCorrupt: It was altered or forged, or what it says is gone is there.
    """
    found = begins(connection, chain)
    if found is None:
        return
    where = f"checkpoint of {chain}"
    epochs = dict(connection.execute("SELECT epoch, public_key FROM epochs"))
    keys = [Ed25519PublicKey.from_public_bytes(key) for key in epochs.values()]
    envelope = connection.execute("SELECT envelope FROM checkpoints WHERE chain = ?", (chain,)).fetchone()[0]
    try:
        signed = open_document(
            Checkpoint, envelope, keys={signing_key_id(key): key for key in keys}, address=address
        )
    except (EnvelopeError, WireError):
        raise LedgerCorrupt("a checkpoint's signature does not hold", where=where) from None
    said = (signed.chain, signed.position, signed.epoch or "", signed.seq, signed.hash)
    if said != (chain, found.position, found.epoch, found.seq, found.hash.hex()):
        raise LedgerCorrupt("a checkpoint is not the one that was signed", where=where)
    if found.epoch and signed.public_key != _text(epochs[found.epoch]):
        raise LedgerCorrupt("an epoch's public key is not the one in its checkpoint", where=where)
    column, table = ("position", "events") if chain == "events" else ("seq", "audit")
    left = connection.execute(
        f"SELECT 1 FROM {table} WHERE {column} <= ? LIMIT 1",  # noqa: S608 - our names
        (found.position,),
    ).fetchone()
    if left is not None:
        raise LedgerCorrupt("an entry stands before the checkpoint that says it is gone", where=where)


def _text(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).decode("ascii").rstrip("=")
