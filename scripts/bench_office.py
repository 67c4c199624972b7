"""What the receiver carries: events verified and committed a second, on SQLite and on PostgreSQL.

Real signatures and real databases; the broker is left out, so that the figure is the receiver's own. Run it as
`python -m scripts.bench_office`; with --postgresql it starts a server of the tests' own.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sync.office.database import DatabaseSettings, SQLiteSettings, open_database
from sync.office.ingest import Limits
from sync.office.intake import Intake
from sync.office.link import Arrival
from sync.office.registry import load_devices
from sync.office.rows import microseconds
from sync.office.verification import verify_message
from sync.wire.topics import Channel
from tests.sync.office.kiosk import Kiosk


def prepare(settings: DatabaseSettings, *, devices: int, events: int, lines: int, label: str) -> list[Arrival]:
    """Register kiosks and sign their events; messages of `lines` events, the kiosks in turn."""
    database = open_database(settings)
    queues = []
    with database.write() as connection:
        for number in range(devices):
            kiosk = Kiosk(device=f"{label}-{number}")
            kiosk.register(connection)
            kiosk.begin()
            kiosk.records(events // devices - 1)
            topic = kiosk.address.topic(Channel.EVENTS)
            queues.append(
                [
                    Arrival(topic, b"\n".join(kiosk.sent[start : start + lines]))
                    for start in range(0, len(kiosk.sent), lines)
                ]
            )
    database.close()
    return [message for turn in zip(*queues, strict=True) for message in turn]


def drain(
    settings: DatabaseSettings, arrivals: list[Arrival], *, batch: int, checkers: int, start: Any = None
) -> float:
    """Take every message; seconds."""
    database = open_database(settings)
    intake = Intake(database, sealing=X25519PrivateKey.generate(), limits=Limits(), checkers=checkers)
    with database.read():
        pass  # connected
    if start is not None:
        start.wait()
    began = time.perf_counter()
    at = 0
    while at < len(arrivals):
        size, end = 0, at
        while end < len(arrivals) and size < batch:
            size += arrivals[end].payload.count(b"\n") + 1
            end += 1
        intake.take(arrivals[at:end], now_us=microseconds(datetime.now(UTC)))
        at = end
    took = time.perf_counter() - began
    intake.close()
    database.close()
    return took


def verify_rate(settings: DatabaseSettings, arrivals: list[Arrival]) -> float:
    """Events a second of verification alone, one thread."""
    from sync.wire.topics import read_topic

    database = open_database(settings)
    addresses = {arrival.topic: read_topic(arrival.topic)[0] for arrival in arrivals}
    with database.read() as connection:
        devices = load_devices(connection, list(addresses.values()))
    database.close()
    began, done = time.perf_counter(), 0
    for arrival in arrivals:
        address = addresses[arrival.topic]
        done += len(verify_message(arrival.payload, address=address, keys=devices[address].keys))
    return done / (time.perf_counter() - began)


def sqlite_rates(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Median rates over rounds, each on a fresh file."""
    found: dict[str, Any] = {}
    for checkers in (0, 1):
        rates = []
        for turn in range(options.rounds):
            settings = SQLiteSettings(folder / f"{checkers}-{turn}" / "office.db")
            database = open_database(settings)
            database.upgrade()
            database.close()
            arrivals = prepare(
                settings, devices=options.devices, events=options.events, lines=options.lines, label="k"
            )
            if checkers == 0 and turn == 0:
                found["verify_only"] = round(verify_rate(settings, arrivals))
            took = drain(settings, arrivals, batch=options.batch, checkers=checkers)
            rates.append(options.events / took)
        found[f"checkers_{checkers}"] = round(statistics.median(rates))
    return found


def drain_and_tell(settings: DatabaseSettings, share: list[Arrival], batch: int, start: Any, told: Any) -> None:
    """One receiver in its own process; tells its processor seconds."""
    before = time.process_time()
    drain(settings, share, batch=batch, checkers=0, start=start)
    told.put(time.process_time() - before)


def server_seconds(postmaster: int) -> float:
    """Processor seconds of a PostgreSQL server: its children that live, and those that it has waited for."""
    tick = os.sysconf("SC_CLK_TCK")
    total = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        own = int(fields[11]) + int(fields[12])
        if int(folder.name) == postmaster:
            total += own + int(fields[13]) + int(fields[14])
        elif int(fields[1]) == postmaster:
            total += own
    return total / tick


def postgresql_rates(options: argparse.Namespace) -> dict[str, Any]:
    """One receiver, and two at once with devices of their own each; and what each event costs whom."""
    from tests.sync.office.postgres import running_server

    found: dict[str, Any] = {"cores": os.cpu_count(), "load_before": round(os.getloadavg()[0], 1)}
    with running_server() as server:
        for receivers in (1, 2):
            rounds = [_round(server, receivers, options) for _ in range(options.rounds)]
            rate, own, theirs = (statistics.median(each) for each in zip(*rounds, strict=True))
            found[f"receivers_{receivers}"] = {
                "events_per_s": round(rate),
                "receiver_cpu_us_per_event": round(own),
                "server_cpu_us_per_event": round(theirs),
            }
    return found


def _round(server: Any, receivers: int, options: argparse.Namespace) -> tuple[float, float, float]:
    context = multiprocessing.get_context("fork")
    with server.database() as name:
        settings = server.settings(name)
        database = open_database(settings)
        database.upgrade()
        database.close()
        shares = [
            prepare(
                settings,
                devices=options.devices,
                events=options.events,
                lines=options.lines,
                label=f"r{number}",
            )
            for number in range(receivers)
        ]
        start, told = context.Barrier(receivers + 1), context.Queue()
        processes = [
            context.Process(target=drain_and_tell, args=(settings, share, options.batch, start, told))
            for share in shares
        ]
        for process in processes:
            process.start()
        start.wait()
        began, server_began = time.perf_counter(), server_seconds(server.pid)
        own = sum(told.get(timeout=600) for _ in processes)
        took, theirs = time.perf_counter() - began, server_seconds(server.pid) - server_began
        for process in processes:
            process.join()
    events = receivers * options.events
    return events / took, own / events * 1e6, theirs / events * 1e6


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000, help="events a round (and receiver)")
    parser.add_argument("--devices", type=int, default=20)
    parser.add_argument("--lines", type=int, default=50, help="events a message")
    parser.add_argument("--batch", type=int, default=500, help="events a transaction")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--postgresql", action="store_true")
    options = parser.parse_args()
    found: dict[str, Any] = {
        "events": options.events,
        "devices": options.devices,
        "lines": options.lines,
        "batch": options.batch,
    }
    with tempfile.TemporaryDirectory() as folder:
        found["sqlite_events_per_s"] = sqlite_rates(Path(folder), options)
    if options.postgresql:
        found["postgresql_events_per_s"] = postgresql_rates(options)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
