"""Keeps the revocation list fresh and takes it to the broker: an expired one keeps every kiosk out.

Trust boundary: the authority's folder; what is written elsewhere is public.
"""

import os
import signal
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
from cryptography import x509

from sync.office.authority import files
from sync.office.authority.authority import CRL_DAYS, CRL_FILE, Authority
from sync.office.authority.errors import AuthorityUnavailable

RENEW_DAYS: Final = (
    15  # before its end: a fortnight in which somebody can see that it does not reach the broker
)

log = structlog.get_logger(__name__)


class RevocationUpkeep:
    """Writes the list anew in time, and copies it wherever it differs.

    Args:
        out: The broker's copy, or None.
        reload_pid_file: Of a process that is sent SIGHUP after a copy, or None.
    """

    def __init__(
        self, authority: Authority, *, out: Path | None = None, reload_pid_file: Path | None = None
    ) -> None:
        self._authority = authority
        self._out = out
        self._pid_file = reload_pid_file
        self._told = True

    def keep(self, *, now: datetime) -> timedelta:
        """Do what is due. Returns how long the list that the broker has is still valid.

        Raises:
            AuthorityUnavailable: List or copy cannot be written, or nobody can be told of the copy.
        """
        path = self._authority.folder / CRL_FILE
        left = life_of(path, now=now)
        if left is None or left < timedelta(days=RENEW_DAYS):
            self._authority.write_crl(now=now, valid_for=timedelta(days=CRL_DAYS))
            log.info("revocation_list_renewed", days=CRL_DAYS)
        if self._out is None:
            return life_of(path, now=now) or timedelta()
        current = files.read(path, next_step="clockface-office ca crl")
        if not self._out.exists() or files.read(self._out, next_step=f"ls -l {self._out}") != current:
            files.replace(self._out, current)
            self._told = False
        if not self._told:
            self._tell()
        return life_of(self._out, now=now) or timedelta()

    def _tell(self) -> None:
        if self._pid_file is not None:
            number = files.read(self._pid_file, next_step="is the broker running?").strip()
            if not number.isdigit() or not 1 < int(number) < 2**31:
                raise AuthorityUnavailable("this file holds no process number", where=str(self._pid_file))
            try:
                os.kill(int(number), signal.SIGHUP)
            except OSError as error:
                raise AuthorityUnavailable(
                    f"the broker cannot be told of its new revocation list: {error.strerror}",
                    where=str(self._pid_file),
                    next_step="systemctl reload mosquitto (docs/broker.md has a unit that does it)",
                ) from None
        self._told = True
        log.info("revocation_list_copied")


def life_of(path: Path, *, now: datetime) -> timedelta | None:
    """How long a revocation list is still valid; None if there is none that can be read."""
    try:
        found = x509.load_pem_x509_crl(files.read(path, next_step="")).next_update_utc
    except (ValueError, AuthorityUnavailable):
        return None
    return None if found is None else found - now
