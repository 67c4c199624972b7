"""Since when each template has been here: what retention counts from when its person has not come since.

A row goes with its template. Trust boundary: the ledger file; a date that was moved to another row is refused.
"""

import sqlite3

from edge.ports import Clock
from edge.store.database import Database
from edge.store.translation import utc_day
from edge.store.vault import Vault
from edge.types.identity import TemplateId


class TemplateDates:
    """The table template_dates.

    Args:
        vault: Under the DATA key: a day is no biometric datum.
    """

    def __init__(self, database: Database, *, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock

    def note(self, connection: sqlite3.Connection, template_id: TemplateId) -> None:
        """Count a template's time from today, within the caller's transaction; a date that stands stays."""
        body = self._vault.seal_fields("template date", template_id, {"since": utc_day(self._clock.now().wall)})
        connection.execute(
            "INSERT OR IGNORE INTO template_dates (template_id, body, written_by) VALUES (?, ?, ?)",
            (template_id, body, self._vault.number),
        )

    def since(self, template_id: TemplateId) -> int | None:
        """The UTC day from which a template counts; None of one that is older than this table."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT body, written_by FROM template_dates WHERE template_id = ?", (template_id,)
            ).fetchone()
        if row is None:
            return None
        return int(self._vault.open_fields("template date", template_id, row[0], row[1])["since"])

    def note_missing(self, *, limit: int) -> int:
        """Begin to count for templates that have no date, the first so many; returns how many there were."""
        with self._database.write() as connection:
            rows = connection.execute(
                "SELECT template_id FROM templates WHERE template_id NOT IN "
                "(SELECT template_id FROM template_dates) ORDER BY row LIMIT ?",
                (limit,),
            ).fetchall()
            for (template_id,) in rows:
                self.note(connection, TemplateId(template_id))
        return len(rows)
