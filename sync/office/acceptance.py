"""Lets an administrator accept that events are lost for good: the chain goes on behind them, reports say so.

Refused while their device may still bring them. What waited behind them is taken at once; the acceptance is
signed with the operator's key, kept by triggers and checked by `verify`. Trust boundary: the hash behind the
gap is what the device itself signed of it, in the event or the epoch that follows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, func, insert, select, update

from sync.office import audit
from sync.office.accepted import GapAcceptance
from sync.office.alarms import AlarmKind, clear_alarm
from sync.office.corrections import MAX_REASON
from sync.office.database import schema
from sync.office.errors import GapRefused
from sync.office.histories import insert_epoch, load_epochs, lock_devices, update_epochs
from sync.office.ingest import Limits, ingest
from sync.office.known_keys import note_key
from sync.office.losses import Loss, losses, still_held
from sync.office.registry import load_devices
from sync.office.timesheet import to_us
from sync.office.verification import Verified, stored
from sync.wire.documents import sign_document
from sync.wire.fields import format_time
from sync.wire.topics import Address


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of it.

    Args:
        events: How many are lost.
        taken: How many had waited behind them and count now.
    """

    loss: Loss
    events: int
    taken: int


def accept(
    connection: Connection,
    *,
    history: str,
    seqs: tuple[int, int],
    reason: str,
    key: Ed25519PrivateKey,
    by: str,
    now: datetime,
) -> Accepted:
    """Accept that a stretch of a history ("site/device/epoch") is lost, within the caller's transaction.

    Raises:
        GapRefused: Nothing like it is missing, an earlier stretch is too, or the device may still bring it.
    """
    lock_devices(connection, [_found(connection, history, seqs).device_id])
    loss = _found(connection, history, seqs)
    reason = _reason(reason)
    _refuse_held(connection, loss)
    epochs = load_epochs(connection, [loss.device_id])[loss.device_id]
    epoch = epochs.get(loss.epoch) or insert_epoch(connection, loss.device_id, loss.epoch, now_us=to_us(now))
    following = _following(connection, loss)
    after = _hash_behind(connection, loss, following)
    document = GapAcceptance(
        site=loss.site,
        device=loss.device,
        epoch=loss.epoch,
        from_seq=loss.from_seq,
        to_seq=loss.to_seq,
        prev_hash=epoch.frontier_hash.hex(),
        hash=after.hex(),
        reason=reason[:200],
        by=by,
        at=format_time(now),
    )
    span = _span(connection, loss, following, now_us=to_us(now))
    note_key(connection, "operator", key.public_key(), by=by, now_us=to_us(now))
    _store(connection, epoch.id, document, span=span, reason=reason, key=key)
    epoch.frontier_seq, epoch.frontier_hash = loss.to_seq, after
    update_epochs(connection, [epoch], now_us=to_us(now))
    taken = _take_waiting(connection, loss, epoch.id, following, now_us=to_us(now))
    _close(connection, loss, epoch.id, now_us=to_us(now))
    detail = f"{loss.from_seq} to {loss.to_seq}, {taken} that waited were taken"
    audit.append(
        connection, at_us=to_us(now), actor=by, action="gap.accepted", subject=loss.subject, detail=detail
    )
    return Accepted(loss, loss.to_seq - loss.from_seq + 1, taken)


def _found(connection: Connection, history: str, seqs: tuple[int, int]) -> Loss:
    of_history = [each for each in losses(connection) if each.subject == history]
    step = "clockface-office gaps"
    if not of_history:
        raise GapRefused("nothing is missing in such a history", next_step=step)
    first = min(of_history, key=lambda each: each.from_seq)
    if (first.from_seq, first.to_seq) != seqs:
        raise GapRefused(
            f"what is missing first is {first.from_seq} to {first.to_seq}: whoever accepts names exactly that",
            where=history,
            next_step=f"{step} accept {history} {first.from_seq}-{first.to_seq} --reason TEXT",
        )
    return first


def _reason(text: str) -> str:
    reason = text.strip()
    if not 1 <= len(reason) <= MAX_REASON or not reason.isprintable():
        raise GapRefused(f"a reason is 1 to {MAX_REASON} printable characters", next_step="--reason TEXT")
    return reason


def _refuse_held(connection: Connection, loss: Loss) -> None:
    if still_held(connection, loss):
        raise GapRefused(
            "the kiosk is in use and may still bring these events",
            where=loss.subject,
            next_step=f"clockface-office devices --site {loss.site}; where its disk is gone: "
            f"clockface-office device replace {loss.site}/{loss.device} REQUEST, or device revoke",
        )


