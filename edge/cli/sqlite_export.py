"""Attendance records as a small SQLite database of their own, for whoever wants to ask questions of them.

It is a copy that staff take away, with the columns of the other exports; the ledger is never opened for it.
"""

from collections.abc import Iterable
from pathlib import Path

from clockface.spreadsheet import Value
from edge.attendance.export import COLUMNS, ExportRow, as_object

TABLE = "attendance"


def write_sqlite(rows: Iterable[ExportRow], path: Path) -> int:
    """Write records into a new database.

    Args:
        rows: The records, oldest first.
        path: An empty file.

    Returns:
        How many records were written.
    """
    import sqlite_utils  # takes most of a second to import: only for whoever asks for it

    kinds: dict[str, type[Value]] = dict.fromkeys(COLUMNS, str) | {"seq": int, "delivered": int}
    database = sqlite_utils.Database(path)
    try:
        table = database.table(TABLE)
        table.create(kinds, pk=("epoch", "seq"), not_null={"time", "epoch", "seq"})
        table.insert_all(as_object(row) for row in rows)
        table.create_index(["day"])
        return int(table.count)
    finally:
        database.close()
