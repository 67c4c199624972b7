"""A process that holds many simulated kiosks in one event loop; forked, so that keys never leave memory."""

import asyncio
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Barrier
from typing import Final

from scripts.fleet_simulation.member import Member, Task
from sync.connection import BrokerConfig

AT_ONCE: Final = 25  # handshakes under way; all of them at once only time each other out
PATIENCE_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker says in the end.

    Args:
        latencies_s: From each event to its verified acknowledgement.
        connect_s: Until the last of its kiosks was connected.
        attempts: To connect, of all kiosks together.
        unconfirmed: Events that were not acknowledged in time.
        forged: Acknowledgements that did not verify.
    """

    latencies_s: list[float]
    connect_s: float
    attempts: int
    unconfirmed: int
    forged: int


def hold(members: list[Member], config: BrokerConfig, task: Task, *, ready: Barrier, pipe: Pipe) -> None:
    """Connect, meet the others, work, report."""
    pipe.send(asyncio.run(_hold(members, config, task, ready)))
    pipe.close()


async def _hold(members: list[Member], config: BrokerConfig, task: Task, ready: Barrier) -> Report:
    loop = asyncio.get_running_loop()
    began = loop.time()
    turn = asyncio.Semaphore(AT_ONCE)

    async def connect(member: Member) -> None:
        async with turn:
            await member.connect(config)
            await member.introduce()

    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(connect(member) for member in members))
    connect_s = loop.time() - began
    await loop.run_in_executor(None, ready.wait)
    working = [asyncio.ensure_future(member.work(task)) for member in members]
    _, late = await asyncio.wait(working, timeout=task.rush_s + PATIENCE_S)
    for each in late:
        each.cancel()
    for each in working:
        if each.done() and not each.cancelled():
            each.result()
    await loop.run_in_executor(None, ready.wait)
    await asyncio.gather(*(member.leave() for member in members))
    return Report(
        [latency for member in members for latency in member.latencies_s],
        connect_s,
        sum(member.connects for member in members),
        sum(len(member.made_s) for member in members),
        sum(member.forged for member in members),
    )
