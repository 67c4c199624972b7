"""The errors of the central office's side; the database's own are in `sync.office.database.errors`.

OfficeError                       120
"""

from clockface.errors import ClockfaceError


class OfficeError(ClockfaceError):
    """The central office's side failed."""

    exit_code = 120
