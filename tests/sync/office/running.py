"""A receiver in a thread, on a real broker and a real database, and a device's bare client."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from sync.connection import BrokerConfig, TlsFiles
from sync.office.database import Database
from sync.office.ingest import Limits
from sync.office.intake import Intake
from sync.office.link import Link
from sync.office.metrics import Metrics
from sync.office.receiver import Receiver, ReceiverSettings, subscriptions
from sync.office.renewed import Authorities, Online
from sync.wire import envelope
from sync.wire.documents import open_document, type_of
from sync.wire.office import Ack, ParcelReceipt, Refusal
from sync.wire.topics import Channel
from tests.sync.mosquitto import Credentials, Mosquitto
from tests.sync.mqtt import WAIT_S, Client, await_until
from tests.sync.office.kiosk import Kiosk

ONLINE = Ed25519PrivateKey.generate()
SEALING = X25519PrivateKey.generate()
ONLINE_KEYS = {envelope.signing_key_id(ONLINE.public_key()): ONLINE.public_key()}
_KINDS = {kind.payload_type: kind for kind in (Ack, Refusal, ParcelReceipt)}
FAST = ReceiverSettings(batch_wait_s=0.01, ack_interval_s=0.0, resend_after_s=0.2)


def link_to(broker: Mosquitto, credentials: Credentials, *, group: str = "") -> Link:
    """The product's own connection to a test's broker."""
    config = BrokerConfig(addresses=(f"localhost:{broker.port}",), backoff_max_s=1.0)
    files = TlsFiles(
        key=credentials.key, certificate=credentials.certificate, authorities=credentials.authority
    )
    return Link(config=config, files=files, topics=subscriptions(group))


@contextmanager
def running_receiver(
    broker: Mosquitto,
    database: Database,
    *,
    name: str = "receiver",
    group: str = "",
    settings: ReceiverSettings = FAST,
    **changes: Any,
) -> Iterator[Receiver]:
    """A receiver that takes what comes until the block ends."""
    link = link_to(broker, broker.office(name), group=group)
    intake = Intake(database, sealing=SEALING, limits=Limits())
    receiver = Receiver(
        database=database,
        broker=link,
        intake=intake,
        online=Online(ONLINE, Authorities.read(broker.authority.file)),
        settings=replace(settings, **changes),
        metrics=Metrics(),
        clock=lambda: datetime.now(UTC),
        monotonic=time.monotonic,
    )
    stop = threading.Event()
    thread = threading.Thread(target=receiver.run, args=(stop,))
    link.start()
    thread.start()
    try:
        # Before its first subscription the broker has no session in which to keep anything for it.
        await_until(lambda: link.connected, what="the receiver's subscription")
        yield receiver
    finally:
        stop.set()
        thread.join(WAIT_S)
        link.close()
        intake.close()
        assert not thread.is_alive(), "the receiver did not stop"


class Courier:
    """A device's side of the broker: sends what a kiosk signed, opens what the office signed."""

    def __init__(self, broker: Mosquitto, kiosk: Kiosk) -> None:
        self.kiosk = kiosk
        site, device = kiosk.address.site, kiosk.address.device
        self.client = Client(broker, broker.credentials(site, device))

    def __enter__(self) -> "Courier":
        self.client.__enter__()
        self.client.subscribe(self.kiosk.address.topic(Channel.ACK))
        return self

    def __exit__(self, *exc: object) -> None:
        self.client.__exit__(*exc)

    def send(self, *raws: bytes, channel: Channel = Channel.EVENTS) -> None:
        """One message of one line each."""
        self.client.publish(self.kiosk.address.topic(channel), b"\n".join(raws))

    def hear(self) -> Any:
        """The next document of the office, its signature checked."""
        raw = self.client.receive().payload
        return open_document(_KINDS[type_of(raw)], raw, keys=ONLINE_KEYS, address=self.kiosk.address)

    def hear_until(self, accept: Any) -> Any:
        """Documents until one is accepted, bounded."""
        deadline = time.monotonic() + WAIT_S
        while True:
            heard = self.hear()
            if accept(heard):
                return heard
            assert time.monotonic() < deadline, f"nothing acceptable came; last: {heard}"

    def acknowledged(self) -> Any:
        """Wait until the newest event is acknowledged."""
        return self.hear_until(lambda each: isinstance(each, Ack) and each.committed == self.kiosk.point)
