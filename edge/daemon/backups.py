"""What the daemon knows of the backups that `clockface backup create` makes: when the last was, when it goes.

It neither makes nor removes one: they are encrypted to a key that is not here, and lie where it may not write.
Trust boundary: a file in the state folder; one that says nothing of use counts as no backup.
"""

from datetime import date, datetime
from pathlib import Path
from typing import Final

from edge.ports import Clock
from edge.retention import last_backup_dies

FILE: Final = "last_backup"
RETIRED: Final = "ledger.db.replaced."


class Backups:
    """Reads the state folder.

    Args:
        state: The folder.
        days: How long a backup stays (`retention.backups_days`).
        clock: Source of time.
    """

    def __init__(self, state: Path, *, days: int, clock: Clock) -> None:
        self._state = state
        self._days = days
        self._clock = clock

    def last_made(self) -> datetime | None:
        """When the last backup was made; None if there never was one, or nobody knows."""
        try:
            made = datetime.fromisoformat((self._state / FILE).read_text(encoding="ascii").strip())
        except (OSError, ValueError):
            return None
        return made if made.tzinfo is not None else None

    def retired_ledgers(self) -> int:
        """How many ledgers a restore put aside: they hold whoever was in them, until somebody destroys them."""
        return sum(each.name.removeprefix(RETIRED).isdigit() for each in self._state.glob(f"{RETIRED}*"))

    def last_dies(self) -> date | None:
        """The day by which every backup that there is now will have been removed; None without one."""
        return last_backup_dies(self.last_made(), now=self._clock.now().wall, days=self._days)
