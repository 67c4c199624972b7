"""What the office wants of the screen: its messages, and whether the kiosk is out of service by order.

Read from the ledger when it changes, and every few seconds for what has ended: the loop asks every frame and
does not wait for the disk. Trust boundary: texts go to the screen's socket and nowhere else.
"""

from edge.ports import Announcer, Clock
from edge.store.store import Store
from edge.types.announcements import Announcement, Notice
from edge.types.identity import PersonId

LOOK_S = 5.0  # a message may stand so much longer than it should
OFFICE = "office"
RETIRED = "retired"


class Bulletin:
    """Keeps the screen at what the noticeboard says.

    Args:
        store: The ledger.
        clock: Source of time.
        announcer: The screen, sound and light.
    """

    def __init__(self, *, store: Store, clock: Clock, announcer: Announcer) -> None:
        self._store = store
        self._clock = clock
        self._announcer = announcer
        self._shown: tuple[str, ...] = ()
        self._closed: str | None = None
        self._next_s = float("-inf")

    def closed(self) -> str | None:
        """Why nobody is recorded, as a short code; None while the kiosk is in service."""
        return self._closed

    def messages(self, person_id: PersonId) -> tuple[str, ...]:
        """What stands for one person."""
        return self._store.noticeboard.standing(self._clock.now().wall, person_id=person_id)

    def identify(self, seconds: int) -> None:
        """Show which kiosk this is: screen, sound and light hear of it alike."""
        self._announcer.announce(Announcement(Notice.IDENTIFY, seconds=seconds))

    def reload(self) -> None:
        """Bring the screen to what the ledger says now."""
        now = self._clock.now()
        self._next_s = now.boottime_s + LOOK_S
        self._closed = self._why_closed()
        standing = self._store.noticeboard.standing(now.wall, person_id=None)
        if standing != self._shown:
            self._shown = standing
            self._announcer.announce(Announcement(Notice.MESSAGE, messages=standing))

    def _why_closed(self) -> str | None:
        if self._store.events.retired():
            return RETIRED
        return OFFICE if self._store.noticeboard.closure() is not None else None

    def __call__(self, boottime_s: float) -> None:
        """Take down what has ended; called after every step of the loop."""
        if boottime_s >= self._next_s:
            self._store.noticeboard.sweep(self._clock.now().wall)
            self.reload()
