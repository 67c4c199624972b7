"""Tries the whole way to the office: an event is recorded here, and the office's signed ack comes back for it.

Why an event and not a connection: "connected" says nothing about what arrives. Trust boundary: only edge, which
has verified the office's signature, says that the event is confirmed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge.api.protocol.device import DeviceTest, DeviceTestQuery

POLL_S = 0.2


class Tested(Protocol):
    """What records a test and knows what became of it: the daemon's staff socket."""

    def test_device(self) -> DeviceTest:
        """Record an event that only tries the way."""
        ...

    def tested(self, query: DeviceTestQuery) -> DeviceTest:
        """Whether the office has it."""
        ...


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a test.

    Args:
        event: "epoch/seq".
        confirmed: Whether the office has committed it.
        took_s: From the ledger's commit to the office's ack, or for how long it was waited, seconds.
        frontier: The newest event that the office has committed, "epoch/seq"; empty if none ever was.
    """

    event: str
    confirmed: bool
    took_s: float
    frontier: str


def attempt(
    edge: Tested, *, wait_s: float, now_s: Callable[[], float], pause: Callable[[float], None]
) -> Trial:
    """Record a test event and wait for the office to confirm it.

    Args:
        edge: The daemon.
        wait_s: Longest wait, seconds.
        now_s: A monotonic clock.
        pause: Sleeps.

    Raises:
        ApiError: The daemon does not answer.
    """
    found = edge.test_device()
    began_s = now_s()
    asked = DeviceTestQuery(epoch=found.epoch, seq=found.seq)
    while not found.confirmed and now_s() - began_s < wait_s:
        pause(POLL_S)
        found = edge.tested(asked)
    frontier = "" if found.frontier_epoch is None else f"{found.frontier_epoch}/{found.frontier_seq}"
    return Trial(f"{found.epoch}/{found.seq}", found.confirmed, now_s() - began_s, frontier)
