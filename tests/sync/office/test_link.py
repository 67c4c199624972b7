"""The receiver's connection takes a new certificate without a restart, and holds on while a file is broken."""

import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sync.connection import BrokerConfig, TlsFiles
from sync.office.authority.identity import OfficeIdentity
from sync.office.link import Arrival, Link
from sync.wire.topics import Address, Channel
from tests.sync.mosquitto import Credentials, Mosquitto
from tests.sync.mqtt import Client, await_until

ADDRESS = Address("mill", "gate")
TOPIC = ADDRESS.topic(Channel.EVENTS)


def install(credentials: Credentials, folder: Path) -> None:
    """As an administrator does it: each file beside its old one, and then in its place."""
    for source, name in (
        (credentials.key, "office.key"),
        (credentials.certificate, "office.crt"),
        (credentials.authority, "ca.crt"),
    ):
        shutil.copy2(source, folder / f"{name}.new")
        (folder / f"{name}.new").replace(folder / name)


@pytest.fixture
def folder(tmp_path: Path, broker: Mosquitto) -> Path:
    install(broker.office("receiver"), tmp_path)
    return tmp_path


@pytest.fixture
def link(folder: Path, broker: Mosquitto) -> Iterator[Link]:
    made = Link(
        config=BrokerConfig(addresses=(f"localhost:{broker.port}",), backoff_max_s=1.0),
        files=TlsFiles(
            key=folder / "office.key", certificate=folder / "office.crt", authorities=folder / "ca.crt"
        ),
        topics=(TOPIC,),
    )
    made.start()
    await_until(lambda: made.connected, what="the first connection")
    yield made
    made.close()


def receives(link: Link, broker: Mosquitto, payload: bytes) -> Arrival:
    with Client(broker, broker.credentials(ADDRESS.site, ADDRESS.device)) as device:
        device.publish(TOPIC, payload)
        return link.inbox.get(timeout=20)


def shown(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[int]]:
    """The sizes of the certificates with which connections were opened."""
    seen: list[int] = []
    opened: Any = Link._make_client

    def noted(self: Link) -> Any:
        seen.append(len(self._files.certificate.read_bytes()))
        return opened(self)

    monkeypatch.setattr(Link, "_make_client", noted)
    return lambda: seen


def test_another_certificate_is_taken_without_a_restart(
    link: Link, folder: Path, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = shown(monkeypatch)
    identity = OfficeIdentity("receiver")
    install(broker.authority.credentials_of(identity, label="next", valid_for=timedelta(days=9)), folder)
    await_until(lambda: bool(opened()) and link.connected, what="a connection with the new one")
    arrival = receives(link, broker, b"after")
    assert arrival.payload == b"after"
    link.acknowledge(arrival)


@pytest.mark.parametrize("name", ["office.crt", "office.key", "ca.crt"])
def test_a_broken_file_ends_nothing_and_the_whole_one_is_taken(
    link: Link, folder: Path, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    opened, looked = shown(monkeypatch), threading.Event()
    usable = Link._usable

    def looking(self: Link) -> bool:
        found = usable(self)
        looked.set()
        return found

    monkeypatch.setattr(Link, "_usable", looking)
    (folder / name).unlink()
    (folder / name).write_text("-----BEGIN CERTIFICATE-----\nnonsense\n")
    (folder / name).chmod(0o600)
    assert looked.wait(20)
    assert link.connected
    arrival = receives(link, broker, b"meanwhile")
    assert arrival.payload == b"meanwhile"
    link.acknowledge(arrival)
    assert opened() == []
    install(broker.office("receiver"), folder)
    await_until(lambda: bool(opened()) and link.connected, what="the connection with the whole one")
    assert receives(link, broker, b"whole").payload == b"whole"
