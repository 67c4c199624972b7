"""Canaries over a whole morning of real processes: names, numbers, templates, keys and tokens come out nowhere.

One journey for all sinks: two kiosks, couriers, broker, office. Somebody is enrolled with badge and PIN, and
recognised; support bundles are made; every process meets a bug with the canaries in its hands, and the daemon a
segmentation fault. Then each sink is searched, as it came and decoded.
"""

import base64
import json
import resource
import signal
import socket
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge.api.protocol.badges import BadgeAsked, PinSet
from edge.clock import SystemClock
from edge.errors import ApiError
from edge.store.keys import load_keyring
from edge.store.store import ledger_path, open_store
from edge.types.identity import DeviceId, PersonId
from sync.office.authority.identity import BrokerIdentity, OfficeIdentity
from sync.office.broker.configuration import ACCESS_FILE
from sync.wire.envelope import EnvelopeError, decode
from sync.wire.topics import DOWN, UP, filter_of
from sync.wire.topics import ROOT as TOPICS
from tests.edge.device import ROOT, astronaut, enrol
from tests.https_sink import HttpsSink, https_sink
from tests.journey.premises import SITE, Kiosk, Premises, Surroundings, opened, until
from tests.sync.mosquitto import Credentials, Mosquitto
from tests.sync.mqtt import Client

NAME, NUMBER, PIN = "Wilhelmina Zzyzx", "E-1048290-77", "730915264818"
FINGERPRINT = "fedcbafedcbafedcbafedcbafedcba98"  # of the Sentry project: where reports go is no secret

# A bug in every process, when it is asked for: with canaries in locals, arguments and the exception's cause.
PLANTED = f"""
import signal
def bug(number, frame):
    name, number = "{NAME}", "{NUMBER}"
    try:
        int(name)
    except ValueError as cause:
        cause.add_note(number)
        raise RuntimeError(name, number) from cause
signal.signal(signal.SIGUSR2, bug)
"""


@dataclass
class Morning:
    """Everything that came out, by sink."""

    sinks: dict[str, bytes] = field(default_factory=dict)
    canaries: dict[str, bytes] = field(default_factory=dict)
    person: str = ""
    core_limit: str = ""
    cores: list[Path] = field(default_factory=list)
    left: list[Path] = field(default_factory=list)
    reported: set[str] = field(default_factory=set)
    crashes_at_office: list[str] = field(default_factory=list)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def morning(shared_broker: Mosquitto, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Morning]:
    folder = tmp_path_factory.mktemp("canaries")
    planted, temporary = folder / "planted", folder / "tmp"
    planted.mkdir()
    temporary.mkdir()
    (planted / "sitecustomize.py").write_text(PLANTED)
    files = shared_broker.authority.credentials_of(BrokerIdentity(("localhost",)), label="sentry")
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))  # else nothing could be found
    try:
        with https_sink(files) as sentry:
            yield _lived(shared_broker, sentry, files.authority, planted=planted, temporary=temporary)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)


def _lived(broker: Mosquitto, sentry: HttpsSink, authority: Path, *, planted: Path, temporary: Path) -> Morning:
    morning, metrics = Morning(), _free_port()
    told = {"SENTRY__DSN": sentry.dsn(key=FINGERPRINT), "SENTRY__CA_FILE": str(authority)}
    around = Surroundings(
        everywhere={"PYTHONPATH": str(planted), "TMPDIR": str(temporary)},
        courier=told,
        office=told | {"METRICS__PORT": str(metrics)},
    )
    with opened(broker, around=around) as premises:
        with Client(broker, _spy(broker), client_id="spy") as spy:
            for channel in (*UP, *DOWN):
                spy.subscribe(filter_of(channel))
            _work(premises, morning)
            _break(premises, morning, sentry)
            messages = [*_all(spy)]
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=10) as answer:
            morning.sinks["metrics"] = answer.read()
        logs = [premises.dock.log, premises.gate.log, *premises.dock.folder.glob("courier.log")]
        logs += [premises.gate.folder / "courier.log", *premises.office.folder.glob("*.log")]
        rows = premises.office.rows("audit", "device", f"{SITE}/dock")
        morning.sinks["audit at the office"] = json.dumps(rows).encode()
        state = premises.dock.state
        morning.canaries = _canaries(premises, morning)
        morning.sinks["journal"] = b"\n".join(path.read_bytes() for path in logs)
    morning.sinks["mqtt"] = b"\n".join(messages)
    morning.sinks["sentry"] = sentry.everything()
    morning.left = [path for path in temporary.rglob("*") if path.is_file()]
    morning.sinks["temporary files"] = b"\n".join(path.read_bytes() for path in morning.left) + b"-"
    morning.cores = [
        path for place in (ROOT, state, temporary) for path in place.glob("core*") if path.is_file()
    ]
    return morning


