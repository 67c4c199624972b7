"""Where an event belongs in its device's history: pure rules over what the office has committed.

One frontier for each epoch; an epoch names the event that it follows. An acknowledgement says "this and all
before it", so an epoch is acknowledged only when the one before is committed up to there. Trust boundary:
events here are authentic; that a device contradicts itself, was restored or lost its disk is expected.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sync.wire.fields import EventPoint

GENESIS_HASH = bytes(32)


class Place(StrEnum):
    """Where an authentic event stands."""

    NEXT = "next"  # it moves the frontier
    REPEATED = "repeated"  # committed already
    AHEAD = "ahead"  # events before it are missing
    FORK = "fork"  # another event stands there
    BROKEN_CHAIN = "broken_chain"  # its turn, but it follows another event than ours


@dataclass(slots=True)
class Epoch:
    """What the office holds of one epoch; `id` is 0 until its row is written.

    Args:
        begun: Whether its first event is committed, so that `previous` is known.
        refused_seq: The office refused this event of the device, which goes on under a new epoch.
    """

    name: str
    id: int = 0
    frontier_seq: int = 0
    frontier_hash: bytes = GENESIS_HASH
    previous: EventPoint | None = None
    refused_seq: int | None = None
    refused_reason: str | None = None

    @property
    def begun(self) -> bool:
        """Whether its first event is committed."""
        return self.frontier_seq > 0

    @property
    def point(self) -> EventPoint | None:
        """The frontier, for an acknowledgement."""
        if not self.begun:
            return None
        return EventPoint(epoch=self.name, seq=self.frontier_seq, hash=self.frontier_hash.hex())

    def refuse(self, seq: int, reason: Place) -> None:
        """Remember the earliest event that was refused."""
        if self.refused_seq is None or seq < self.refused_seq:
            self.refused_seq, self.refused_reason = seq, reason.value


def place(*, seq: int, own_hash: bytes, prev_hash: bytes, epoch: Epoch, known: Mapping[int, bytes]) -> Place:
    """Place an event in its epoch.

    `known` holds the hashes of committed events of the epoch, at least the one of `seq` if that is committed.
    """
    if seq <= epoch.frontier_seq:
        return Place.REPEATED if known.get(seq) == own_hash else Place.FORK
    if seq > epoch.frontier_seq + 1:
        return Place.AHEAD
    return Place.NEXT if prev_hash == epoch.frontier_hash else Place.BROKEN_CHAIN


@dataclass(frozen=True, slots=True)
class Settled:
    """How far everything is committed without a hole.

    Args:
        committed: The point to acknowledge; None if nothing is.
        complete: Whether the epoch that was asked for needs nothing of an earlier one.
        path: The epochs of this history, newest first.
    """

    committed: EventPoint | None
    complete: bool
    path: tuple[str, ...]


def settled(name: str, epochs: Mapping[str, Epoch]) -> Settled:
    """How far an epoch and all before it are committed.

    If an earlier epoch is not complete, its frontier is the point: the device goes on from there.
    """
    asked = epochs.get(name)
    if asked is None or not asked.begun:
        return Settled(None, complete=False, path=(name,))
    point = asked.point
    path = [name]
    complete = True
    here = asked
    while here.previous is not None and here.previous.epoch not in path:
        path.append(here.previous.epoch)
        before = epochs.get(here.previous.epoch)
        if before is None or not before.begun:
            return Settled(None, complete=False, path=tuple(path))
        if before.frontier_seq < _needed(here.previous, before):
            point, complete = before.point, False
        here = before
    return Settled(point, complete, tuple(path))


def _needed(previous: EventPoint, before: Epoch) -> int:
    """How far the earlier epoch must be committed: what was refused there is issued again in the later one."""
    if before.refused_seq is not None and before.refused_seq <= previous.seq:
        return before.refused_seq - 1
    return previous.seq


def trusted_reach(point: tuple[str, int] | None, epochs: Mapping[str, Epoch]) -> dict[str, int]:
    """How far each epoch of a revoked device is trusted: up to the named point, and what that point follows."""
    reach: dict[str, int] = {}
    while point is not None and point[0] not in reach:
        name, seq = point
        reach[name] = seq
        previous = epochs[name].previous if name in epochs else None
        point = None if previous is None else (previous.epoch, previous.seq)
    return reach


def missing_ranges(frontier_seq: int, waiting: Iterable[int]) -> list[tuple[int, int]]:
    """The stretches that are missing between the frontier and the events that wait, both ends included."""
    missing = []
    expected = frontier_seq + 1
    for seq in sorted(set(waiting)):
        if seq > expected:
            missing.append((expected, seq - 1))
        expected = max(expected, seq + 1)
    return missing
