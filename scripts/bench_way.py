"""Drain a backlog the whole way, edge's ledger to the office's rows, beside bare paho publishing.

    scripts/bench-way                     100,000 events, 3 rounds, SQLite
    scripts/bench-way --events 20000 --rounds 1

A real ledger behind edge's real socket, the courier, Mosquitto with TLS, the receiver and its database: rows
are verified and committed. Bare paho publishes as many events of the same size, one a message, QoS 1, to
the same broker in the same round. Rates vary with the machine; the ratio and each process's processor time an
event are the figures.
"""

import argparse
import contextlib
import json
import os
import platform
import sys
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from edge.clock import SystemClock
from edge.types.clock import ClockTrust
from edge.types.punches import Direction, DirectionSource, Method, Punch
from scripts.bench_sync import bare_per_s, peak_kb
from scripts.fault_injection.kiosk import Kiosk
from scripts.fault_injection.office import OfficeHome
from scripts.fault_injection.proxy import Line
from scripts.fleet import load_of
from sync.office.authority.identity import BrokerIdentity
from sync.office.database import schema
from sync.wire.topics import Address
from tests.sync.mosquitto import HOST, Mosquitto, TestAuthority

WAIT_S = 900.0
READY_S = 60.0
SHIPPED = {"DELIVERY__STALL_S": "60", "BROKER__KEEPALIVE_S": "30", "LOGGING__LEVEL": "error"}
ROUND = 500  # punches in one transaction when the backlog is made: what is measured is draining it


def fill(kiosk: Kiosk, events: int) -> list[bytes]:
    """Make the backlog in the real ledger; returns some of its envelopes."""
    clock = SystemClock(zone=ZoneInfo("UTC"))
    with kiosk.opened(kiosk.state) as store:
        people = [person.person_id for person in store.people.list(limit=100)]
        left = events
        while left:
            with store.database.write():
                for number in range(min(ROUND, left)):
                    # As NTP leaves a clock: other events' times would be corrected meanwhile, once.
                    at = replace(clock.now(), trust=ClockTrust.SYNCHRONISED)
                    store.events.record(
                        Punch(people[number % len(people)], at, Direction.UNSTATED, DirectionSource.NONE,
                              Method.BADGE, at.wall.date())
                    )  # fmt: skip
            left -= min(ROUND, left)
        return [each.envelope for each in store.events.envelopes_after(None, limit=1000)]


def measure(folder: Path, events: int) -> dict[str, float]:
    """One round."""
    authority = TestAuthority(folder / "ca", valid_for=timedelta(days=4000))
    authority.credentials_of(BrokerIdentity(("localhost", HOST)), valid_for=timedelta(days=2))
    with Mosquitto(folder / "broker", authority) as broker:
        office = OfficeHome(folder / "office", credentials=broker.office("receiver"), port=broker.port)
        office.init()
        line = Line(broker.port, port=broker.port)
        kiosk = Kiosk(
            folder / "k", Address("mill", "door"), line=line, authority=authority, sync_settings=SHIPPED
        )
        with office.database() as database:
            kiosk.provision(office.identity, database)
        envelopes = fill(kiosk, events)
        office.receiver.start()
        kiosk.edge.start()
        try:
            office.await_ready(within_s=READY_S)
            _await(lambda: kiosk.status() is not None, READY_S)
            drained = _drain(kiosk, office, events, broker=broker.pid)
        finally:
            for child in (kiosk.sync, kiosk.edge, office.receiver):
                child.stop()
        return drained | {"bare": bare_per_s(broker, envelopes, events)}


def _drain(kiosk: Kiosk, office: OfficeHome, events: int, *, broker: int) -> dict[str, float]:
    """From the first row at the office to the last: as with bare paho, a process's start is not measured."""
    held = kiosk_events(kiosk)
    kiosk.sync.start()
    pids = {
        "edge": kiosk.edge.pid,
        "courier": kiosk.sync.pid,
        "receiver": office.receiver.pid,
        "broker": broker,
    }
    with office.database() as database:

        def stored() -> int:
            with database.read() as connection:
                return int(
                    connection.execute(select(func.coalesce(func.max(schema.events.c.id), 0))).scalar_one()
                )

        _await(lambda: stored() > 0, READY_S, every_s=0.005)
        before = {name: cpu_s(pid) for name, pid in pids.items()}
        began, first = time.perf_counter(), stored()
        _await(lambda: stored() >= held, WAIT_S)
        took_s = time.perf_counter() - began
        # Of an event, in microseconds: a busy machine changes the rate and leaves these nearly as they are.
        drained = held - first
        cost = {f"{name}_us": (cpu_s(pid) - before[name]) / drained * 1e6 for name, pid in pids.items()}
        _await(lambda: stored() >= kiosk_events(kiosk), READY_S)
        with database.read() as connection:
            count = int(connection.execute(select(func.count()).select_from(schema.events)).scalar_one())
    if count < events or count != kiosk_events(kiosk):
        sys.exit(f"bench-way: {count} rows for the ledger's {kiosk_events(kiosk)} events")
    found = {"way": drained / took_s, "courier_peak_mb": peak_kb(kiosk.sync.pid) / 1000}
    return found | cost | {"all_us": sum(cost.values())}


def cpu_s(pid: int) -> float:
    """Processor time of a process and of its own processes: the receiver has some that check signatures."""
    total = load_of(pid).cpu_s
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended
            if int((folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1]) == pid:
                total += load_of(int(folder.name)).cpu_s
    return total


def kiosk_events(kiosk: Kiosk) -> int:
    """What the ledger holds, of every type."""
    status = kiosk.status()
    return sys.maxsize if status is None else status.ledger.events


def _await(holds: Any, within_s: float, *, every_s: float = 0.05) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            sys.exit("bench-way: it did not come about in time")
        time.sleep(every_s)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="scripts/bench-way")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rounds = []
    for _ in range(chosen.rounds):
        with tempfile.TemporaryDirectory(prefix="cf-way-", ignore_cleanup_errors=True) as name:
            rounds.append(measure(Path(name), chosen.events))
    found: dict[str, Any] = {name: round(median(each[name] for each in rounds), 1) for name in rounds[0]}
    found["ratio"] = round(median(each["way"] / each["bare"] for each in rounds), 2)
    found |= {
        "events": chosen.events,
        "rounds": chosen.rounds,
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}",
    }
    if chosen.json:
        print(json.dumps(found))
        return
    for key, value in found.items():
        print(f"{key + ':':18}{value}")


if __name__ == "__main__":
    main()
