"""`clockface-office` as processes: init, device add, run; killed at any time, nothing is lost or twice."""

import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import func, select

from sync.office.authority.certificates import build_leaf, new_key, new_request, pem
from sync.office.authority.identity import DeviceIdentity
from sync.office.database import SQLiteSettings, open_database, schema
from sync.office.keys import read_signing_key
from sync.office.registration import to_text
from sync.wire.canonical import WireError
from sync.wire.documents import open_document, sign_document
from sync.wire.envelope import signing_key_id
from sync.wire.fields import format_time
from sync.wire.office import Ack
from sync.wire.provisioning import Bundle, DeviceRequest
from sync.wire.topics import Channel
from tests.sync.mosquitto import Credentials, Mosquitto
from tests.sync.mqtt import Client, await_until
from tests.sync.office.kiosk import START, Kiosk

ROOT = Path(__file__).parents[3]
E1 = "000001-00000000000000aa"


class OfficeHome:
    """An office's folders and configuration."""

    def __init__(self, folder: Path, broker: Mosquitto) -> None:
        self.folder = folder
        self.broker = broker
        self.database = folder / "state" / "office.db"
        self.operator_key = folder / "operator" / "operator_key"
        tls = folder / "tls"
        tls.mkdir()
        own = broker.office("receiver")
        for name, source in (
            ("office.key", own.key),
            ("office.crt", own.certificate),
            ("ca.crt", own.authority),
        ):
            (tls / name).touch(mode=0o600)
            (tls / name).write_bytes(source.read_bytes())
        self.environment = {
            "PATH": os.environ["PATH"],
            "CLOCKFACE_OFFICE_DATABASE__PATH": str(self.database),
            "CLOCKFACE_OFFICE_PATHS__STATE": str(folder / "state"),
            "CLOCKFACE_OFFICE_PATHS__TLS": str(tls),
            "CLOCKFACE_OFFICE_PATHS__OPERATOR_KEY": str(self.operator_key),
            "CLOCKFACE_OFFICE_BROKER__ADDRESSES": json.dumps([f"localhost:{broker.port}"]),
            "CLOCKFACE_OFFICE_BROKER__BACKOFF_MAX_S": "1",
            "CLOCKFACE_OFFICE_METRICS__PORT": str(free_port()),
            "CLOCKFACE_OFFICE_RECEIVER__BATCH_WAIT_MS": "5",
        }

    def ran(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "sync.office", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self) -> "subprocess.Popen[bytes]":
        theirs = "CLOCKFACE_OFFICE_PATHS__OPERATOR_KEY"  # the receiver's configuration names it nowhere
        environment = {name: value for name, value in self.environment.items() if name != theirs}
        with (self.folder / "receiver.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "sync.office", "run"],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def metrics(self) -> str:
        return f"http://127.0.0.1:{self.environment['CLOCKFACE_OFFICE_METRICS__PORT']}"

    def seqs(self) -> list[int]:
        database = open_database(SQLiteSettings(self.database, busy_timeout_s=10))
        try:
            with database.read() as connection:
                return [row.seq for row in connection.execute(select(schema.events.c.seq))]
        finally:
            database.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def home(tmp_path: Path, broker: Mosquitto) -> OfficeHome:
    made = OfficeHome(tmp_path, broker)
    done = made.ran("init")
    assert done.returncode == 0, done.stderr
    return made


@contextmanager
def running(home: OfficeHome) -> Iterator["subprocess.Popen[bytes]"]:
    process = home.start()
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def ask(kiosk: Kiosk, tls_key: ec.EllipticCurvePrivateKey) -> DeviceRequest:
    return DeviceRequest(
        site=kiosk.address.site,
        device=kiosk.address.device,
        id="12" * 16,
        signing_key=to_text(kiosk.key.public_key()),
        sealing_key=to_text(X25519PrivateKey.generate().public_key()),
        certificate_request=new_request(
            tls_key, DeviceIdentity(kiosk.address.site, kiosk.address.device)
        ).decode(),
        software="0.1.0",
        at=format_time(START),
    )


def added(home: OfficeHome, kiosk: Kiosk) -> Credentials:
    """`device add` with a certificate of the test's authority; returns the kiosk's TLS files."""
    key = new_key()
    asked = ask(kiosk, key)
    authority = home.broker.authority
    certificate = build_leaf(
        authority=authority.certificate,
        authority_key=authority.key,
        public_key=key.public_key(),
        identity=DeviceIdentity(kiosk.address.site, kiosk.address.device),
        now=datetime.now(UTC),
        valid_for=timedelta(days=2),
    )
    request, chain, out = home.folder / "request", home.folder / "device.crt", home.folder / "bundle"
    request.write_bytes(sign_document(asked, key=kiosk.key) + b"\n")
    chain.write_bytes(pem(certificate))
    done = home.ran(
        "device",
        "add",
        str(request),
        "--out",
        str(out),
        "--certificate",
        str(chain),
        "--fingerprint",
        kiosk.key_id,
    )
    assert done.returncode == 0, done.stderr
    operator = read_signing_key(home.operator_key).public_key()
    bundle = open_document(
        Bundle, out.read_bytes().strip(), keys={signing_key_id(operator): operator}, address=kiosk.address
    )
    assert bundle.answers == asked.id
    return authority.write(f"added-{time.monotonic_ns()}", key, certificate)


def wait_acknowledged(client: Client, kiosk: Kiosk) -> None:
    while True:
        with contextlib.suppress(WireError):
            payload = json.loads(client.receive().payload)["payload"]
            document = json.loads(base64.b64decode(payload))
            if document["kind"] == Ack.model_fields["kind"].default and document.get("committed") == (
                kiosk.point.model_dump()
            ):
                return


def wait_ready(home: OfficeHome) -> None:
    def ready() -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{home.metrics}/health").status_code == 200
        return False

    await_until(ready, what="the receiver is ready")


def test_init_is_safe_to_repeat_and_keeps_every_key(home: OfficeHome) -> None:
    before = home.operator_key.read_bytes()
    done = home.ran("init")
    assert done.returncode == 0
    assert "already; it was kept" in done.stdout
    assert home.operator_key.read_bytes() == before
    for key in (home.folder / "state" / "keys").iterdir():
        assert key.stat().st_mode & 0o777 == 0o400


def test_a_request_of_another_kiosk_is_not_added(home: OfficeHome) -> None:
    kiosk = Kiosk()
    request = home.folder / "request"
    request.write_bytes(sign_document(ask(kiosk, new_key()), key=Kiosk().key))
    done = home.ran("device", "add", str(request), "--out", str(home.folder / "b"), "--fingerprint", "0" * 32)
    assert done.returncode == 138
    request.write_bytes(sign_document(ask(kiosk, new_key()), key=kiosk.key))
    done = home.ran("device", "add", str(request), "--out", str(home.folder / "b"), "--fingerprint", "0" * 32)
    assert (done.returncode, "fingerprints differ" in done.stderr) == (138, True)
    assert not (home.folder / "b").exists()


def test_killed_again_and_again_the_office_has_every_event_once(home: OfficeHome) -> None:
    kiosk = Kiosk()
    credentials = added(home, kiosk)
    with Client(home.broker, credentials, session_s=600) as client:
        client.subscribe(kiosk.address.topic(Channel.ACK))
        process = home.start()
        wait_ready(home)  # from now on the broker keeps a session for it
        client.publish(kiosk.address.topic(Channel.EVENTS), kiosk.begin(E1))
        wait_acknowledged(client, kiosk)
        for _ in range(4):
            for raw in kiosk.records(40):
                client.publish(kiosk.address.topic(Channel.EVENTS), raw)
            process.kill()  # somewhere between two commits and their acknowledgements
            process.wait()
            process = home.start()
        process.kill()
        process.wait()
        with running(home):
            client.publish(kiosk.address.topic(Channel.EVENTS), kiosk.record())
            wait_acknowledged(client, kiosk)
            wait_ready(home)
            assert httpx.get(f"{home.metrics}/health").json() == {
                "well": True,
                "broker": True,
                "database": True,
            }
            assert "clockface_office_events_total" in httpx.get(f"{home.metrics}/metrics").text
    assert sorted(home.seqs()) == list(range(1, kiosk.seq + 1))


def test_device_list_and_revoke(home: OfficeHome) -> None:
    kiosk = Kiosk()
    added(home, kiosk)
    [found] = json.loads(home.ran("device", "list", "--json").stdout)
    assert (found["site"], found["device"], found["state"]) == ("mill", "gate", "active")
    done = home.ran(
        "device",
        "revoke",
        "mill/gate",
        "--reason",
        "lost",
        "--last-trusted",
        f"{E1}/7",
        "--authority",
        str(home.folder / "no-ca"),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(home.ran("device", "show", "mill/gate", "--json").stdout)["state"] == "revoked"
    database = open_database(SQLiteSettings(home.database))
    with database.read() as connection:
        actions = [row.action for row in connection.execute(select(schema.audit.c.action))]
        assert connection.execute(select(func.count()).select_from(schema.devices)).scalar_one() == 1
    database.close()
    assert actions[-2:] == ["device.added", "device.revoked"]


def test_the_receiver_does_not_start_where_it_can_read_the_operators_key(home: OfficeHome) -> None:
    done = home.ran("run")
    assert done.returncode == 139
    assert "the receiver can read the operator's key" in done.stderr
    assert str(home.operator_key) in done.stderr
