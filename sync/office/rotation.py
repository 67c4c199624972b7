"""Rotation of the office's own keys, online or operator: staged, told to every kiosk, switched, dropped.

A kiosk learns of the next key from a command that the present operator key signs (`TrustKeys`), believes both
while they overlap, and the old one no more once it has been told so. What a kiosk believes is its own signed
word, in telemetry. Trust boundary: administrators take the steps; whoever holds the operator's key tells.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection, insert, select, update

from clockface.errors import SecretWrong
from sync.office import audit
from sync.office.database import schema
from sync.office.errors import RotationRefused
from sync.office.known_keys import Purpose, known_keys, note_key
from sync.office.rows import microseconds
from sync.wire import envelope
from sync.wire.documents import MAX_DOCUMENT_BYTES
from sync.wire.envelope import signing_key_id
from sync.wire.topics import Address

PURPOSES: Final[tuple[Purpose, ...]] = ("online", "operator")
LIFE: Final = timedelta(days=7)  # of a command that tells; another one follows for who was away
ANSWERED_US: Final = 3_600_000_000  # for so long an answer stands for telemetry that is on its way
STEP: Final = "clockface-office keys status"


class State(StrEnum):
    """What a key is."""

    NEXT = "next"
    PRESENT = "present"
    PREVIOUS = "previous"
    RETIRED = "retired"


BELIEVED: Final = (State.PRESENT, State.NEXT, State.PREVIOUS)


@dataclass(frozen=True, slots=True)
class Kiosk:
    """An active kiosk, and the ids of the office's keys that it believes; None while it has not said."""

    device_id: int
    address: Address
    believes: frozenset[str] | None

    @property
    def subject(self) -> str:
        """As people name it."""
        return f"{self.address.site}/{self.address.device}"


def adopt(connection: Connection, purpose: Purpose, key: Ed25519PublicKey, *, by: str, now: datetime) -> None:
    """Note the key that a process works with: the present one, if none is known yet."""
    now_us = microseconds(now)
    note_key(connection, purpose, key, by=by, now_us=now_us)
    if State.PRESENT not in states(connection, purpose).values():
        _put(connection, purpose, signing_key_id(key), State.PRESENT, by=by, now_us=now_us)


def states(connection: Connection, purpose: Purpose) -> dict[str, State]:
    """What each key of a purpose is, by key id."""
    table = schema.key_states
    rows = connection.execute(
        select(table.c.key_id, table.c.state).where(table.c.purpose == purpose).order_by(table.c.id)
    )
    return {row.key_id: State(row.state) for row in rows}


def believed(connection: Connection, purpose: Purpose) -> list[Ed25519PublicKey]:
    """The keys that kiosks should believe, the present one first."""
    keys, order = known_keys(connection, purpose), list(BELIEVED)
    wanted = [(order.index(state), key) for key, state in states(connection, purpose).items() if state in order]
    return [keys[key_id] for _, key_id in sorted(wanted)]


def beside(connection: Connection, purpose: Purpose, own: Ed25519PublicKey) -> tuple[Ed25519PublicKey, ...]:
    """What a bundle says beside the key at hand; nothing where that key came by another way than a rotation."""
    keys = believed(connection, purpose)
    return tuple(keys) if own in keys else ()


def refuse_outdated(connection: Connection, purpose: Purpose, key: Ed25519PublicKey) -> None:
    """End a process that still works with a key after the switch: started anew, it finds the present one.

    Raises:
        SecretWrong: The key was switched.
    """
    if states(connection, purpose).get(signing_key_id(key)) in (State.PREVIOUS, State.RETIRED):
        raise SecretWrong(
            f"the office's {purpose} key was switched while this process ran",
            next_step="start it anew (systemd does): it reads the present key",
        )


def begin(
    connection: Connection, purpose: Purpose, present: Ed25519PublicKey, *, by: str, now: datetime
) -> None:
    """See whether a rotation may begin, or is at its first step, before anybody makes a key.

    Raises:
        RotationRefused: `present` is not what kiosks believe, or the last rotation is not at its end.
    """
    adopt(connection, purpose, present, by=by, now=now)
    found = states(connection, purpose)
    if State.PREVIOUS in found.values():
        raise RotationRefused(
            f"the overlap of the last rotation of the {purpose} key has not ended",
            next_step=f"clockface-office keys drop {purpose}",
        )
    if found.get(signing_key_id(present)) is not State.PRESENT:
        raise RotationRefused(
            f"the {purpose} key in the file is not the present one of this office",
            next_step=f"{STEP}; a key that came by another way needs kiosks provisioned anew",
        )


def stage(
    connection: Connection,
    purpose: Purpose,
    key: Ed25519PublicKey,
    *,
    present: Ed25519PublicKey,
    by: str,
    now: datetime,
) -> None:
    """Name the next key: kiosks are told to believe it beside the present one. Repeating it changes nothing.

    Raises:
        RotationRefused: `present` is not what kiosks believe, a rotation is under way, or the key had its time.
    """
    begin(connection, purpose, present, by=by, now=now)
    found, key_id = states(connection, purpose), signing_key_id(key)
    if found.get(key_id) is State.NEXT:
        return
    if key_id in found or State.NEXT in found.values():
        raise RotationRefused(f"a rotation of the {purpose} key is under way", next_step=STEP)
    now_us = microseconds(now)
    note_key(connection, purpose, key, by=by, now_us=now_us)
    _put(connection, purpose, key_id, State.NEXT, by=by, now_us=now_us)
    _audit(connection, "key.staged", purpose, key_id, by=by, now_us=now_us)