def _following(connection: Connection, loss: Loss) -> list[Verified]:
    """The events that wait right behind the gap: one, unless the device contradicts itself."""
    waiting = schema.waiting
    if loss.epoch_id is None:
        return []
    rows = connection.execute(
        select(waiting.c.envelope).where(waiting.c.epoch_id == loss.epoch_id, waiting.c.seq == loss.to_seq + 1)
    ).scalars()
    return [stored(bytes(raw)) for raw in rows]


def _hash_behind(connection: Connection, loss: Loss, following: Sequence[Verified]) -> bytes:
    """The hash of the last lost event, as the device signed it in what follows.

    Raises:
        GapRefused: It signed several.
    """
    epochs = schema.epochs
    named = connection.execute(
        select(epochs.c.previous_hash).where(
            epochs.c.device_id == loss.device_id,
            epochs.c.previous_epoch == loss.epoch,
            epochs.c.previous_seq == loss.to_seq,
        )
    ).scalars()
    hashes = {bytes(each) for each in named} | {each.prev_hash for each in following}
    if len(hashes) != 1:
        raise GapRefused(
            "the device signed different histories behind these events: that is a fork, not a loss",
            where=loss.subject,
            next_step="clockface-office gaps; clockface-office device revoke",
        )
    return hashes.pop()


def _store(
    connection: Connection,
    epoch_id: int,
    document: GapAcceptance,
    *,
    span: tuple[int | None, int],
    reason: str,
    key: Ed25519PrivateKey,
) -> None:
    connection.execute(
        insert(schema.accepted_gaps).values(
            epoch_id=epoch_id,
            from_seq=document.from_seq,
            to_seq=document.to_seq,
            prev_hash=bytes.fromhex(document.prev_hash),
            hash=bytes.fromhex(document.hash),
            lost_after_us=span[0],
            lost_before_us=span[1],
            reason=reason,
            accepted_us=to_us(datetime.fromisoformat(document.at)),
            accepted_by=document.by,
            envelope=sign_document(document, key=key),
        )
    )


def _span(
    connection: Connection, loss: Loss, following: Sequence[Verified], *, now_us: int
) -> tuple[int | None, int]:
    """Between which moments of the device the lost events were made."""
    events, epochs = schema.events, schema.epochs
    before = None
    if loss.epoch_id is not None:
        before = connection.execute(
            select(events.c.time_us)
            .where(events.c.epoch_id == loss.epoch_id, events.c.seq < loss.from_seq)
            .order_by(events.c.seq.desc())
            .limit(1)
        ).scalar_one_or_none()
    begun = connection.execute(
        select(func.min(epochs.c.begun_us)).where(
            epochs.c.device_id == loss.device_id,
            epochs.c.previous_epoch == loss.epoch,
            epochs.c.previous_seq >= loss.to_seq,
        )
    ).scalar_one()
    ends = [now_us, *(to_us(each.head.at) for each in following), *([] if begun is None else [begun])]
    return before, max(min(ends), before or 0)


def _take_waiting(
    connection: Connection, loss: Loss, epoch_id: int, following: Sequence[Verified], *, now_us: int
) -> int:
    """Let what waited behind the gap in, by the receiver's own way."""
    if not following:
        return 0
    address = Address(loss.site, loss.device)
    device = load_devices(connection, [address])[address]
    events = schema.events
    here = select(func.count()).where(events.c.epoch_id == epoch_id)
    before: int = connection.execute(here).scalar_one()
    ingest(connection, [(device, following)], now_us=now_us, limits=Limits())
    return int(connection.execute(here).scalar_one() - before)


def _close(connection: Connection, loss: Loss, epoch_id: int, *, now_us: int) -> None:
    gaps, waiting, epochs = schema.gaps, schema.waiting, schema.epochs
    connection.execute(
        update(gaps)
        .where(gaps.c.epoch_id == epoch_id, gaps.c.to_seq <= loss.to_seq, gaps.c.closed_us.is_(None))
        .values(closed_us=now_us)
    )
    still = connection.execute(
        select(func.count()).where(gaps.c.epoch_id == epoch_id, gaps.c.closed_us.is_(None))
    ).scalar_one()
    waits = connection.execute(
        select(func.count())
        .select_from(waiting.join(epochs, epochs.c.id == waiting.c.epoch_id))
        .where(waiting.c.epoch_id == epoch_id, waiting.c.seq > epochs.c.frontier_seq)
    ).scalar_one()
    if not still:
        clear_alarm(connection, AlarmKind.GAP, subject=loss.subject, now_us=now_us)
    if not still and not waits:
        clear_alarm(connection, AlarmKind.LOST_TAIL, subject=loss.subject, now_us=now_us)
