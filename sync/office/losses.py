"""Which events are missing: between those that are here, or at the end of a history that a later one follows.

And whether their device may still bring them, by what it signed: which history it is in, from where that went
on, and up to where its ledger was shortened. Trust boundary: telemetry was verified when it was stored; a
device that said nothing is taken to hold everything of its history.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from sync.office.database import schema
from sync.office.history import missing_ranges
from sync.office.verification import stored


@dataclass(frozen=True, slots=True)
class Loss:
    """Events that are missing.

    Args:
        epoch_id: None if nothing of the epoch ever came.
        waiting: How many later events of the epoch wait for them.
        since_us: Since when it is known.
        at_end: Whether a later epoch says that they were there, rather than an event that waits.
    """

    device_id: int
    site: str
    device: str
    epoch: str
    epoch_id: int | None
    from_seq: int
    to_seq: int
    waiting: int
    since_us: int
    at_end: bool

    @property
    def subject(self) -> str:
        """As alarms and people name its history."""
        return f"{self.site}/{self.device}/{self.epoch}"


def losses(connection: Connection) -> list[Loss]:
    """Every stretch that is missing, the oldest first."""
    found = [*_between(connection), *_at_end(connection)]
    return sorted(found, key=lambda each: (each.since_us, each.subject, each.from_seq))


def _between(connection: Connection) -> list[Loss]:
    """Open gaps as they are now: a part of one may have come since it was found."""
    gaps, epochs, devices, waiting = schema.gaps, schema.epochs, schema.devices, schema.waiting
    rows = connection.execute(
        select(epochs, devices.c.site, devices.c.device, func.min(gaps.c.opened_us).label("since_us"))
        .join(epochs, epochs.c.id == gaps.c.epoch_id)
        .join(devices, devices.c.id == epochs.c.device_id)
        .where(gaps.c.closed_us.is_(None))
        .group_by(epochs.c.id, devices.c.id)
    ).all()
    found = []
    for row in rows:
        waits = connection.execute(select(waiting.c.seq).where(waiting.c.epoch_id == row.id)).scalars().all()
        found += [
            Loss(
                row.device_id, row.site, row.device, row.epoch, row.id, first, last,
                sum(seq > last for seq in waits), row.since_us, at_end=False,
            )
            for first, last in missing_ranges(row.frontier_seq, waits)
        ]  # fmt: skip
    return found


def _at_end(connection: Connection) -> list[Loss]:
    """What a later epoch follows and is not here, behind everything of its epoch that came."""
    later, devices, waiting = schema.epochs, schema.devices, schema.waiting
    earlier = schema.epochs.alias("earlier")
    last_waiting = (
        select(func.max(waiting.c.seq))
        .where(waiting.c.epoch_id == earlier.c.id)
        .correlate(earlier)
        .scalar_subquery()
    )
    rows = connection.execute(
        select(
            later.c.device_id, later.c.previous_epoch, later.c.previous_seq, later.c.first_received_us,
            devices.c.site, devices.c.device, earlier.c.id, earlier.c.frontier_seq, earlier.c.refused_seq,
            last_waiting.label("last_waiting"),
        )
        .join(devices, devices.c.id == later.c.device_id)
        .outerjoin(
            earlier,
            (earlier.c.device_id == later.c.device_id) & (earlier.c.epoch == later.c.previous_epoch),
        )
        .where(later.c.previous_epoch.is_not(None))
        .order_by(later.c.id)
    )  # fmt: skip
    found: dict[tuple[int, str], Loss] = {}
    for row in rows:
        here = max(row.frontier_seq or 0, row.last_waiting or 0)
        refused = row.refused_seq is not None and row.refused_seq <= row.previous_seq
        if here < row.previous_seq and not refused:  # what was refused comes again in the later epoch
            found[row.device_id, row.previous_epoch] = Loss(
                row.device_id, row.site, row.device, row.previous_epoch, row.id, here + 1, row.previous_seq, 0,
                row.first_received_us, at_end=True,
            )  # fmt: skip
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Past:
    """An epoch as far as a device's way through its history needs it.

    Args:
        begun: Whether its first event is here, so that `previous` is known.
        previous: The epoch and number that it follows.
    """

    begun: bool
    previous: tuple[str, int] | None


def may_hold(
    loss: Loss, *, epochs: Mapping[str, Past], head: str | None, removed_to: tuple[str, int] | None
) -> bool:
    """Whether the device's ledger may still have any of these events.

    Args:
        loss: What is missing.
        epochs: Everything that the office knows of the device's epochs, by name.
        head: The epoch that the device is in, as far as known.
        removed_to: The last event that it removed from its ledger.
    """
    path, here, up_to = [], head, None
    while here is not None and here not in path:
        path.append(here)
        if here == loss.epoch:
            if up_to is not None and up_to < loss.from_seq:
                return False  # its history goes on from before: it never had them, or lost them
            return not _removed(loss, path=path, removed_to=removed_to)
        past = epochs.get(here)
        if past is None or not past.begun:
            return True  # where that history came from is not known
        here, up_to = past.previous or (None, None)
    return head is None


def _removed(loss: Loss, *, path: Sequence[str], removed_to: tuple[str, int] | None) -> bool:
    """Whether the ledger's beginning was removed beyond what is missing; `path` leads back to there."""
    if removed_to is None:
        return False
    if removed_to[0] == loss.epoch:
        return loss.to_seq <= removed_to[1]
    return removed_to[0] in path


