"""What reads badges for the counter: the camera's frames, and a card reader that types.

Both are optional and neither may end the daemon: what fails is logged, tried again, and leaves the other ways
in.
"""

from collections.abc import Mapping

from edge.badge.keyboard import CardReader
from edge.badge.reader import BadgeReader
from edge.config.tree import Config
from edge.daemon.badges import BadgeDesk
from edge.types.faces import Frame


class Readers:
    """The readers that the configuration names.

    Args:
        camera: Looks for badges in frames, or None.
        cards: A card reader, or None.
    """

    def __init__(self, *, camera: BadgeReader | None, cards: CardReader | None) -> None:
        self._camera = camera
        self._cards = cards

    def start(self) -> None:
        """Begin to read."""
        for reader in (self._camera, self._cards):
            if reader is not None:
                reader.start()

    def offer(self, frame: Frame) -> None:
        """Hand over a frame; never waits."""
        if self._camera is not None:
            self._camera.offer(frame)

    def close(self) -> None:
        """Stop. May be called twice."""
        for reader in (self._camera, self._cards):
            if reader is not None:
                reader.close()


def open_readers(config: Config, desk: BadgeDesk, environment: Mapping[str, str]) -> Readers:
    """Make what the configuration names; nothing reads yet."""
    card_reader = config.badge.card_reader
    return Readers(
        camera=BadgeReader(desk.seen, environment=environment) if config.badge.camera else None,
        cards=None if card_reader is None else CardReader(card_reader, desk.tapped),
    )
