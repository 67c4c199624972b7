"""The promise, bounded: real kiosks, courier, Mosquitto, receiver and databases under faults of a fixed seed.

`scripts/faults` runs the same for as long as one likes.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.fault_injection.campaign import Plan
from scripts.faults import Result, run
from tests.sync.mosquitto import find_mosquitto
from tests.sync.office.postgres import Server, running_server

LIMIT_S = 120.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short one: sockets lie in it."""
    made = Path(tempfile.mkdtemp(prefix="cf-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def server() -> Iterator[Server]:
    """A server of its own, because its processes are killed."""
    with running_server() as started:
        yield started


def must_hold(result: Result, plan: Plan) -> None:
    judged = result.judgement
    assert judged.problems == []
    assert judged.confirmed >= plan.events
    assert judged.stored >= judged.confirmed
    assert result.diary.faults >= plan.faults
    assert judged.quarantined > 0
    assert 70 not in {code for codes in result.exits.values() for code in codes}


@pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed: scripts/setup dev")
def test_every_confirmed_event_is_in_sqlite_once_whatever_failed(folder: Path) -> None:
    plan = Plan(events=1000, faults=16, limit_s=LIMIT_S, pace_s=0.5)
    must_hold(run(folder, plan, kiosks=3, seed=11, database="sqlite"), plan)


@pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed: scripts/setup dev")
def test_every_confirmed_event_is_in_postgresql_once_whatever_failed(folder: Path, server: Server) -> None:
    plan = Plan(events=500, faults=10, limit_s=LIMIT_S, pace_s=0.5)
    must_hold(run(folder, plan, kiosks=2, seed=13, database="postgresql", server=server), plan)