def still_held(connection: Connection, loss: Loss) -> bool:
    """Whether these events may still come: their device is in use, with the hardware that had them."""
    devices, health = schema.devices, schema.device_health
    row = connection.execute(
        select(devices.c.state, health.c.telemetry)
        .outerjoin(health, health.c.device_id == devices.c.id)
        .where(devices.c.id == loss.device_id)
    ).one()
    if row.state != "active" or _hardware_gone(connection, loss):
        return False
    rows = _epochs(connection, loss.device_id)
    told = {} if row.telemetry is None else json.loads(row.telemetry)["edge"]
    removed = told.get("removed_to")
    newest = max((each for each in rows if each.frontier_seq), key=lambda each: each.ordinal, default=None)
    return may_hold(
        loss,
        epochs={each.epoch: _past(each) for each in rows},
        head=told["head"]["epoch"] if told else None if newest is None else newest.epoch,
        removed_to=None if removed is None else (removed["epoch"], removed["seq"]),
    )


def _epochs(connection: Connection, device_id: int) -> Sequence[Row[Any]]:
    epochs = schema.epochs
    return list(connection.execute(select(epochs).where(epochs.c.device_id == device_id)))


def _past(row: Row[Any]) -> Past:
    previous = None if row.previous_epoch is None else (row.previous_epoch, row.previous_seq)
    return Past(begun=row.reason is not None, previous=previous)


def _hardware_gone(connection: Connection, loss: Loss) -> bool:
    """Whether every key that signed this epoch was withdrawn: another board hangs there now."""
    keys, epochs, waiting = schema.device_keys, schema.epochs, schema.waiting
    if loss.epoch_id is None:
        return False
    signer = connection.execute(select(epochs.c.signer).where(epochs.c.id == loss.epoch_id)).scalar_one()
    first = connection.execute(
        select(waiting.c.envelope).where(waiting.c.epoch_id == loss.epoch_id).order_by(waiting.c.seq).limit(1)
    ).scalar_one_or_none()
    signers = {signer} - {None} | (set() if first is None else {stored(bytes(first)).key_id})
    valid = connection.execute(
        select(func.count()).where(
            keys.c.device_id == loss.device_id, keys.c.key_id.in_(signers), keys.c.withdrawn_us.is_(None)
        )
    ).scalar_one()
    return bool(signers) and not valid
