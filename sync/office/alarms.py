"""Alarms: what somebody at the office must look at, one open row for each kind and subject.

The receiver raises and clears them with what it commits; telling people is another process' work. Trust
boundary: subject and detail are codes, addresses and numbers, never anything of a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Table, update
from sqlalchemy.dialects import postgresql, sqlite

from sync.office.database import schema


class AlarmKind(StrEnum):
    """What is wrong."""

    FORK = "fork"  # two histories of one device
    BROKEN_CHAIN = "broken_chain"
    GAP = "gap"  # events are missing, and later ones wait
    RESTORED = "restored"  # the office holds events that the device has lost
    HISTORY_ENDED = "history_ended"  # a new history that names none before it
    EPOCHS = "too_many_epochs"  # a device begins more histories than any honest one
    LOST_TAIL = "lost_tail"  # events that no device holds any more
    REVOKED = "revoked_device_sends"
    RETIRED = "retired_device_sends"
    FORGERY = "forgery"  # what came in a device's topic is not the device's
    SILENT = "silent"
    STALLED = "stalled"  # online, and its events do not arrive
    CERTIFICATE = "certificate_expires"
    RENEWAL_REFUSED = "renewal_refused"  # a kiosk asked for a certificate and gets none
    REVOCATIONS = "revocation_list_expires"  # a broker whose list has expired lets nobody in
    NUMBER_CLASH = "number_clash"  # two kiosks gave two people the same employee number
    ROSTER_REFUSED = "roster_refused"  # a kiosk does not take what was signed for it
    ROSTER_AHEAD = "roster_ahead"  # a kiosk has a later version than the office gave out: was it restored?
    RECEIPT_LATE = "removal_receipt_late"  # a kiosk has not confirmed an erasure
    COMMAND_UNANSWERED = "command_unanswered"
    OFFICE_KEYS = "office_keys_behind"  # a kiosk believes none of the keys that sign now
    SITE_KEY_DUE = "site_key_due"  # a kiosk that held the site's key is gone
    DISK = "disk_fills_up"  # a kiosk signed that 80 % of its disk is used
    BOARD = "board_held_back"  # a kiosk signed that its board slows down, for heat or low voltage
    NOT_ME = "not_me"  # somebody was recorded as another person, and said so at once


@dataclass(frozen=True, slots=True)
class Raised:
    """What is wrong with whom."""

    kind: AlarmKind
    subject: str
    device_id: int | None
    detail: str


def insert(connection: Connection, table: Table) -> Any:
    """An INSERT that can say ON CONFLICT, for the engine at hand."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def raise_alarm(
    connection: Connection, kind: AlarmKind, *, subject: str, device_id: int | None, detail: str, now_us: int
) -> None:
    """Open an alarm, or note that it was seen again."""
    raise_alarms(connection, [Raised(kind, subject, device_id, detail)], now_us=now_us)


def raise_alarms(connection: Connection, raised: Sequence[Raised], *, now_us: int) -> None:
    """Open alarms, or note that they were seen again, in the order given: the same one in every process."""
    if not raised:
        return
    alarms = schema.alarms
    statement = insert(connection, alarms)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=[alarms.c.kind, alarms.c.subject],
            index_where=alarms.c.cleared_us.is_(None),
            set_={"last_us": statement.excluded.last_us, "detail": statement.excluded.detail},
        ),
        [
            {
                "kind": each.kind.value,
                "subject": each.subject,
                "device_id": each.device_id,
                "detail": each.detail,
                "raised_us": now_us,
                "last_us": now_us,
            }
            for each in raised
        ],
    )


def clear_alarm(connection: Connection, kind: AlarmKind, *, subject: str, now_us: int) -> None:
    """Close an alarm if it is open."""
    alarms = schema.alarms
    connection.execute(
        update(alarms)
        .where(alarms.c.kind == kind.value, alarms.c.subject == subject, alarms.c.cleared_us.is_(None))
        .values(cleared_us=now_us)
    )
