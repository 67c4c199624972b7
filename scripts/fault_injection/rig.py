"""Everything of one run, wired: authority, broker, lines, office, kiosks, eavesdropper; made and ended here."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from scripts.fault_injection.disks import Disk, DiskNotMountable
from scripts.fault_injection.hostile import Eavesdropper
from scripts.fault_injection.kiosk import Kiosk
from scripts.fault_injection.office import OfficeHome
from scripts.fault_injection.processes import Child
from scripts.fault_injection.proxy import Line, Proxy
from sync.office.authority.identity import BrokerIdentity, OfficeIdentity
from sync.wire.topics import Address
from tests.sync.mosquitto import HOST, Mosquitto, TestAuthority
from tests.sync.office.postgres import Server, running_server

SITE = "mill"
CLOCK_ROOM = timedelta(days=3650)
READY_S = 60.0


class Stuck(Exception):
    """Something did not come about in the time that it had."""


@dataclass
class Rig:
    """A run's parts.

    Attributes:
        notes: What was left out and why.
    """

    folder: Path
    draw: random.Random
    broker: Mosquitto
    office: OfficeHome
    office_line: Line
    kiosks: list[Kiosk]
    proxy: Proxy
    ear: Eavesdropper
    authority: TestAuthority
    stranger: TestAuthority
    server: Server | None = None
    disks: dict[str, Disk] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def forged(self) -> set[bytes]:
        """SHA-256 of every forgery, sent or only tried."""
        return self.ear.forged

    @property
    def children(self) -> list[Child]:
        """All processes of ours that a service manager would mind."""
        return [self.office.receiver, *(child for kiosk in self.kiosks for child in (kiosk.edge, kiosk.sync))]

    def mind(self) -> None:
        """Start again what ended by itself."""
        for child in self.children:
            child.mind()

    def await_until(self, holds: Callable[[], bool], what: str, *, within_s: float) -> None:
        """Wait, bounded, minding the processes meanwhile.

        Raises:
            Stuck: It did not come about.
        """
        deadline = time.monotonic() + within_s
        while not holds():
            if time.monotonic() > deadline:
                raise Stuck(f"not within {within_s:.0f} s: {what}")
            self.mind()
            time.sleep(0.1)


@contextmanager
def assembled(
    folder: Path, *, kiosks: int, seed: int, database: str, server: Server | None = None
) -> Iterator[Rig]:
    """Make all of it, provisioned and running, and end it."""
    with ExitStack() as stack:
        rig = _made(stack, folder, kiosks=kiosks, seed=seed, database=database, server=server)
        stack.callback(_end, rig)
        rig.office.start()
        for kiosk in rig.kiosks:
            kiosk.start()
        rig.await_until(
            lambda: all(kiosk.status() is not None for kiosk in rig.kiosks),
            "every edge answers",
            within_s=READY_S,
        )
        yield rig


def _made(
    stack: ExitStack, folder: Path, *, kiosks: int, seed: int, database: str, server: Server | None
) -> Rig:
    authority, stranger = (
        TestAuthority(folder / name, valid_for=CLOCK_ROOM + timedelta(days=30)) for name in ("ca", "stranger")
    )
    for identity in (BrokerIdentity(("localhost", HOST)), OfficeIdentity("receiver")):
        authority.credentials_of(identity, valid_for=CLOCK_ROOM)
    broker = stack.enter_context(Mosquitto(folder / "broker", authority))
    proxy = stack.enter_context(Proxy())
    office_line = proxy.line(broker.port)
    if database == "postgresql" and server is None:
        server = stack.enter_context(running_server())
    notes: list[str] = []
    disks: dict[str, Disk] = {}
    name = stack.enter_context(server.database()) if server is not None else ""
    if server is None:
        _mount(stack, folder / "office" / "state", "office", disks, notes)
    office = OfficeHome(
        folder / "office",
        credentials=authority.credentials_of(OfficeIdentity("receiver")),
        port=office_line.port,
        server=server,
        database=name,
    )
    office.init()
    made = []
    with office.database() as opened:
        for number in range(kiosks):
            address = Address(SITE, f"door-{number}")
            _mount(stack, folder / f"k{number}" / "state", address.device, disks, notes)
            kiosk = Kiosk(folder / f"k{number}", address, line=proxy.line(broker.port), authority=authority)
            kiosk.provision(office.identity, opened)
            made.append(kiosk)
    if office.clock.library is None:
        notes.append(
            "clocks of office and couriers not moved: faketime is not installed (apt install faketime)"
        )
    ear = stack.enter_context(Eavesdropper(authority.office("receiver-2"), broker.port))
    return Rig(
        folder, random.Random(seed), broker, office, office_line, made, proxy, ear, authority, stranger,  # noqa: S311
        server, disks, notes,
    )  # fmt: skip


def _mount(stack: ExitStack, folder: Path, name: str, disks: dict[str, Disk], notes: list[str]) -> None:
    try:
        disks[name] = Disk(folder)
    except DiskNotMountable as error:
        note = f"no full disks: a small file system cannot be mounted here ({error})"
        if note not in notes:
            notes.append(note)
    else:
        stack.callback(disks[name].close)


def _end(rig: Rig) -> None:
    for kiosk in rig.kiosks:
        kiosk.set_rate(0)
    for disk in rig.disks.values():
        disk.clear()
    for child in rig.children:
        child.thaw()
        with suppress(RuntimeError):
            child.kill()
    if rig.broker.alive:
        rig.broker.resume()
