"""What the real writers publish is read by a subscriber that knows the published documents alone."""

import ast
import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.api.protocol.courier import EnvelopeView
from edge.store.store import Store
from sync.cutting import batches
from sync.wire.canonical import encode
from sync.wire.commands import Command, Identify
from sync.wire.documents import sign_document
from sync.wire.envelope import public_bytes
from sync.wire.fields import EventPoint
from sync.wire.health import TelemetryMessage
from sync.wire.office import Ack
from sync.wire.topics import Address, Channel
from tests.edge.store.given import KIOSK, SITE, Premises, badge_punch, enrolled, keyring, punch
from tests.fakes import ManualClock
from tests.sync import subscriber
from tests.sync.mosquitto import Mosquitto
from tests.sync.mqtt import Client
from tests.sync.subscriber import Subscriber, Unbelieved, follow_chain, open_envelope, schema_of, topic_of
from tests.sync.wire.goldens import COURIER, ID, LATER, NOW, TELEMETRY, signing_key

needs_programs = pytest.mark.skipif(
    shutil.which("mosquitto_sub") is None or shutil.which("openssl") is None,
    reason="mosquitto_sub (Debian: mosquitto-clients) or openssl is not installed",
)
pytestmark = needs_programs
HERE = Address(SITE, KIOSK)
ONLINE = Ed25519PrivateKey.generate()


@pytest.fixture
def premises(tmp_path: Path) -> Premises:
    return Premises(tmp_path / "ledger.db", keyring(), ManualClock())


@pytest.fixture
def store(premises: Premises) -> Iterator[Store]:
    """A ledger with its epoch's beginning and three punches."""
    opened = premises.create()
    person = enrolled(opened)
    for _ in range(2):
        opened.events.record(punch(person, premises.clock.advance(60)))
    opened.events.record(badge_punch(person, premises.clock.advance(60)))
    yield opened
    opened.close()


def publish(broker: Mosquitto, *, channel: Channel, payload: bytes) -> None:
    """As the device or the office, with its own certificate."""
    up = channel in (Channel.EVENTS, Channel.TELEMETRY)
    who = broker.credentials(SITE, KIOSK) if up else broker.office()
    with Client(broker, who, clean_start=True) as client:
        assert client.publish(HERE.topic(channel), payload) == "Success"


def heard(broker: Mosquitto, *, channel: Channel, payload: bytes) -> str:
    """Subscribe, let it be published, and read."""
    up = channel in (Channel.EVENTS, Channel.TELEMETRY)
    listener = broker.office("receiver-2") if up else broker.credentials(SITE, KIOSK)
    topic = topic_of(channel.value, site=SITE, device=KIOSK)
    reader = Subscriber(host=broker.host, port=broker.port, folder=listener.folder, topic=topic)
    publish(broker, channel=channel, payload=payload)
    message = reader.message()
    assert (message["topic"], message["qos"], message["retain"]) == (topic, 1, 0)
    text: str = message["payload"]
    return text


def test_the_subscriber_imports_nothing_of_ours() -> None:
    tree = ast.parse(Path(subscriber.__file__).read_text())
    names = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert names == {"base64", "hashlib", "json", "jsonschema", "pathlib", "subprocess", "typing", "yaml"}


def test_it_reads_a_batch_of_events_and_follows_their_chain(
    shared_broker: Mosquitto, store: Store, premises: Premises, tmp_path: Path
) -> None:
    signed = store.events.envelopes_after(None, limit=10)
    views = tuple(
        EnvelopeView(epoch=each.id.epoch, seq=each.id.seq, hash=each.id.hash, envelope=each.envelope.decode())
        for each in signed
    )
    [(_, batch)] = batches(views, most=100, most_bytes=100_000)
    text = heard(shared_broker, channel=Channel.EVENTS, payload=batch)
    key = premises.keys.signing.public
    read = [open_envelope(line, channel="events", key=key, folder=tmp_path) for line in text.split("\n")]
    assert follow_chain([payload for payload, _ in read]) == [1, 2, 3, 4]
    begun = read[0][1]
    assert begun["type"] == "clockface.epoch.begun.v1"
    assert base64.urlsafe_b64decode(begun["data"]["public_key"] + "=") == key
    assert [document["data"]["method"] for _, document in read[1:]] == ["face", "face", "badge"]
    with pytest.raises(Unbelieved, match="hang"):
        follow_chain([read[0][0], read[2][0]])
    with pytest.raises(Unbelieved, match="signature"):
        open_envelope(text.split("\n")[0], channel="events", key=bytes(32), folder=tmp_path)


def test_it_reads_telemetry_and_the_devices_signature_in_it(shared_broker: Mosquitto, tmp_path: Path) -> None:
    signed = sign_document(TELEMETRY, key=signing_key("device")).decode()
    payload = encode(TelemetryMessage(edge=signed, courier=COURIER))
    message = json.loads(heard(shared_broker, channel=Channel.TELEMETRY, payload=payload))
    schema_of("telemetry-message.v1").validate(message)
    key = public_bytes(signing_key("device").public_key())
    _, document = open_envelope(message["edge"], channel="telemetry", key=key, folder=tmp_path)
    assert document["pending"] == TELEMETRY.pending


def test_it_reads_an_ack_and_takes_no_other_key_for_the_offices(
    shared_broker: Mosquitto, store: Store, tmp_path: Path
) -> None:
    head = store.events.head()
    assert head is not None
    committed = EventPoint(epoch=head.epoch, seq=head.seq, hash=head.hash)
    ack = Ack(site=SITE, device=KIOSK, committed=committed, issued=NOW)
    text = heard(shared_broker, channel=Channel.ACK, payload=sign_document(ack, key=ONLINE))
    _, document = open_envelope(text, channel="ack", key=public_bytes(ONLINE.public_key()), folder=tmp_path)
    assert document["committed"] == committed.model_dump()
    with pytest.raises(Unbelieved, match="signature"):
        open_envelope(text, channel="ack", key=bytes(range(32)), folder=tmp_path)


def test_it_believes_no_document_on_another_channel_than_its_own(tmp_path: Path) -> None:
    command = Command(
        site=SITE, device=KIOSK, id=ID, number=1, issued=NOW, expires=LATER, order=Identify(seconds=5)
    )
    text = sign_document(command, key=ONLINE).decode()
    key = public_bytes(ONLINE.public_key())
    assert open_envelope(text, channel="commands", key=key, folder=tmp_path)[1]["number"] == 1
    with pytest.raises(Unbelieved, match="channel"):
        open_envelope(text, channel="ack", key=key, folder=tmp_path)
