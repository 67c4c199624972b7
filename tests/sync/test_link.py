"""What the courier says of its way to the broker: changes at once, since when it is so, and again at times."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from edge.api.protocol.courier import LinkNoted, LinkTold
from sync.conditions import Condition
from sync.errors import EdgeSilent
from sync.link import AGAIN_S, LinkNews
from sync.pulse import Pulse


class Edge:
    """Notes what it is told; may be silent."""

    def __init__(self) -> None:
        self.told: list[LinkTold] = []
        self.silent = False

    async def tell_link(self, told: LinkTold) -> LinkNoted:
        """As the socket does."""
        if self.silent:
            raise EdgeSilent("nobody answers")
        self.told.append(told)
        return LinkNoted()


class Clocks:
    """Both clocks, moved by the test."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def now(self) -> float:
        """Seconds."""
        return self.now_s

    def wall(self) -> datetime:
        """The time of day."""
        return datetime(2026, 3, 2, tzinfo=UTC) + timedelta(seconds=self.now_s)


async def settle() -> None:
    """Let the task run as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


def test_a_change_is_said_at_once_and_since_when_it_is_so() -> None:
    async def story() -> list[LinkTold]:
        edge, clocks = Edge(), Clocks()
        teller: Any = edge
        news = LinkNews(teller, wall=clocks.wall, now=clocks.now, pulse=Pulse(clocks.now))
        task = asyncio.create_task(news.run())
        await settle()
        assert edge.told == []
        news.broken(Condition.NAME_UNKNOWN)
        await settle()
        clocks.now_s = 7
        news.broken(Condition.ADDRESS_REFUSED)
        await settle()
        news.broken(Condition.ADDRESS_REFUSED)
        await settle()
        clocks.now_s = 9
        edge.silent = True
        news.connected(2)
        await settle()
        edge.silent = False
        clocks.now_s = 9 + AGAIN_S
        news.waiting()
        news.connected(2)
        await settle()
        task.cancel()
        return edge.told

    first, second, last = asyncio.run(story())
    assert (first.connected, first.reason, first.since.second) == (False, "name_unknown", 0)
    assert (second.reason, second.since) == ("address_refused", first.since), "since the first failure"
    assert (last.connected, last.broker, last.since.second) == (True, 2, 39)


def test_an_edge_that_was_started_anew_learns_it_soon() -> None:
    async def story() -> int:
        edge, clocks = Edge(), Clocks()
        teller: Any = edge
        news = LinkNews(teller, wall=clocks.wall, now=clocks.now, pulse=Pulse(clocks.now))
        news.connected(1)
        task = asyncio.create_task(news.run())
        await settle()
        task.cancel()
        clocks.now_s = AGAIN_S
        task = asyncio.create_task(news.run())  # as after its wait
        await settle()
        task.cancel()
        return len(edge.told)

    assert asyncio.run(story()) == 2
