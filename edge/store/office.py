"""The office that this device believes: its name and public keys, sealed, so that an edited file is no trust.

There is one office at most, and it stays: another one is installed only if a key that is trusted already has
signed for it (`edge.cli.provision` holds the bundle's signature). Trust boundary: the caller has verified the
bundle; what stands here is believed from then on.
"""

import base64
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from edge.errors import StoreError
from edge.store.audit import AuditTrail
from edge.store.database import Database
from edge.store.vault import Vault
from sync.wire.envelope import signing_key_id


@dataclass(frozen=True)
class Office:
    """Whom to believe.

    Args:
        name: As the office calls itself; for people.
        bundle: Random id of the bundle that said so.
        online_keys: Ed25519, base64url, of acks, refusals, receipts.
        operator_keys: Ed25519, base64url, of commands, roster and bundles.
        sealing_key: X25519, base64url, to which personal details are sealed.
        installed_at: Aware time.
        installed_by: Account that did it.
    """

    name: str
    bundle: str
    online_keys: tuple[str, ...]
    operator_keys: tuple[str, ...]
    sealing_key: str
    installed_at: datetime
    installed_by: str

    @cached_property
    def online(self) -> Mapping[str, Ed25519PublicKey]:
        """The online keys by key id."""
        return by_id(self.online_keys)

    @cached_property
    def operator(self) -> Mapping[str, Ed25519PublicKey]:
        """The operator keys by key id."""
        return by_id(self.operator_keys)

    @property
    def sealing(self) -> X25519PublicKey:
        """The sealing key."""
        return X25519PublicKey.from_public_bytes(raw_key(self.sealing_key))


class Offices:
    """The office table: one row or none."""

    def __init__(self, database: Database, *, vault: Vault, audit: AuditTrail) -> None:
        self._database = database
        self._vault = vault
        self._audit = audit
        self._known: tuple[bytes, Office] | None = None

    def current(self) -> Office | None:
        """The office that is believed, or None before provisioning.

        Raises:
            LedgerCorrupt: The row was altered.
            SecretWrong: DATA_ENCRYPTION_KEY lacks the key that wrote it.
        """
        with self._database.read() as connection:
            return self._read(connection)

    def online(self) -> Mapping[str, Ed25519PublicKey] | None:
        """Who may sign acks, refusals, receipts, by key id; None before provisioning. Raises as `current`."""
        known = self.current()
        return None if known is None else known.online

    def operator(self) -> Mapping[str, Ed25519PublicKey] | None:
        """Who may sign commands and the roster, by key id; None before provisioning. Raises as `current`."""
        known = self.current()
        return None if known is None else known.operator

    def install(self, office: Office) -> None:
        """Believe this office from now on, in the place of any other."""
        with self._database.write():
            self._put(office)
            self._audit.append(
                "office.installed",
                actor=office.installed_by,
                subject=office.bundle,
                detail=f"operator_key={next(iter(office.operator))}",
            )

    def _put(self, office: Office) -> None:
        fields = {
            "name": office.name,
            "bundle": office.bundle,
            "online": list(office.online_keys),
            "operator": list(office.operator_keys),
            "sealing": office.sealing_key,
            "at": office.installed_at.isoformat(),
            "by": office.installed_by,
        }
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO office (one, body, written_by) VALUES (1, ?, ?) ON CONFLICT (one) "
                "DO UPDATE SET body = excluded.body, written_by = excluded.written_by",
                (self._vault.seal_fields("office", "trust", fields), self._vault.number),
            )

    def trust(self, *, online_keys: Sequence[str], operator_keys: Sequence[str], by: str) -> None:
        """Believe these keys of the same office from now on, and no others of their purpose; none: as before.

        Raises:
            StoreError: There is no office yet, or a key would serve two purposes.
        """
        known = self.current()
        if known is None:
            raise StoreError("no office is believed yet", where="office", next_step="clockface provision")
        changed = replace(
            known,
            online_keys=tuple(online_keys) or known.online_keys,
            operator_keys=tuple(operator_keys) or known.operator_keys,
        )
        if set(changed.online_keys) & set(changed.operator_keys):
            raise StoreError("a key of the office would serve two purposes", where="office")
        with self._database.write():
            self._put(changed)
            self._audit.append(
                "office.keys_changed",
                actor=by,
                subject=known.bundle,
                detail=f"online={_short(changed.online)},operator={_short(changed.operator)}",
            )

    def _read(self, connection: sqlite3.Connection) -> Office | None:
        row = connection.execute("SELECT body, written_by FROM office").fetchone()
        if row is None:
            return None
        if self._known is not None and self._known[0] == row[0]:
            return self._known[1]
        fields = self._vault.open_fields("office", "trust", row[0], row[1])
        office = Office(
            name=fields["name"],
            bundle=fields["bundle"],
            online_keys=tuple(fields["online"]),
            operator_keys=tuple(fields["operator"]),
            sealing_key=fields["sealing"],
            installed_at=datetime.fromisoformat(fields["at"]),
            installed_by=fields["by"],
        )
        self._known = (row[0], office)
        return office


def raw_key(text: str) -> bytes:
    """The 32 bytes behind the wire's `PublicKey`."""
    return base64.urlsafe_b64decode(text + "=")


def key_text(raw: bytes) -> str:
    """The wire's `PublicKey` of 32 bytes."""
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def by_id(texts: Sequence[str]) -> Mapping[str, Ed25519PublicKey]:
    """Signing keys by key id."""
    keys = [Ed25519PublicKey.from_public_bytes(raw_key(text)) for text in texts]
    return {signing_key_id(key): key for key in keys}


def _short(keys: Mapping[str, Ed25519PublicKey]) -> str:
    """The beginnings of key ids, as an audit's code has room for."""
    return "+".join(key_id[:12] for key_id in keys)
