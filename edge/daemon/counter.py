"""The counter beside the face path: badges, PINs and afterthoughts, wired once for the daemon.

It works whatever becomes of camera and models. Trust boundary: the badge key follows from the site key, else
from a secret of this ledger; a kiosk that later joins a site still opens the badges that it gave out alone.
"""

from collections.abc import Callable

from edge.attendance.rules import Identification
from edge.badge.token import BadgeKey
from edge.config.tree import Config
from edge.daemon.afterthoughts import Afterthoughts
from edge.daemon.badges import BadgeDesk
from edge.daemon.offers import Offers
from edge.daemon.without_face import WithoutFace
from edge.ports import Announcer, Clock
from edge.store.sitekey import SiteKeys
from edge.store.store import Store
from edge.types.identity import PersonId
from edge.types.punches import RecordedPunch


class Counter:
    """The parts, wired.

    Args:
        config: The configuration.
        store: The ledger.
        clock: Source of time.
        site_keys: Of the site, or None.
        announcer: The screen, sound and light.
        closed: Why the kiosk is out of service by order, or None.
        identified: Takes who was identified.
        disowned: Counts records that were disowned.
        share: Tells the office of a person who changed here, in the change's transaction.
    """

    def __init__(  # noqa: PLR0913 - its seams, each named
        self,
        *,
        config: Config,
        store: Store,
        clock: Clock,
        site_keys: SiteKeys | None,
        announcer: Announcer,
        closed: Callable[[], str | None],
        identified: Callable[[Identification], None],
        disowned: Callable[[], None],
        share: Callable[[PersonId], None],
    ) -> None:
        keys = badge_keys(store, site_keys)
        self.announcer = Offers(
            announcer,
            config=config.attendance,
            ways=lambda: self.desk.ways(),  # noqa: PLW0108 - made below
            prompt=lambda: self.desk.prompt,
            closed=closed,
        )
        self.desk = BadgeDesk(
            config=config.badge,
            site=config.device.site,
            store=store,
            clock=clock,
            keys=keys,
            announcer=self.announcer,
            closed=closed,
            identified=identified,
        )
        self.afterthoughts = Afterthoughts(
            events=store.events,
            config=config.attendance,
            clock=clock,
            announcer=self.announcer,
            disowned=disowned,
        )
        self.service = WithoutFace(
            config=config,
            store=store,
            clock=clock,
            keys=keys,
            desk=self.desk,
            afterthoughts=self.afterthoughts,
            share=share,
        )

    def note(self, recorded: RecordedPunch) -> None:
        """Hear of a committed record, before the screen does."""
        self.desk.note(recorded)
        self.afterthoughts.note(recorded)


def badge_keys(store: Store, site_keys: SiteKeys | None) -> tuple[BadgeKey, ...]:
    """Keys of badges: those of the site first, so that every kiosk of it opens what the first seals."""
    secrets = () if site_keys is None else tuple(key.secret for key in site_keys.keys)
    return tuple(BadgeKey.derived(secret) for secret in (*secrets, store.badges.own_key()))
