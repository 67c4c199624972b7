"""When and where to try again: full-jitter backoff, and a broker's addresses in their order. Pure.

Full jitter (a random part of a growing bound) because a site's kiosks lose their broker in the same second, and
must not all come back in one. Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

FIRST_S: Final = 1.0
SETTLED_S: Final = 60.0  # a connection that lived so long was a good one: a loop of short ones must slow down
RETURN_S: Final = 900.0  # how long to stay with another address before the first is asked again

Draw = Callable[[], float]  # uniform in [0, 1)


def pause_s(failures: int, *, most_s: float, draw: Draw) -> float:
    """How long to wait after `failures` (1 or more) in a row.

    Args:
        failures: Failed rounds; a round is one attempt at each address.
        most_s: The bound's bound.
        draw: Uniform in [0, 1).
    """
    return draw() * min(most_s, FIRST_S * 2.0 ** min(failures - 1, 30))


@dataclass
class Rotation:
    """Which of the addresses is next, and after what pause.

    Args:
        addresses: How many there are.
        most_s: The longest bound of a pause.
        draw: Uniform in [0, 1).
    """

    addresses: int
    most_s: float
    draw: Draw
    index: int = 0
    _tried: int = 0
    _rounds: int = 0

    def stay_s(self) -> float | None:
        """How long to stay with the address in use before the first is asked; None at the first."""
        return RETURN_S if self.index else None

    def failed(self) -> float:
        """An attempt failed: go on to the next address. Returns the pause before it, seconds."""
        self.index = (self.index + 1) % self.addresses
        self._tried += 1
        if self._tried < self.addresses:
            return 0.0  # the next one of the same round
        self._tried = 0
        self._rounds += 1
        self.index = 0
        return pause_s(self._rounds, most_s=self.most_s, draw=self.draw)

    def ended(self, *, lived_s: float, progressed: bool) -> float:
        """A connection ended: back to the first address. Returns the pause before it, seconds.

        Args:
            lived_s: How long it lived.
            progressed: Whether the office confirmed anything while it did.
        """
        self.index = self._tried = 0
        self._rounds = 1 if progressed or lived_s >= SETTLED_S else self._rounds + 1
        return pause_s(self._rounds, most_s=self.most_s, draw=self.draw)
