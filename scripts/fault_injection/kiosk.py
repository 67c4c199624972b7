"""A kiosk of a run: its folder and keys, edge with the generator, the courier, its line, its past lives."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from clockface.secretfiles import make_private_folder
from edge.api.client import EdgeClient
from edge.api.protocol.status import Status
from edge.clock import SystemClock
from edge.errors import ApiError
from edge.provisioning import Believed, Folders, as_office, ask, install_files, judge, replace_file
from edge.store.chain import EpochReason
from edge.store.keys import Keyring, generate_keys, load_keyring, make_sealing_key
from edge.store.store import Store, create_store, open_store
from edge.types.identity import DeviceId
from edge.types.people import Profile
from scripts.fault_injection.clocks import MovedClock
from scripts.fault_injection.generator import CLOCK_FILE, JOURNAL_FILE, RATE_FILE
from scripts.fault_injection.processes import Child
from scripts.fault_injection.proxy import Line
from sync.office.authority.certificates import build_leaf, pem
from sync.office.authority.identity import DeviceIdentity
from sync.office.database import Database
from sync.office.registration import OfficeIdentityKeys, make_bundle, read_request, register
from sync.wire.envelope import signing_key_id
from sync.wire.topics import Address
from tests.sync.mosquitto import TestAuthority

PEOPLE = 12
YEARS = timedelta(days=3650)
LEDGER = "ledger.db"


@dataclass(frozen=True, slots=True)
class Confirmed:
    """An event that an employee saw confirmed."""

    epoch: str
    seq: int
    hash: str


class Kiosk:
    """One device.

    Args:
        folder: Short: sockets lie in it.
        address: Its site and name.
        line: The way to the broker that its courier takes.
        authority: Whose certificate it gets.
        sync_settings: Of the courier, in the form of the environment, over those that make faults quick.
    """

    def __init__(
        self,
        folder: Path,
        address: Address,
        *,
        line: Line,
        authority: TestAuthority,
        sync_settings: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.address = address
        self.line = line
        self.authority = authority
        self.state, self.run, self.tls = folder / "state", folder / "run", folder / "tls"
        self.histories = folder / "histories"  # ledgers of past lives, each a folder
        for each in (self.run, self.tls, self.histories):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.config = folder / "clockface.toml"
        (folder / "models").mkdir()
        self.config.write_text(self._toml(), encoding="utf-8")
        self._counted = self._counted_bytes = 0
        self.clock = MovedClock(folder / "sync-clock")
        self.set_rate(0)
        self.move_clock(0.0, synchronised=True)
        environment = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
        command = ["-m", "scripts.fault_injection.generator", "--config", str(self.config)]
        self.edge = Child(
            f"{address.device} edge",
            [*command, "--folder", str(folder)],
            environment=environment,
            log=folder / "edge.log",
        )
        self.sync = Child(
            f"{address.device} sync",
            ["-m", "sync", "run"],
            environment=environment | self._sync_environment(sync_settings or {}),
            log=folder / "sync.log",
        )

    def _toml(self) -> str:
        return "\n".join(
            [
                f'[device]\nsite = "{self.address.site}"\nname = "{self.address.device}"',
                f'[paths]\nstate = "{self.state}"\nrun = "{self.run}"\nmodels = "{self.folder / "models"}"',
                f'[camera]\nsource = "replay"\nreplay_path = "{self.folder / "none"}"',
                "",
            ]
        )

    def _sync_environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        own = {
            "DEVICE__SITE": self.address.site,
            "DEVICE__NAME": self.address.device,
            "PATHS__RUN": str(self.run),
            "PATHS__TLS": str(self.tls),
            "BROKER__ADDRESSES": json.dumps([f"localhost:{self.line.port}"]),
            "BROKER__BACKOFF_MAX_S": "1",
            "BROKER__KEEPALIVE_S": "5",
            "BROKER__CONNECT_TIMEOUT_S": "4",
            "DELIVERY__STALL_S": "4",
            "TELEMETRY__INTERVAL_S": "5",
            "CERTIFICATE__RENEW_DAYS": "0",
        }
        return {f"CLOCKFACE_SYNC_{name}": value for name, value in (own | dict(settings)).items()}

    # --- making it ----------------------------------------------------------------------------------------

    def provision(self, office: OfficeIdentityKeys, database: Database) -> None:
        """Keys and ledger, a request, the office's answer: through the functions behind the commands."""
        make_private_folder(self.state, made_by="clockface init")
        generate_keys(self.state)
        make_sealing_key(self.state)
        clock = SystemClock(zone=ZoneInfo("UTC"))
        names = {"device": DeviceId(self.address.device), "site": self.address.site}
        create_store(self.ledger, keyring=self.keyring, clock=clock, **names).close()  # type: ignore[arg-type]
        folders = Folders(self.state, self.tls)
        asked = ask(keyring=self.keyring, address=self.address, folders=folders, at=clock.now().wall)
        request = read_request(asked.envelope)
        now = datetime.now(UTC)
        csr = x509.load_pem_x509_csr(request.certificate_request.encode())
        bundle = make_bundle(request, office=office, certificate=self._certify(csr.public_key()), now=now)
        with database.write() as connection:
            register(connection, request, by="faults", now=now)
        believed = Believed(None, signing_key_id(office.operator.public_key()))
        found = judge(
            bundle, believed=believed, keyring=self.keyring, address=self.address, folders=folders, at=now
        )
        install_files(found, self.tls)
        with self.opened(self.state) as store:
            store.office.install(as_office(found, at=now, by="faults"))
            for number in range(PEOPLE):
                store.people.add(Profile(name=f"Person {number}", number=f"{number:04}"))

    def _certify(self, key: object) -> str:
        assert isinstance(key, ec.EllipticCurvePublicKey)  # noqa: S101 - our own request
        return self.certificate(key, authority=self.authority)

    def certificate(
        self,
        key: ec.EllipticCurvePublicKey,
        *,
        authority: TestAuthority,
        made: datetime | None = None,
        valid_for: timedelta = YEARS,
    ) -> str:
        """A certificate of this device's name for a key."""
        made_by = {"authority": authority.certificate, "authority_key": authority.key}
        identity = DeviceIdentity(self.address.site, self.address.device)
        leaf = build_leaf(
            **made_by,  # type: ignore[arg-type]
            public_key=key,
            identity=identity,
            now=made or datetime.now(UTC),
            valid_for=valid_for,
        )
        return pem(leaf).decode("ascii")

    @property
    def installed(self) -> x509.Certificate:
        """The certificate that the courier uses."""
        return x509.load_pem_x509_certificate((self.tls / "device.crt").read_bytes())

    def swap_certificate(self, text: str) -> None:
        """Install another one; the courier sees it within seconds."""
        replace_file(self.tls / "device.crt", text.encode("ascii"), mode=0o644)

    # --- its wishes ---------------------------------------------------------------------------------------

    def set_rate(self, events_per_s: float) -> None:
        """How fast it records from now on; 0 pauses."""
        _put(self.folder / RATE_FILE, f"{events_per_s:.3f}")

    def move_clock(self, offset_s: float, *, synchronised: bool) -> None:
        """What the device's own clock shows, and whether it is trusted."""
        _put(self.folder / CLOCK_FILE, f"{offset_s:.0f} {'yes' if synchronised else 'no'}")

    def start(self) -> None:
        """Start edge and courier."""
        self.edge.start()
        self.start_sync()

    def start_sync(self) -> None:
        """Start the courier on its own clock."""
        self.sync.tools = self.clock.environment
        self.sync.start()

    # --- what it knows ------------------------------------------------------------------------------------

    @property
    def ledger(self) -> Path:
        """Its ledger of now."""
        return self.state / LEDGER

    @property
    def keyring(self) -> Keyring:
        """Its keys."""
        return load_keyring(state=self.state, environment={}, allow_environment=False)

    def confirmed(self) -> list[Confirmed]:
        """Its journal. A last line without its end was never shown."""
        journal = self.folder / JOURNAL_FILE
        lines = journal.read_text(encoding="ascii").splitlines() if journal.exists() else []
        return [Confirmed(epoch, int(seq), hash_) for epoch, seq, hash_ in (line.split() for line in lines)]

    def confirmed_count(self) -> int:
        """How many events were confirmed; reads only what is new."""
        journal = self.folder / JOURNAL_FILE
        if journal.exists():
            with journal.open("rb") as file:
                file.seek(self._counted_bytes)
                new = file.read()
            self._counted_bytes += len(new)
            self._counted += new.count(b"\n")
        return self._counted

    def status(self) -> Status | None:
        """What edge says of itself; None while it does not answer."""
        with suppress(ApiError, OSError), EdgeClient(self.run, timeout_s=5.0) as client:
            return client.status()
        return None

    @contextmanager
    def opened(self, folder: Path, *, new_epoch: EpochReason | None = None) -> Iterator[Store]:
        """A ledger of this device, while edge is down."""
        store = open_store(
            folder / LEDGER,
            keyring=self.keyring,
            clock=SystemClock(zone=ZoneInfo("UTC")),
            device=DeviceId(self.address.device),
            site=self.address.site,
            new_epoch=new_epoch,
        )
        try:
            yield store
        finally:
            store.close()

    def copy_ledger(self, name: str) -> Path:
        """A copy in a folder of its own, while edge is down in good order: the file is all there is."""
        folder = self.histories / name
        folder.mkdir(mode=0o700)
        shutil.copyfile(self.ledger, folder / LEDGER)
        (folder / LEDGER).chmod(0o600)
        return folder

    def put_ledger(self, folder: Path) -> None:
        """Put a copy in the ledger's place, behind Clockface's back; edge is down."""
        for suffix in ("-wal", "-shm"):
            self.ledger.with_name(LEDGER + suffix).unlink(missing_ok=True)
        shutil.copyfile(folder / LEDGER, self.ledger)
        self.ledger.chmod(0o600)


def _put(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.draft")
    draft.write_text(text + "\n", encoding="ascii")
    draft.replace(path)
