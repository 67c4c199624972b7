"""The kiosk's tie to its site through the office: what goes up of people and templates, and what comes down.

Why apart: roster, commands, sharing and the screen's bulletin belong to one lock and one ledger, and are wired
once. Trust boundary: see each part.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import structlog

from clockface.errors import ClockfaceError, SecretError
from edge.config.tree import Config
from edge.daemon.audit_parcels import AuditReports
from edge.daemon.backups import Backups
from edge.daemon.bulletin import Bulletin
from edge.daemon.deliveries import Desk
from edge.daemon.orders import OrderDesk
from edge.daemon.roster import RosterDesk
from edge.daemon.sharing import Sharing
from edge.daemon.support import Bundle
from edge.inference.pipeline import Recogniser
from edge.ports import Announcer, Clock
from edge.store.officesettings import ConfigSource
from edge.store.sitekey import SiteKeyPlace, SiteKeys, load_site_keys, was_made_here
from edge.store.store import Store
from sync.wire.topics import Address

LOOK_AGAIN_S: Final = 60.0  # after an outbox that was full, or a ledger that failed
PAUSE_S: Final = 0.02  # between two steps: whoever waits for the lock is next

log = structlog.get_logger(__name__)


class SiteLink:
    """The parts, wired.

    Args:
        config: The configuration.
        source: Where it came from.
        store: The ledger.
        clock: Source of time.
        recogniser: Whose galleries follow the roster; None while the face path is out of service.
        announcer: The screen, sound and light.
        restart: Ends the process in good order, a moment later.
        diagnosis: What a support bundle holds.
    """

    def __init__(
        self,
        *,
        config: Config,
        source: ConfigSource,
        store: Store,
        clock: Clock,
        recogniser: Recogniser | None,
        announcer: Announcer,
        restart: Callable[[], None],
        diagnosis: Mapping[str, Callable[[], Any]],
    ) -> None:
        address = Address(config.device.site, config.device.name)
        place = SiteKeyPlace.of(source.state, source.environment)
        self.lock = threading.RLock()
        self.backups = Backups(store.database.path.parent, days=config.retention.backups_days, clock=clock)
        self.site_keys = _site_keys(place)
        made_here = self.site_keys is not None and was_made_here(place, self.site_keys.sealing)
        self.sharing = Sharing(
            store=store,
            address=address,
            clock=clock,
            site_keys=self.site_keys,
            made_here=made_here,
            lock=self.lock,
        )
        self.audit = AuditReports(store=store, address=address, clock=clock)
        self.bulletin = Bulletin(store=store, clock=clock, announcer=announcer)
        self.roster = RosterDesk(
            store=store,
            address=address,
            clock=clock,
            site_keys=self.site_keys,
            recogniser=recogniser,
            lock=self.lock,
            backups=self.backups,
        )
        orders = OrderDesk(
            store=store,
            address=address,
            clock=clock,
            bulletin=self.bulletin,
            source=source,
            restart=restart,
            bundle=Bundle(store=store, address=address, clock=clock, contents=diagnosis),
        )
        self.desks: tuple[Desk, ...] = (self.roster, orders)
        store.templates.travel_by(self.sharing.template)
        self._stop = threading.Event()
        self._worker = threading.Thread(target=self._work, name="site", daemon=True)

    def begin(self) -> None:
        """Bring the screen up to date; what waited for key, office or room follows beside the daemon's work."""
        self.bulletin.reload()
        self._worker.start()

    def catch_up(self) -> None:
        """Open what waited for a key, hand in what waited for key or office: as one goes, step by step."""
        self._log(templates=self._count(self._opened()), people=self._count(self.sharing.people()))
        self.hand_in()

    def hand_in(self) -> None:
        """Hand in templates that found no room before, and what is new in the audit trail."""
        self._log(templates=self._count(self.sharing.templates()), people=0)
        self.audit.hand_in()

    def close(self) -> None:
        """End what goes on beside, after its present step."""
        self._stop.set()
        if self._worker.ident is not None:
            self._worker.join()

    def _work(self) -> None:
        task = self.catch_up
        while not self._stop.is_set():
            try:
                task()
                task = self.hand_in
            except ClockfaceError as error:
                log.warning("site_catch_up_failed", error=error)
            self._stop.wait(LOOK_AGAIN_S)

    def _opened(self) -> Iterator[int]:
        while templates := self.sharing.openable():
            yield self.roster.open_kept(templates)

    def _count(self, steps: Iterator[int]) -> int:
        done = 0
        for step in steps:
            done += step
            if self._stop.wait(PAUSE_S):
                break
        return done

    def _log(self, *, templates: int, people: int) -> None:
        if templates or people:
            log.info("site_caught_up", people=people, templates=templates)


def _site_keys(place: SiteKeyPlace) -> SiteKeys | None:
    """A site key that cannot be used keeps templates here; it must not keep anybody from clocking in."""
    try:
        return load_site_keys(place)
    except SecretError as error:
        log.error("site_key_unusable", error=error)  # noqa: TRY400 - its message says what to do
        return None
