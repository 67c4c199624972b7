"""Keeps the courier's certificate: loads it when files change, warns of its end, asks for another.

A set that does not hold leaves the old one in use; a set that a broker refuses is set aside for the one
before it. Trust boundary: `taken` is given documents only after edge has found the office's signature on
them.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

import structlog

from clockface.errors import ClockfaceError
from edge.api.protocol.courier import CertificateAsked
from sync import renewal
from sync.conditions import CERTIFICATE_REFUSED, Condition
from sync.config import SyncConfig
from sync.edge_socket import EdgeSocket
from sync.errors import CertificateInvalid
from sync.pulse import Pulse
from sync.tls import Identity, days_left
from sync.wire import envelope
from sync.wire.canonical import WireError, read
from sync.wire.documents import MAX_DOCUMENT_BYTES
from sync.wire.envelope import EnvelopeError
from sync.wire.office import RenewedCertificate
from sync.wire.topics import Address

log = structlog.get_logger(__name__)

FILES_S: Final = 2.0  # how soon a changed file is seen
DAY_S: Final = 86_400.0  # between two warnings, and two requests


class Certificates:
    """The set in use, and what is next.

    Args:
        config: `paths`, `certificate` and `device`.
        edge: Countersigns requests.
        pulse: Is told that this works.
        now: Seconds of a clock that never goes back.
        wall: The time of day.

    Attributes:
        identity: The set in use; None until there is one.
        problem: Why there is none.
        changed: Set when there is another; whoever uses it clears it.
    """

    def __init__(
        self,
        config: SyncConfig,
        edge: EdgeSocket,
        *,
        pulse: Pulse,
        now: Callable[[], float],
        wall: Callable[[], datetime],
    ) -> None:
        self.identity: Identity | None = None
        self.problem: ClockfaceError | None = None
        self.changed = asyncio.Event()
        self._folder = config.paths.tls
        self._address = Address(config.device.site, config.device.name)
        self._when = config.certificate
        self._edge = edge
        self._pulse = pulse
        self._now = now
        self._wall = wall
        self._refused: set[int] = set()
        self._spoken_at: float | None = None

    async def run(self) -> None:
        """Watch files and dates until cancelled."""
        seen: object = None
        while True:
            self._pulse.beat("certificates")
            stamp = renewal.stamps(self._folder)
            if stamp != seen:
                seen = stamp
                self.choose()
            await self._look_at_the_date()
            await asyncio.sleep(FILES_S)

    def choose(self) -> None:
        """Load the newest set that holds and that no broker has refused."""
        try:
            found = renewal.newest(self._folder, address=self._address, refused=self._refused)
        except ClockfaceError as error:
            self.problem = error
            log.warning("certificate_not_usable", error=error, old_in_use=self.identity is not None)
            return
        self.problem = None
        if self.identity is None or found.stamp != self.identity.stamp:
            self.identity = found
            self._spoken_at = None
            log.info("certificate_loaded", days=self.days)
            self.changed.set()

    def ended(self, condition: Condition) -> None:
        """A connection ended so: if the broker refused our certificate, try another set, if there is one."""
        if self.identity is None or condition not in {*CERTIFICATE_REFUSED, Condition.NOT_AUTHORISED}:
            return
        before = self.identity.certificate.serial_number
        self._refused.add(before)
        self.choose()
        if self.identity.certificate.serial_number != before:
            log.warning("certificate_set_aside", reason=condition, days=self.days)

    async def taken(self, document: bytes) -> None:
        """Install a renewed certificate that edge has found to be the office's."""
        if self.identity is None:
            return
        try:
            renewed = opened(document)
            renewal.install(
                self._folder,
                certificate=renewed.certificate,
                authorities=renewed.authorities,
                trusted=self.identity,
                address=self._address,
            )
        except ClockfaceError as error:
            log.warning("renewal_refused", error=error)
            return
        log.info("certificate_renewed")
        self.choose()

    @property
    def days(self) -> int:
        """Whole days until the certificate in use ends."""
        return 0 if self.identity is None else days_left(self.identity.expires, self._wall())

    async def _look_at_the_date(self) -> None:
        """Once a day from the day on: warn, and ask for the next one."""
        if self.identity is None or (self._spoken_at is not None and self._now() - self._spoken_at < DAY_S):
            return
        days = self.days
        warn, renew = days <= self._when.warn_days, 0 < self._when.renew_days >= days
        if warn:
            log.warning("certificate_ends_soon", days=days)
        if renew:
            try:
                asked = CertificateAsked(request_pem=renewal.request(self._folder, self._address))
                await self._edge.ask_certificate(asked)
            except ClockfaceError as error:
                log.warning("renewal_not_asked", error=error)
                self._spoken_at = self._now() - DAY_S + 60.0  # edge may be back in a minute
                return
            log.info("renewal_asked", days=days)
        if warn or renew:
            self._spoken_at = self._now()


def opened(document: bytes) -> RenewedCertificate:
    """Read a renewed certificate from its envelope; edge has verified the signature, not we.

    Raises:
        CertificateInvalid: It is none.
    """
    try:
        inner = envelope.decode(document, max_payload_bytes=MAX_DOCUMENT_BYTES)
        if inner.payload_type != RenewedCertificate.payload_type:
            raise WireError("of another kind")
        return read(RenewedCertificate, inner.payload, max_bytes=MAX_DOCUMENT_BYTES)
    except (EnvelopeError, WireError):
        raise CertificateInvalid(
            "this is not a renewed certificate of the office's",
            where="the office's document",
            next_step="clockface-sync renew --request-out FILE, and have the office answer it",
        ) from None
