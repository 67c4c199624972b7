"""Opens a support bundle that a kiosk sent in parts, sealed to the office.

Trust boundary: every part must be signed by the device and open with the office's key; what it unpacks to is
bounded, and is written out without being interpreted.
"""

import zlib
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Connection, select, update

from sync.office.database import schema
from sync.office.errors import BundleIncomplete
from sync.office.registry import load_devices
from sync.wire.canonical import WireError
from sync.wire.documents import open_document
from sync.wire.envelope import EnvelopeError
from sync.wire.parcels import SupportParcel
from sync.wire.sealing import SealError, from_text, unseal
from sync.wire.topics import Address

MAX_UNPACKED_BYTES: Final = 32 * 1024 * 1024


def open_bundle(connection: Connection, bundle: str, *, key: X25519PrivateKey) -> bytes:
    """Put a bundle together: JSON without personal data, as `edge.daemon.support` makes it.

    Raises:
        BundleIncomplete: Unknown, parts are missing, from several devices, or one does not hold.
    """
    parcels, devices = schema.parcels, schema.devices
    rows = connection.execute(
        select(parcels.c.envelope, devices.c.site, devices.c.device)
        .join(devices, devices.c.id == parcels.c.device_id)
        .where(parcels.c.bundle == bundle, parcels.c.envelope.is_not(None))
        .order_by(parcels.c.part)
    ).all()
    addresses = {Address(row.site, row.device) for row in rows}
    if len(addresses) != 1:
        what = "no part of this bundle is here" if not rows else "several kiosks claim this bundle"
        raise BundleIncomplete(what, where=f"bundle {bundle}", next_step="clockface-office command list")
    address = addresses.pop()
    keys = load_devices(connection, [address])[address].public_keys
    try:
        parts = [open_document(SupportParcel, bytes(row.envelope), keys=keys, address=address) for row in rows]
        wanted = list(range(1, parts[0].parts + 1))
        if [part.part for part in parts] != wanted or {part.parts for part in parts} != {len(wanted)}:
            raise BundleIncomplete(
                f"{len(parts)} of {len(wanted)} parts are here",
                where=f"bundle {bundle}",
                next_step="wait until the kiosk has sent them",
            )
        packed = b"".join(unseal(from_text(part.sealed), key=key, info=part.info) for part in parts)
    except (WireError, EnvelopeError, SealError) as error:
        raise BundleIncomplete(f"a part does not hold: {error}", where=f"bundle {bundle}") from None
    return _unpacked(packed, bundle)


def note_opened(connection: Connection, bundle: str, *, now_us: int) -> None:
    """Note that somebody has dealt with a bundle's parts."""
    parcels = schema.parcels
    connection.execute(
        update(parcels)
        .where(parcels.c.bundle == bundle, parcels.c.handled_us.is_(None))
        .values(handled_us=now_us, outcome="opened")
    )


def _unpacked(packed: bytes, bundle: str) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(packed, MAX_UNPACKED_BYTES)
    except zlib.error:
        raise BundleIncomplete("it does not unpack", where=f"bundle {bundle}") from None
    if not unpacker.eof:
        limit = MAX_UNPACKED_BYTES // 2**20
        raise BundleIncomplete(f"it is cut off, or larger than {limit} MiB", where=f"bundle {bundle}")
    return content