def _spy(broker: Mosquitto) -> Credentials:
    """An identity of the test's own that may read every topic, which nobody may by the shipped access list."""
    access = broker.folder / ACCESS_FILE
    mode = access.stat().st_mode
    access.chmod(0o600)
    access.write_text(
        f"{access.read_text()}\nuser {OfficeIdentity('spy').common_name}\ntopic read {TOPICS}/#\n"
    )
    access.chmod(mode)
    broker.reload()
    return broker.office("spy")


def _work(premises: Premises, morning: Morning) -> None:
    """What a morning brings."""
    dock, office = premises.dock, premises.office
    watcher = dock.watch()
    morning.person = enrol(dock, astronaut(), name=NAME, number=NUMBER)
    with dock.client() as staff:
        staff.set_pin(morning.person, PinSet(pin=PIN))
        issued = staff.issue_badge(BadgeAsked(person_id=morning.person))
    morning.canaries["badge"] = issued.token.encode()
    assert watcher.notice("recorded").greeting == NAME.split(maxsplit=1)[0]
    until(lambda: [row["person"] for row in office.rows("roster", "list")] == [morning.person], "the roster")
    until(lambda: premises.gate.templates(NUMBER) == 1, "the template at the gate")
    bundle = dock.folder / "support.json"
    dock.type("support-bundle", "--out", str(bundle))
    morning.sinks["support bundle"] = bundle.read_bytes()
    ordered = office.said("command", "support-bundle", "dock", "--wait").split("command bundle ")[1].split()[0]
    file = office.folder / "bundle.json"
    until(
        lambda: office.run("command", "bundle", ordered, "--out", str(file)).exit_code == 0,
        "the bundle's parts",
    )
    morning.sinks["support bundle for the office"] = file.read_bytes()


def _break(premises: Premises, morning: Morning, sentry: HttpsSink) -> None:
    """A bug in every process, and a segmentation fault in the daemon."""
    dock, office = premises.dock, premises.office
    pid = dock.processes["edge"].signal(0)
    limits = Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
    morning.core_limit = next(line for line in limits.splitlines() if "core file" in line)
    starts = dock.processes["edge"].starts
    dock.processes["edge"].signal(signal.SIGSEGV)
    until(lambda: dock.processes["edge"].starts > starts, "the daemon starts anew")
    until(lambda: _answers(dock), "it answers")
    for process in (office.processes["run"], office.processes["signer"], dock.processes["sync"]):
        process.signal(signal.SIGUSR2)
    dock.processes["edge"].signal(signal.SIGUSR2)
    until(lambda: len(_reported(sentry)) >= 4, "a report of each process", within_s=60.0)
    morning.reported = _reported(sentry)

    def crashes() -> list[str]:
        with office.database() as database, database.read() as connection:
            return [str(row[0]) for row in connection.exec_driver_sql("SELECT body FROM crash_reports")]

    until(crashes, "the crash report at the office", within_s=60.0)
    until(
        lambda: any(row["action"] == "badge.issued" for row in office.rows("audit", "device", f"{SITE}/dock")),
        "the audit trail at the office",
    )
    morning.crashes_at_office = crashes()
    morning.sinks["crash reports at the office"] = "\n".join(crashes()).encode()


def _answers(kiosk: Kiosk) -> bool:
    try:
        with kiosk.client() as staff:
            return staff.status().ledger.people == 1
    except ApiError:
        return False


def _reported(sentry: HttpsSink) -> set[str]:
    events = [json.loads(body.split(b"\n", 2)[2].split(b"\n")[0]) for _, _, body in list(sentry.got)]
    return {event["tags"]["process"] for event in events}


