"""Rows for tests: the smallest honest ones."""

import hashlib
from typing import Any

from sqlalchemy import Connection, insert

from sync.office.database import schema

NOW_US = 1_700_000_000_000_000
GENESIS = bytes(32)


def add_device(connection: Connection, *, site: str = "mill", device: str = "gate") -> int:
    """A site, a device and its first epoch; gives the device's number."""
    if connection.execute(schema.sites.select().where(schema.sites.c.site == site)).first() is None:
        connection.execute(
            insert(schema.sites).values(site=site, name=site, time_zone="Europe/Berlin", created_us=NOW_US)
        )
    made = connection.execute(
        insert(schema.devices).values(
            site=site, device=device, state="active", registered_us=NOW_US, registered_by="root"
        )
    )
    return int(made.inserted_primary_key[0])


def add_epoch(connection: Connection, device_id: int, *, ordinal: int = 1) -> int:
    """An epoch with nothing committed."""
    made = connection.execute(
        insert(schema.epochs).values(
            device_id=device_id,
            epoch=f"{ordinal:06d}-00112233aabbccdd",
            ordinal=ordinal,
            first_received_us=NOW_US,
            frontier_hash=GENESIS,
        )
    )
    return int(made.inserted_primary_key[0])


def event_row(device_id: int, epoch_id: int, seq: int) -> dict[str, Any]:
    """An attendance event's row, with an envelope of the usual size."""
    return {
        "device_id": device_id,
        "epoch_id": epoch_id,
        "seq": seq,
        "hash": event_hash(epoch_id, seq),
        "prev_hash": event_hash(epoch_id, seq - 1) if seq > 1 else GENESIS,
        "type": "clockface.attendance.recorded.v1",
        "time_us": NOW_US + seq * 1_000_000,
        "received_us": NOW_US + seq * 1_000_000 + 250_000,
        "interpreted": True,
        "utc_offset_s": 3600,
        "trust": "synchronised",
        "boot_id": "7c5b0d3e",
        "boottime_us": seq * 1_000_000,
        "person": hashlib.sha256(str(seq % 500).encode()).hexdigest()[:32],
        "direction": "in",
        "direction_source": "fixed",
        "method": "face",
        "day": "2026-11-22",
        "work_code": None,
        "score_millionths": 654_321,
        "model": bytes(32),
        "change": None,
        "reissues_epoch": None,
        "reissues_seq": None,
        "reissues_hash": None,
        "envelope": hashlib.shake_256(str(seq).encode()).digest(1300),
    }


def event_hash(epoch_id: int, seq: int) -> bytes:
    """A hash that stands for the event's."""
    return hashlib.sha256(f"{epoch_id}/{seq}".encode()).digest()
