"""Tells kiosks which keys of the office to believe: only sets that the operator's key signed, ever.

The database says how far a rotation is, but whoever may write it, as the receiver does, must not choose whom
kiosks obey: so each set is signed where that key is (`approve`), and what is told is that set and no other.
Trust boundary: `key_sets` is anybody's who may write it, until the signature of the key at hand is found on it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import Field
from sqlalchemy import Connection, select, update

from sync.office import audit
from sync.office.alarms import AlarmKind, clear_alarm, insert, raise_alarm
from sync.office.database import Database, schema
from sync.office.known_keys import Purpose, known_keys
from sync.office.orders import sign_order
from sync.office.registration import from_text, to_text
from sync.office.registry import load_devices
from sync.office.rotation import PURPOSES, Kiosk, kiosks
from sync.office.rows import microseconds
from sync.wire import envelope
from sync.wire.canonical import WireError, encode, read
from sync.wire.commands import Command, TrustKeys
from sync.wire.documents import MAX_DOCUMENT_BYTES
from sync.wire.envelope import EnvelopeError, signing_key_id
from sync.wire.fields import SigningKey, Time, Wire, expires_within, format_time

TYPE: Final = "application/vnd.clockface.key-set+json"
APPROVED_FOR: Final = timedelta(days=92)  # then somebody signs again: no old set comes back years later
LIFE: Final = timedelta(days=7)  # of a command that tells; another one follows for who was away
ANSWERED_US: Final = 3_600_000_000  # for so long an answer stands for telemetry that is on its way


class KeySet(Wire):
    """The keys of one purpose that kiosks are to believe; stays in the office's database."""

    payload_type: ClassVar[str] = TYPE

    kind: Literal["clockface.key-set.v1"] = "clockface.key-set.v1"
    purpose: Literal["online", "operator"]
    keys: Annotated[list[SigningKey], Field(min_length=1, max_length=4)]
    issued: Time
    expires: Time


def approve(
    connection: Connection,
    purpose: Purpose,
    keys: Sequence[Ed25519PublicKey],
    *,
    key: Ed25519PrivateKey,
    by: str,
    now: datetime,
) -> None:
    """Sign which keys kiosks are to believe: those that whoever signs has seen, not what a database says."""
    document = KeySet(
        purpose=purpose,
        keys=[to_text(each) for each in keys],
        issued=format_time(now),
        expires=format_time(now + APPROVED_FOR),
    )
    raw = envelope.encode(envelope.sign(encode(document), key=key, payload_type=TYPE))
    values = {"envelope": raw, "signed_us": microseconds(now)}
    connection.execute(
        insert(connection, schema.key_sets)
        .values(purpose=purpose, **values)
        .on_conflict_do_update(index_elements=["purpose"], set_=values)
    )
    audit.append(
        connection,
        at_us=microseconds(now),
        actor=by,
        action="key.approved",
        subject=signing_key_id(key.public_key()),
        detail=f"{purpose}:{'+'.join(signing_key_id(each)[:12] for each in keys)}",
    )


def approved(
    connection: Connection, purpose: Purpose, *, signer: Ed25519PublicKey, now: datetime
) -> list[Ed25519PublicKey]:
    """The set that this operator's key signed and that has not expired; empty if there is none."""
    sets = schema.key_sets
    raw = connection.execute(select(sets.c.envelope).where(sets.c.purpose == purpose)).scalar_one_or_none()
    if raw is None:
        return []
    try:
        payload = envelope.verify(
            envelope.decode(bytes(raw)), keys={signing_key_id(signer): signer}, payload_type=TYPE
        )
        found = read(KeySet, payload, max_bytes=MAX_DOCUMENT_BYTES)
        expires_within(found.issued, found.expires, longest=APPROVED_FOR)
    except (EnvelopeError, WireError, ValueError):
        return []
    if found.purpose != purpose or now >= datetime.fromisoformat(found.expires):
        return []
    return [Ed25519PublicKey.from_public_bytes(from_text(each)) for each in found.keys]