def switchable(connection: Connection, purpose: Purpose, *, without: Collection[str] = ()) -> str:
    """The id of the next key, if every active kiosk believes it, but for those that are left behind.

    Raises:
        RotationRefused: None is staged, or kiosks lag.
    """
    following = _of(connection, purpose, State.NEXT)
    if following is None:
        raise RotationRefused(
            f"no next {purpose} key is staged", next_step=f"clockface-office keys stage {purpose}"
        )
    _refuse_lagging(connection, following, without=without)
    return following


def switch(connection: Connection, purpose: Purpose, *, by: str, now: datetime) -> None:
    """Make the next key the present one, and the present one the previous. Its file is switched already."""
    now_us = microseconds(now)
    following, present = _of(connection, purpose, State.NEXT), _of(connection, purpose, State.PRESENT)
    if following is None or present is None:
        raise RotationRefused(f"no next {purpose} key is staged", next_step=STEP)
    _put(connection, purpose, present, State.PREVIOUS, by=by, now_us=now_us)
    _put(connection, purpose, following, State.PRESENT, by=by, now_us=now_us)
    _audit(connection, "key.switched", purpose, following, by=by, now_us=now_us)


def drop(
    connection: Connection, purpose: Purpose, *, by: str, now: datetime, without: Collection[str] = ()
) -> str:
    """Retire the previous key: kiosks are told to believe it no more; what it signed and waits is withdrawn.

    Returns:
        Its id.

    Raises:
        RotationRefused: There is none, or a kiosk does not believe the present one.
    """
    previous, present = _of(connection, purpose, State.PREVIOUS), _of(connection, purpose, State.PRESENT)
    if previous is None or present is None:
        raise RotationRefused(f"there is no previous {purpose} key", next_step=STEP)
    _refuse_lagging(connection, present, without=without)
    now_us = microseconds(now)
    _put(connection, purpose, previous, State.RETIRED, by=by, now_us=now_us)
    _withdraw(connection, previous, now_us=now_us)
    _audit(connection, "key.retired", purpose, previous, by=by, now_us=now_us)
    return previous


def _withdraw(connection: Connection, key_id: str, *, now_us: int) -> None:
    """No kiosk takes what this key signed any more; the signer makes anew what is lacking."""
    outbox = schema.outbox
    rows = connection.execute(select(outbox.c.id, outbox.c.envelope).where(schema.unanswered)).all()
    gone = [row.id for row in rows if key_id in _signers(bytes(row.envelope))]
    for start in range(0, len(gone), 500):
        connection.execute(
            update(outbox).where(outbox.c.id.in_(gone[start : start + 500])).values(withdrawn_us=now_us)
        )


def _signers(raw: bytes) -> set[str]:
    return {each.keyid for each in envelope.decode(raw, max_payload_bytes=MAX_DOCUMENT_BYTES).signatures}


def kiosks(connection: Connection) -> list[Kiosk]:
    """Every active kiosk with what it believes."""
    devices, health = schema.devices, schema.device_health
    rows = connection.execute(
        select(devices.c.id, devices.c.site, devices.c.device, health.c.telemetry)
        .outerjoin(health, health.c.device_id == devices.c.id)
        .where(devices.c.state == "active")
        .order_by(devices.c.site, devices.c.device)
    )
    return [Kiosk(row.id, Address(row.site, row.device), _believes(row)) for row in rows]


def _believes(row: Any) -> frozenset[str] | None:
    told = None if row.telemetry is None else json.loads(row.telemetry)["edge"].get("office_keys")
    return None if told is None else frozenset(told)


def _refuse_lagging(connection: Connection, key_id: str, *, without: Collection[str]) -> None:
    lagging = [
        each.subject
        for each in kiosks(connection)
        if each.subject not in without and (each.believes is None or key_id not in each.believes)
    ]
    if lagging:
        listed = ", ".join(lagging[:5]) + (f" and {len(lagging) - 5} more" if len(lagging) > 5 else "")
        raise RotationRefused(
            f"{len(lagging)} kiosks have not said that they believe it: {listed}",
            next_step=f"{STEP}; wait until they were online; --without SITE/DEVICE leaves one behind, to be "
            "provisioned anew",
        )


def _of(connection: Connection, purpose: Purpose, state: State) -> str | None:
    return next((key for key, found in states(connection, purpose).items() if found is state), None)


def _put(connection: Connection, purpose: Purpose, key_id: str, state: State, *, by: str, now_us: int) -> None:
    table = schema.key_states
    values = {"state": state.value, "changed_us": now_us, "changed_by": by}
    done = connection.execute(
        update(table).where(table.c.purpose == purpose, table.c.key_id == key_id).values(values)
    )
    if not done.rowcount:
        connection.execute(insert(table).values(values | {"purpose": purpose, "key_id": key_id}))


def _audit(connection: Connection, action: str, purpose: Purpose, key_id: str, *, by: str, now_us: int) -> None:
    audit.append(connection, at_us=now_us, actor=by, action=action, subject=key_id, detail=purpose)
