"""The kiosk's tie to its site through the office: what goes up of people and templates, and what comes down.

Why apart: roster, commands, sharing and the screen's bulletin belong to one lock and one ledger, and are wired
once. Trust boundary: see each part.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from edge.config import Config
from edge.daemon.bulletin import Bulletin
from edge.daemon.deliveries import Desk
from edge.daemon.orders import OrderDesk
from edge.daemon.roster import RosterDesk
from edge.daemon.sharing import Sharing
from edge.daemon.support import Bundle
from edge.errors import SecretError
from edge.inference.pipeline import Recogniser
from edge.ports import Announcer, Clock
from edge.store.officesettings import ConfigSource
from edge.store.sitekey import SiteKeyPlace, SiteKeys, load_site_keys, was_made_here
from edge.store.store import Store
from sync.wire.topics import Address

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
        self.bulletin = Bulletin(store=store, clock=clock, announcer=announcer)
        self.roster = RosterDesk(
            store=store,
            address=address,
            clock=clock,
            site_keys=self.site_keys,
            recogniser=recogniser,
            lock=self.lock,
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

    def begin(self) -> None:
        """Bring the screen up to date, open what waited for a key, hand in what waited for key or office."""
        self.bulletin.reload()
        opened = self.roster.open_kept(self.sharing.openable())
        people, templates = self.sharing.catch_up()
        if opened or people or templates:
            log.info("site_caught_up", people=people, templates=templates + opened)


def _site_keys(place: SiteKeyPlace) -> SiteKeys | None:
    """A site key that cannot be used keeps templates here; it must not keep anybody from clocking in."""
    try:
        return load_site_keys(place)
    except SecretError as error:
        log.error("site_key_unusable", error=error)  # noqa: TRY400 - its message says what to do
        return None