def tell(database: Database, *, key: Ed25519PrivateKey, by: str, now: datetime) -> int:
    """Sign a command for every kiosk that should believe other keys than it does. Returns how many.

    A kiosk that does not believe the key at hand can be told nothing: it is alarmed.
    """
    own, told = signing_key_id(key.public_key()), 0
    with database.read() as connection:
        found = [each for each in kiosks(connection) if each.believes is not None]
        alarmed = _alarmed(connection)
        known = {purpose: frozenset(known_keys(connection, purpose)) for purpose in PURPOSES}
        sets = {
            purpose: approved(connection, purpose, signer=key.public_key(), now=now) for purpose in PURPOSES
        }
    for kiosk in found:
        believes = kiosk.believes or frozenset()
        deaf = own not in believes and own in known["operator"]
        due = [
            purpose
            for purpose, other in zip(PURPOSES, reversed(PURPOSES), strict=True)
            if sets[purpose] and believes - known[other] != {signing_key_id(each) for each in sets[purpose]}
        ]
        if not due and not deaf and kiosk.subject not in alarmed:
            continue
        with database.write() as connection:
            _alarm(connection, kiosk, raised=deaf, now_us=microseconds(now))
            for purpose in () if deaf else due:
                told += _tell_one(connection, kiosk, _order(purpose, sets[purpose]), key=key, by=by, now=now)
    return told


def _order(purpose: Purpose, keys: Sequence[Ed25519PublicKey]) -> TrustKeys:
    texts = [to_text(each) for each in keys]
    return TrustKeys(online_keys=texts) if purpose == "online" else TrustKeys(operator_keys=texts)


def _tell_one(
    connection: Connection, kiosk: Kiosk, order: TrustKeys, *, key: Ed25519PrivateKey, by: str, now: datetime
) -> bool:
    """Sign a command, unless one like it is on its way or was just answered."""
    outbox, now_us = schema.outbox, microseconds(now)
    rows = connection.execute(
        select(outbox)
        .where(
            outbox.c.device_id == kiosk.device_id,
            outbox.c.kind == order.do,
            outbox.c.withdrawn_us.is_(None),
            outbox.c.created_us > now_us - microseconds_of(LIFE) - ANSWERED_US,
        )
        .order_by(outbox.c.id)
    ).all()
    same = [row for row in rows if _purpose_of(row.envelope) == _purpose_in(order)]
    if same and _order_of(same[-1].envelope) == order:
        last = same[-1]
        until = last.expires_us if last.answered_us is None else last.answered_us + ANSWERED_US
        if now_us < until:
            return False
    outdated = [row.id for row in same if row.answered_us is None]
    connection.execute(update(outbox).where(outbox.c.id.in_(outdated)).values(withdrawn_us=now_us))
    device = load_devices(connection, [kiosk.address])[kiosk.address]
    sign_order(connection, device, order, key=key, by=by, now=now, life=LIFE)
    return True


def microseconds_of(span: timedelta) -> int:
    """A span as whole microseconds."""
    return span // timedelta(microseconds=1)


def _order_of(raw: bytes) -> TrustKeys:
    payload = envelope.decode(bytes(raw), max_payload_bytes=MAX_DOCUMENT_BYTES).payload
    order = Command.model_validate_json(payload).order
    return order if isinstance(order, TrustKeys) else TrustKeys()


def _purpose_in(order: TrustKeys) -> Purpose:
    return "online" if order.online_keys is not None else "operator"


def _purpose_of(raw: bytes) -> Purpose:
    return _purpose_in(_order_of(raw))


def _alarmed(connection: Connection) -> set[str]:
    alarms = schema.alarms
    rows = connection.execute(
        select(alarms.c.subject).where(
            alarms.c.kind == AlarmKind.OFFICE_KEYS.value, alarms.c.cleared_us.is_(None)
        )
    )
    return set(rows.scalars())


def _alarm(connection: Connection, kiosk: Kiosk, *, raised: bool, now_us: int) -> None:
    if not raised:
        clear_alarm(connection, AlarmKind.OFFICE_KEYS, subject=kiosk.subject, now_us=now_us)
        return
    raise_alarm(
        connection,
        AlarmKind.OFFICE_KEYS,
        subject=kiosk.subject,
        device_id=kiosk.device_id,
        detail="does not believe the key that signs now",
        now_us=now_us,
    )
