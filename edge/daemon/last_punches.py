"""What this kiosk knows of each person's last punch: in memory, rebuilt from the ledger at start.

The ledger's rows name nobody in the clear, so that asking it for one person would mean decrypting all of it.
"""

import threading
from collections.abc import Iterable

from edge.types import PersonId, RecordedPunch


class LastPunches:
    """The newest punch of each person. Safe to use from several threads."""

    def __init__(self, history: Iterable[RecordedPunch] = ()) -> None:
        """Rebuild from recorded punches, oldest first."""
        self._lock = threading.Lock()
        self._by_person: dict[PersonId, RecordedPunch] = {r.punch.person_id: r for r in history}

    def of(self, person_id: PersonId) -> RecordedPunch | None:
        """The person's last punch, or None if this kiosk knows of none."""
        with self._lock:
            return self._by_person.get(person_id)

    def remember(self, recorded: RecordedPunch) -> None:
        """Take a committed punch as the person's last one."""
        with self._lock:
            self._by_person[recorded.punch.person_id] = recorded

    def forget(self, person_id: PersonId) -> None:
        """Drop a person who was removed."""
        with self._lock:
            self._by_person.pop(person_id, None)
