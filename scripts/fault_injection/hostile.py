"""Somebody who listens at the broker and has stolen a certificate: repeats, shuffles, forges.

Trust boundary: it holds what a thief of a kiosk's TLS key or of a receiver's certificate would hold, and no
signing key. Every forgery is noted, so that the judge knows what quarantine must hold.
"""

import base64
import hashlib
import json
import random
import secrets
import ssl
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paho.mqtt.enums import CallbackAPIVersion

from sync.wire import envelope
from sync.wire.documents import sign_document
from sync.wire.fields import EventPoint
from sync.wire.office import Ack
from sync.wire.topics import Address, Channel, filter_of
from tests.sync.mosquitto import HOST, Credentials

KEPT = 300  # messages of each device
PATIENCE_S = 5.0


class Eavesdropper:
    """Reads every message of events at the broker, as a second receiver may. A context manager.

    Attributes:
        lines: How many events it has seen, repeated ones too.
        forged: SHA-256 of every forgery; what is in here is not taken for a device's own.
    """

    def __init__(self, credentials: Credentials, port: int) -> None:
        self.lines = 0
        self.forged: set[bytes] = set()
        self._distinct: set[bytes] = set()
        self._heard: dict[str, deque[bytes]] = {}
        self._lock = threading.Lock()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="ear", protocol=paho.MQTTv5)
        self._client.tls_set_context(credentials.context())
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._connected
        self._client.on_message = self._arrived
        self._port = port

    def __enter__(self) -> "Eavesdropper":
        self._client.connect_async(HOST, self._port, keepalive=5)
        self._client.loop_start()
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def repeated(self) -> int:
        """Events that it has seen more than once."""
        with self._lock:
            return self.lines - len(self._distinct)

    def heard(self, address: Address) -> list[bytes]:
        """The last messages of a device."""
        with self._lock:
            return list(self._heard.get(address.topic(Channel.EVENTS), ()))

    def publish(self, topic: str, payload: bytes) -> bool:
        """As a receiver: onto a device's topics. False if the broker did not take it in time."""
        return _published(self._client, topic, [payload])

    @staticmethod
    def _connected(client: paho.Client, *_: Any) -> None:
        client.subscribe(filter_of(Channel.EVENTS), qos=1)

    def _arrived(self, _c: Any, _u: Any, message: paho.MQTTMessage) -> None:
        payload = bytes(message.payload)
        if hashlib.sha256(payload).digest() in self.forged:
            return
        marks = [hashlib.blake2b(line, digest_size=8).digest() for line in payload.split(b"\n")]
        with self._lock:
            self.lines += len(marks)
            self._distinct.update(marks)
            self._heard.setdefault(message.topic, deque(maxlen=KEPT)).append(payload)


def publish_as(tls: Path, port: int, topic: str, payloads: Sequence[bytes]) -> bool:
    """Publish with a kiosk's own certificate: its courier is thrown off, as MQTT demands."""
    context = ssl.create_default_context(cafile=str(tls / "ca.crt"))
    context.load_cert_chain(tls / "device.crt", tls / "device.key")
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="thief", protocol=paho.MQTTv5)
    client.tls_set_context(context)
    client.reconnect_delay_set(1, 1)
    ready = threading.Event()
    client.on_connect = lambda *_: ready.set()
    try:
        client.connect(HOST, port, keepalive=5)
    except OSError:
        return False
    client.loop_start()
    try:
        return ready.wait(PATIENCE_S) and _published(client, topic, payloads)
    finally:
        client.disconnect()
        client.loop_stop()


def _published(client: paho.Client, topic: str, payloads: Iterable[bytes]) -> bool:
    try:
        sent = [client.publish(topic, payload, qos=1) for payload in payloads]
        for each in sent:
            each.wait_for_publish(PATIENCE_S)
        return all(each.is_published() for each in sent)
    except (RuntimeError, ValueError):
        return False


def shuffled(heard: Sequence[bytes], draw: random.Random) -> list[bytes]:
    """Messages again, some twice, in another order."""
    chosen = draw.sample(list(heard), min(len(heard), draw.randint(5, 40)))
    chosen += draw.sample(chosen, len(chosen) // 3)
    draw.shuffle(chosen)
    return chosen


def forgeries(genuine: bytes, draw: random.Random) -> list[bytes]:
    """Messages that no device made: each differs from every other, ever."""
    event = envelope.decode(genuine.split(b"\n")[0])
    stranger = Ed25519PrivateKey.generate()
    payload = json.loads(event.payload)
    payload["data"] = payload["data"] | {"clock": payload["data"]["clock"] | {"boot": secrets.token_hex(16)}}
    altered = json.dumps(payload, separators=(",", ":"), sort_keys=True).encode()
    keyid, sig = event.signatures[0].keyid, event.signatures[0].sig
    damaged = bytes([sig[0] ^ 1, *sig[1:8], *secrets.token_bytes(8), *sig[16:]])
    made = [
        envelope.encode(envelope.sign(altered, key=stranger)),
        _signed(altered, keyid, sig),
        _signed(event.payload, keyid, damaged),
        b'{"payload":"' + base64.b64encode(secrets.token_bytes(40)) + b'"}',
        secrets.token_bytes(64).replace(b"\n", b" "),
    ]
    return draw.sample(made, draw.randint(1, len(made)))


def _signed(payload: bytes, keyid: str, sig: bytes) -> bytes:
    signature = envelope.Signature(keyid, sig)
    return envelope.encode(envelope.Envelope(payload, envelope.EVENT_TYPE, (signature,)))


def forged_ack(address: Address, committed: EventPoint, *, issued: str) -> bytes:
    """An acknowledgement that the office never gave."""
    ack = Ack(site=address.site, device=address.device, committed=committed, resend=False, issued=issued)
    return sign_document(ack, key=Ed25519PrivateKey.generate())
