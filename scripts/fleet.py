"""Simulate a fleet: N kiosks, each with its own keys and certificate, and a morning rush.

    scripts/fleet 300
    scripts/fleet 2000 --events 5 --rush 60
    scripts/fleet 500 --database postgresql --receivers 2

Broker, receiver and database are real processes; every kiosk has its own TLS connection, certificate, signing
key, a birth, a will and telemetry. The time of an event ends with the office's verified acknowledgement.
"""

import argparse
import json
import multiprocessing
import os
import platform
import resource
import secrets
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from scripts.fault_injection.office import OfficeHome
from scripts.fault_injection.processes import Child
from scripts.fleet_simulation.member import Member, Task
from scripts.fleet_simulation.worker import Report, hold
from sync.connection import BrokerConfig
from sync.office.authority.identity import DeviceIdentity
from sync.wire.envelope import signing_key_id
from tests.sync.mosquitto import Mosquitto, TestAuthority
from tests.sync.office.kiosk import Kiosk
from tests.sync.office.postgres import running_server

PATIENCE_S = 300.0
READY_S = 60.0
PER_SITE = 50
FILES_BESIDE = 200  # descriptors beside connections, generously
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Load:
    """What a process used."""

    cpu_s: float
    resident_mb: float


def raise_file_limit(wanted: int) -> int:
    """As many file descriptors as the system gives; returns how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if os.geteuid() == 0 and hard < wanted:
        hard = wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def load_of(pid: int) -> Load:
    """Processor time so far, and resident memory now."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return Load((int(fields[11]) + int(fields[12])) / TICKS, pages * os.sysconf("SC_PAGE_SIZE") / 1e6)


def simulate(folder: Path, chosen: argparse.Namespace) -> dict[str, Any]:
    """One run."""
    with ExitStack() as stack:
        authority = TestAuthority(folder / "ca")
        broker = stack.enter_context(Mosquitto(folder / "broker", authority))
        offices = _offices(stack, folder, broker, chosen)
        members = _members(chosen.kiosks, authority=authority, office=offices[0])
        for office in offices:
            office.receiver.start()  # on the machine's clock: libfaketime would cost most of its time
            stack.callback(office.receiver.stop)
        for office in offices:
            office.await_ready(within_s=READY_S)
        config = BrokerConfig(addresses=(f"localhost:{broker.port}",), connect_timeout_s=60.0)
        task = Task(chosen.events, chosen.rush, chosen.telemetry)
        return _measure(members, config, task, broker=broker, receivers=[each.receiver for each in offices])


def _offices(stack: ExitStack, folder: Path, broker: Mosquitto, chosen: argparse.Namespace) -> list[OfficeHome]:
    server = stack.enter_context(running_server()) if chosen.database == "postgresql" else None
    name = stack.enter_context(server.database()) if server is not None else ""
    group = secrets.token_hex(16) if chosen.receivers > 1 else ""
    made: list[OfficeHome] = []
    for number in range(chosen.receivers):
        receiver = "receiver" if number == 0 else f"receiver-{number + 1}"
        made.append(
            OfficeHome(
                folder / receiver,
                credentials=broker.office(receiver),
                port=broker.port,
                server=server,
                database=name,
                name=receiver,
                state=made[0].state if made else None,
                settings={"CLOCKFACE_OFFICE_RECEIVER__SHARE_GROUP": group},
            )
        )
    made[0].init()
    return made


def _members(count: int, *, authority: TestAuthority, office: OfficeHome) -> list[Member]:
    online = office.identity.online
    keys = {signing_key_id(online): online}
    made = []
    with office.database() as database, database.write() as connection:
        for number in range(count):
            kiosk = Kiosk(site=f"site-{number // PER_SITE}", device=f"door-{number % PER_SITE}")
            kiosk.register(connection)
            identity = DeviceIdentity(kiosk.address.site, kiosk.address.device)
            credentials = authority.credentials_of(identity, valid_for=timedelta(days=2))
            made.append(Member(kiosk, credentials.folder, keys))
    return made


