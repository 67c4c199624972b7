"""The errors of the central office's side; the database's own are in `sync.office.database.errors`.

OfficeError                       120
+-- OfficeCertificateInvalid      130   the TLS files of the receiver
"""

from clockface.errors import ClockfaceError


class OfficeError(ClockfaceError):
    """The central office's side failed."""

    exit_code = 120


class OfficeCertificateInvalid(OfficeError):
    """The receiver's TLS key, certificate or authorities are missing, another's, or do not fit together."""

    exit_code = 130
