"""The whole way of a template and of an erasure: kiosk, broker, receiver, signer, receiver, broker, kiosk."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select

from sync.office.config.office import RetentionSection
from sync.office.database import Database, schema
from sync.office.retention import Retention
from sync.office.signer import Signer
from sync.office.signing import Rounds
from sync.wire.canonical import encode
from sync.wire.documents import sign_document
from sync.wire.parcels import PersonParcel
from sync.wire.sealing import seal, to_text
from sync.wire.topics import Channel
from tests.sync.mosquitto import Mosquitto
from tests.sync.mqtt import WAIT_S, Client, await_until
from tests.sync.office.device import Device
from tests.sync.office.people import ANN, AT, details, registered, template_parcel
from tests.sync.office.running import SEALING, running_receiver

KEY = Ed25519PrivateKey.generate()


@contextmanager
def connected(broker: Mosquitto, device: Device) -> Iterator[Client]:
    """A device that takes every roster document which the broker brings, and sends its results."""
    address = device.address
    with Client(broker, broker.credentials(address.site, address.device)) as client:
        client.subscribe(address.topic(Channel.ROSTER))
        stop = threading.Event()

        def work() -> None:
            while not stop.is_set():
                if client.messages.empty():
                    stop.wait(0.02)
                    continue
                result = device.take(client.messages.get().payload)
                client.paho.publish(address.topic(Channel.RESULTS), result, qos=1)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield client
        finally:
            stop.set()
            thread.join(WAIT_S)


@contextmanager
def signing(database: Database) -> Iterator[None]:
    """The signer's rounds, as its process makes them."""
    rounds = Rounds(
        database,
        signer=Signer(database, key=KEY, by="signer"),
        key=KEY,
        clock=lambda: datetime.now(UTC),
        receipts_after_us=10**12,
        retention=RetentionSection(),
        attendance=Retention(database, RetentionSection(), key=KEY, by="signer"),
    )
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.05):
            rounds.go()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(WAIT_S)


def _person(device: Device) -> bytes:
    site, name = device.address.site, device.address.device
    blank = PersonParcel(site=site, device=name, id="1" * 32, at=AT, person=ANN, sealed="")
    sealed = seal(encode(details()), to=SEALING.public_key(), info=blank.info)
    return sign_document(blank.model_copy(update={"sealed": to_text(sealed)}), key=device.key)


def test_a_template_enrolled_at_one_kiosk_reaches_the_other_and_an_erasure_is_confirmed_by_both(
    broker: Mosquitto, office_database: Database
) -> None:
    gate, dock = (Device(device=name, operator=KEY.public_key()) for name in ("gate", "dock"))
    known = registered(office_database, gate, dock)
    sealed = to_text(b"under a site key that the office never has")
    template = sign_document(template_parcel(known[0], ANN, "2" * 32, sealed=sealed), key=gate.key)
    with (
        running_receiver(broker, office_database),
        signing(office_database),
        connected(broker, gate) as at_gate,
        connected(broker, dock),
    ):
        for raw in (_person(gate), template):
            at_gate.publish(gate.address.topic(Channel.PARCELS), raw)
        await_until(lambda: dock.templates.get(ANN) == {"2" * 32: sealed}, what="the template at the dock")
        assert dock.people[ANN] == details()

        gate.begin()
        at_gate.publish(gate.address.topic(Channel.EVENTS), gate.sent[-1])
        at_gate.publish(
            gate.address.topic(Channel.EVENTS),
            gate.sign_event(gate.change(ANN, "removed", at=datetime.now(UTC))),
        )

        def receipts() -> int:
            with office_database.read() as connection:
                return int(
                    connection.execute(select(func.count()).select_from(schema.removal_receipts)).scalar_one()
                )

        await_until(lambda: receipts() == 2, what="two receipts")
    assert ANN not in dock.people
    assert dock.templates[ANN] == {}
    with office_database.read() as connection:
        person = connection.execute(select(schema.people)).one()
        assert (person.name, person.employee_number) == (None, None)
        assert connection.execute(select(schema.sealed_templates.c.sealed)).scalar_one() is None
