"""Hands the audit trail to the office, part by part: codes, times, random ids, and each entry's hash.

Which account did it stays here; the hash, which covers the account, pins the entry all the same, so that a
trail that was rewritten on the device no longer fits what the office has. Trust boundary: entries hold codes
only, which the trail itself enforces; a parcel can be erased, the chain of events could not.
"""

from collections.abc import Sequence
from typing import Final, Literal

from edge.ports import Clock
from edge.store.audit import DAEMON, AuditEntry
from edge.store.parcels import new_id
from edge.store.store import Store
from sync.wire.fields import format_time
from sync.wire.parcels import MAX_AUDIT_ENTRIES, AuditParcel
from sync.wire.parcels import AuditEntry as ToldEntry
from sync.wire.topics import Address

_BY: Final[dict[str, Literal["daemon", "office", "screen"]]] = {
    DAEMON: "daemon",
    "office": "office",
    "screen": "screen",
}


class AuditReports:
    """Makes parcels of new entries.

    Args:
        store: The ledger.
        address: This device.
        clock: Source of time.
    """

    def __init__(self, *, store: Store, address: Address, clock: Clock) -> None:
        self._store = store
        self._address = address
        self._clock = clock

    def hand_in(self) -> int:
        """Put what is new into the outbox, if there is an office and room; returns how many entries.

        Raises:
            StoreError: The ledger failed; what was not handed in is handed in the next time.
        """
        handed = 0
        if self._store.office.current() is None:
            return handed
        while self._store.parcels.room(AuditParcel):
            after = self._store.audit.handed_in()
            entries = list(self._store.audit.list(after=after, limit=MAX_AUDIT_ENTRIES))
            if not entries:
                return handed
            with self._store.database.write():
                self._store.parcels.add(self._parcel(entries))
                self._store.audit.note_handed_in(entries[-1].seq)
            handed += len(entries)
        return handed

    def _parcel(self, entries: Sequence[AuditEntry]) -> AuditParcel:
        return AuditParcel(
            site=self._address.site,
            device=self._address.device,
            id=new_id(),
            at=format_time(self._clock.now().wall),
            previous=entries[0].previous,
            entries=[
                ToldEntry(
                    seq=entry.seq,
                    at=format_time(entry.at),
                    by=_BY.get(entry.actor, "staff"),
                    action=entry.action,
                    subject=entry.subject,
                    detail=entry.detail,
                    hash=entry.hash,
                )
                for entry in entries
            ],
        )
