"""Which devices the office knows, with the keys that each of them signs with.

Read anew for every batch: a device that was revoked a moment ago is revoked for the next message. Trust
boundary: rows were written by operators.
"""

import functools
from collections.abc import Collection
from dataclasses import dataclass, field

from sqlalchemy import Connection, select, tuple_

from sync.office.database import schema
from sync.office.signature import SodiumKey
from sync.office.verification import DeviceKey, ordinal_of
from sync.wire.envelope import VerifyingKey
from sync.wire.topics import Address


@dataclass(frozen=True, slots=True)
class Device:
    """A registered device.

    Args:
        trusted: Of a revoked device: the last event that is trusted, as (epoch, seq); None if none is.
        trusted_hash: Its hash, where the office had it when it revoked the device.
    """

    id: int
    address: Address
    state: str
    trusted: tuple[str, int] | None = None
    trusted_hash: bytes | None = None
    keys: dict[str, DeviceKey] = field(default_factory=dict)

    @property
    def public_keys(self) -> dict[str, VerifyingKey]:
        """Its signing keys by key id."""
        return {key_id: known.key for key_id, known in self.keys.items()}

    @property
    def subject(self) -> str:
        """How alarms name it."""
        return f"{self.address.site}/{self.address.device}"


def load_devices(connection: Connection, addresses: Collection[Address]) -> dict[Address, Device]:
    """Devices of these addresses that are registered, with the keys that were not withdrawn."""
    devices, keys = schema.devices, schema.device_keys
    wanted = sorted({(each.site, each.device) for each in addresses})
    rows = connection.execute(
        select(
            devices.c.id,
            devices.c.site,
            devices.c.device,
            devices.c.state,
            devices.c.trusted_epoch,
            devices.c.trusted_seq,
            devices.c.trusted_hash,
            keys.c.key_id,
            keys.c.public_key,
            keys.c.from_epoch,
            keys.c.to_epoch,
        )
        .select_from(
            devices.outerjoin(keys, (keys.c.device_id == devices.c.id) & keys.c.withdrawn_us.is_(None))
        )
        .where(tuple_(devices.c.site, devices.c.device).in_(wanted))
    )
    found: dict[Address, Device] = {}
    for row in rows:
        address = Address(row.site, row.device)
        if address not in found:
            trusted = None if row.trusted_epoch is None else (row.trusted_epoch, row.trusted_seq)
            digest = None if row.trusted_hash is None else bytes(row.trusted_hash)
            found[address] = Device(row.id, address, row.state, trusted, digest)
        if row.key_id is not None:
            found[address].keys[row.key_id] = DeviceKey(
                _key(bytes(row.public_key)), _ordinal(row.from_epoch), _ordinal(row.to_epoch)
            )
    return found


def device_keys(connection: Connection, device_id: int) -> dict[str, DeviceKey]:
    """Every key that a device ever had, also those that were withdrawn: for what is stored already."""
    keys = schema.device_keys
    rows = connection.execute(select(keys).where(keys.c.device_id == device_id))
    return {
        row.key_id: DeviceKey(_key(bytes(row.public_key)), _ordinal(row.from_epoch), _ordinal(row.to_epoch))
        for row in rows
    }


@functools.lru_cache(maxsize=10_000)
def _key(raw: bytes) -> SodiumKey:
    return SodiumKey(raw)


def _ordinal(epoch: str | None) -> int | None:
    return None if epoch is None else ordinal_of(epoch)