def _all(client: Client) -> Iterator[bytes]:
    """Every message so far: topic, bytes, and what its envelopes hold."""
    while not client.messages.empty():
        message = client.messages.get_nowait()
        yield message.topic.encode()
        yield message.payload
        for line in message.payload.split(b"\n"):
            try:
                yield decode(line, max_payload_bytes=1_000_000).payload
            except EnvelopeError:
                continue


def _canaries(premises: Premises, morning: Morning) -> dict[str, bytes]:
    """Every spelling of what must not come out."""
    found = {"name": NAME.encode(), "first name": NAME.split(maxsplit=1)[0].encode(), "last name": b"Zzyzx"}
    found |= {"number": NUMBER.encode(), "number's digits": b"1048290", "PIN": PIN.encode()}
    found |= morning.canaries
    for kiosk in (premises.gate, premises.dock):
        secret = [
            path for path in (kiosk.state / "keys").iterdir() if path.name != "site_key_made_here"
        ]  # an id
        for path in [*secret, kiosk.tls / "device.key"]:
            text = path.read_bytes()
            body = [line for line in text.splitlines() if b"-----" not in line and len(line) >= 24]
            found |= {f"{kiosk.name}: {path.name} {index}": line for index, line in enumerate(body)}
    found |= {
        f"office: {path.name}": path.read_bytes()[:40]
        for path in (premises.office.folder / "state/keys").iterdir()
    }
    vector = _template(premises, morning.person)
    found |= {
        "template's bytes": vector[:24],
        "template in hex": vector[:24].hex().encode(),
        "template in base64": base64.b64encode(vector[:24]),
        "template in base64url": base64.urlsafe_b64encode(vector[:24]),
    }
    return found


def _template(premises: Premises, person: str) -> bytes:
    """The first template of a person, as the gate's ledger has it; from a copy while the daemon runs on."""
    gate = premises.gate
    copy = gate.folder / "copy"
    copy.mkdir(mode=0o700)
    (copy / "ledger.db").touch(mode=0o600)
    with gate.client() as staff, (copy / "ledger.db").open("wb") as file:
        staff.copy_ledger(file.write)
    keyring = load_keyring(state=gate.state, environment={}, allow_environment=False)
    store = open_store(
        ledger_path(copy),
        keyring=keyring,
        clock=SystemClock(zone=ZoneInfo("UTC")),
        device=DeviceId(gate.name),
        site=SITE,
    )
    try:
        template = store.templates.get(store.templates.of_person(PersonId(person))[0][0])
        assert template is not None
        return bytes(template.vector.tobytes())
    finally:
        store.close()


SINKS = {
    "journal": b"punch_recorded",
    "mqtt": b"attendance.recorded",
    "sentry": b"RuntimeError",
    "metrics": b"clockface_",
    "support bundle": b"clockface.support-bundle.v1",
    "support bundle for the office": b"clockface.support.v1",
    "audit at the office": b"badge.issued",
    "crash reports at the office": b"RuntimeError",
    "temporary files": b"-",
}


@pytest.mark.parametrize("sink", SINKS)
def test_no_canary_comes_out(morning: Morning, sink: str) -> None:
    content = morning.sinks[sink]
    assert SINKS[sink] in content, "nothing came out at all, so nothing was shown"
    leaked = [what for what, spelt in morning.canaries.items() if spelt in content]
    assert not leaked, leaked
    assert len(morning.canaries) > 12


@pytest.mark.parametrize("sink", ["journal", "sentry", "metrics", "support bundle", "temporary files"])
def test_nor_does_a_persons_id_where_nobody_needs_it(morning: Morning, sink: str) -> None:
    assert morning.person.encode() not in morning.sinks[sink]


def test_every_process_told_of_its_bug_and_the_office_of_edges(morning: Morning) -> None:
    assert morning.reported == {"edge", "sync", "office", "signer"}
    assert any("RuntimeError" in body for body in morning.crashes_at_office)


def test_a_daemon_that_dies_of_a_segmentation_fault_leaves_no_core(morning: Morning) -> None:
    assert morning.core_limit.split()[4:6] == ["0", "0"]
    assert morning.cores == []


def test_no_temporary_file_is_left(morning: Morning) -> None:
    assert morning.left == []