def _measure(
    members: list[Member], config: BrokerConfig, task: Task, *, broker: Mosquitto, receivers: list[Child]
) -> dict[str, Any]:
    context = multiprocessing.get_context("fork")
    workers = max(1, min(os.cpu_count() or 1, len(members) // 50))
    ready = context.Barrier(workers + 1)
    pipes, processes = [], []
    for number in range(workers):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(
            target=hold, args=(members[number::workers], config, task), kwargs={"ready": ready, "pipe": theirs}
        )
        process.start()
        theirs.close()
        pipes.append(ours)
        processes.append(process)
    watched = {"broker": broker.pid, **{each.name: each.pid for each in receivers}}
    try:
        ready.wait(PATIENCE_S)
        before, began = {name: load_of(pid) for name, pid in watched.items()}, time.monotonic()
        ready.wait(task.rush_s + PATIENCE_S)
        took_s = time.monotonic() - began
        after = {name: load_of(pid) for name, pid in watched.items()}
        reports: list[Report] = [pipe.recv() for pipe in pipes]
    finally:
        for process in processes:
            process.join(30)
            if process.is_alive():
                process.kill()
    return _figures(members, task, reports, took_s=took_s) | {
        "load": {
            name: {
                "cpu": round((after[name].cpu_s - before[name].cpu_s) / took_s, 2),
                "resident_mb": round(after[name].resident_mb, 1),
            }
            for name in watched
        }
    }


def _figures(members: list[Member], task: Task, reports: list[Report], *, took_s: float) -> dict[str, Any]:
    latencies = sorted(latency for report in reports for latency in report.latencies_s)
    connect_s = max(report.connect_s for report in reports)
    return {
        "kiosks": len(members),
        "connect_s": round(connect_s, 1),
        "connects_per_s": round(len(members) / connect_s),
        "attempts": sum(report.attempts for report in reports),
        "events": len(members) * task.events,
        "confirmed": len(latencies),
        "unconfirmed": sum(report.unconfirmed for report in reports),
        "forged_acks": sum(report.forged for report in reports),
        "took_s": round(took_s, 1),
        "events_per_s": round(len(latencies) / took_s),
        "p50_ms": _quantile_ms(latencies, 0.5),
        "p99_ms": _quantile_ms(latencies, 0.99),
        "worst_ms": _quantile_ms(latencies, 1.0),
    }


def _quantile_ms(ordered: list[float], share: float) -> int | None:
    return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]) if ordered else None


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="scripts/fleet", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("kiosks", type=int, metavar="N")
    parser.add_argument("--events", type=int, default=10, help="of each kiosk in the rush")
    parser.add_argument("--rush", type=float, default=30.0, help="seconds in which all of them come")
    parser.add_argument("--telemetry", type=float, default=60.0, help="seconds between two messages of a kiosk")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--receivers", type=int, choices=(1, 2), default=1)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    if chosen.receivers > 1 and chosen.database == "sqlite":
        parser.error("several receivers need --database postgresql")
    files = raise_file_limit(2 * chosen.kiosks + FILES_BESIDE)
    if files < chosen.kiosks + FILES_BESIDE:
        print(f"scripts/fleet: {files} file descriptors are too few. Next: ulimit -n", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="cf-fleet-", ignore_cleanup_errors=True) as name:
        found = simulate(Path(name), chosen)
    found |= {
        "database": chosen.database,
        "receivers": chosen.receivers,
        "file_limit": files,
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}",
    }
    if chosen.json:
        print(json.dumps(found))
    else:
        for key, value in found.items():
            Console(highlight=False).print(f"{key + ':':16}{value}")
    return 0 if not found["unconfirmed"] and not found["forged_acks"] else 1


if __name__ == "__main__":
    sys.exit(main())
