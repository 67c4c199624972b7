"""The receiver's connection to the broker: MQTT 5 over mutual TLS, every message acknowledged by hand.

A message is acknowledged to the broker only after the database has committed it; until then the broker keeps
it. Each connection is a new client, so that an acknowledgement can never meet a message of a later one. Trust
boundary: the broker is verified by certificate and name; what it delivers is anybody's until it is verified.
"""

import queue
import random
import ssl
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import paho.mqtt.client as paho
import structlog
from cryptography import x509
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from clockface.errors import SecretError
from clockface.secretfiles import read_secret
from sync.connection import BrokerConfig, Endpoint, TlsFiles
from sync.office.authority.errors import AuthorityError
from sync.office.authority.identity import OfficeIdentity, identity_of
from sync.office.errors import OfficeCertificateInvalid

RECEIVE_MAXIMUM: Final = 100  # messages without our PUBACK; 20 to 100 are as fast as any, 1,000 are slower
MAX_PACKET_BYTES: Final = 512 * 1024
MAX_UNASSURED: Final = 1000  # QoS 0 messages that lie here; a sender that asks for no assurance has none
SETTLED_S: Final = 30.0
WATCH_S: Final = 1.0
MAX_PEM_BYTES: Final = 256 * 1024

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message from the broker, not yet acknowledged to it."""

    topic: str
    payload: bytes
    mid: int = 0
    qos: int = 1
    client: Any = None


class Link:
    """Keeps a connection; what arrives goes into `inbox`. Threads: one of its own, and paho's.

    Args:
        config: Addresses, keepalive, session.
        files: Our key and certificate, and the authorities that we believe.
        topics: What to subscribe to.
    """

    def __init__(self, *, config: BrokerConfig, files: TlsFiles, topics: tuple[str, ...]) -> None:
        self.inbox: queue.Queue[Arrival] = queue.Queue()
        self.reconnects = 0
        self._config = config
        self._files = files
        self._topics = topics
        self._client_id = client_id_of(files.certificate)
        self._stop = threading.Event()
        self._client: paho.Client | None = None
        self._subscribed = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="broker", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether the broker has granted our subscriptions and the connection stands."""
        return self._subscribed.is_set()

    def start(self) -> None:
        """Begin to connect."""
        make_context(self._files)  # a wrong file is said at once, not in a loop
        self._thread.start()

    def close(self) -> None:
        """Say goodbye and end. The broker keeps the session."""
        self._stop.set()
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(timeout=15)

    def publish(self, topic: str, payload: bytes, *, correlation: bytes | None = None) -> bool:
        """Hand a message to the broker with QoS 1. False without a connection: the caller sends it again."""
        client = self._client
        if client is None or not self.connected:
            return False
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if correlation is not None:
            properties.CorrelationData = correlation
        sent = client.publish(topic, payload, qos=1, properties=properties)
        return sent.rc == paho.MQTT_ERR_SUCCESS

    def acknowledge(self, arrival: Arrival) -> None:
        """Tell the broker that it need not keep this message."""
        client = self._client
        if client is not None and arrival.client is client and arrival.qos > 0:
            client.ack(arrival.mid, arrival.qos)

    def _keep(self) -> None:
        failures = 0
        while not self._stop.is_set():
            for endpoint in self._config.endpoints:
                began = time.monotonic()
                good = self._live(endpoint)
                if self._stop.is_set():
                    return
                if good and time.monotonic() - began > SETTLED_S:
                    failures = 0
            failures += 1
            self.reconnects += 1
            bound = min(self._config.backoff_max_s, 2.0 ** min(failures - 1, 16))
            self._stop.wait(random.random() * bound)  # noqa: S311 - spreads reconnects, keeps no secret

    def _live(self, endpoint: Endpoint) -> bool:
        """One connection from its beginning to its end. Returns whether it came about."""
        self._ended.clear()
        was_connected = False
        try:
            client = self._make_client()
            self._client = client
            client.connect(
                endpoint.host,
                endpoint.port,
                keepalive=self._config.keepalive_s,
                clean_start=False,
                properties=self._connect_properties(),
            )
            client.loop_start()
        except (OSError, ValueError, OfficeCertificateInvalid) as error:
            log.warning("broker_unreachable", error=error)
            self._client = None
            return False
        try:
            was_connected = self._watch()
            client.disconnect()
        finally:
            self._subscribed.clear()
            self._client = None
            client.loop_stop()
        if not self._stop.is_set():
            log.warning("broker_connection_ended")
        return was_connected

    def _watch(self) -> bool:
        """Until the connection ends, we do, or our files change."""
        stamp, began = _stamp(self._files), time.monotonic()
        seen = False
        while not self._ended.wait(WATCH_S):
            seen = seen or self.connected
            if not seen and time.monotonic() - began > self._config.connect_timeout_s:
                log.warning("broker_timed_out")
                break
            if (changed := _stamp(self._files)) != stamp:
                stamp = changed
                if self._usable():
                    log.info("certificates_changed")
                    break
        return seen or self.connected

    def _usable(self) -> bool:
        """Whether our files hold: the present connection is better than none for a file half written."""
        try:
            make_context(self._files)
            client_id_of(self._files.certificate)
        except (OfficeCertificateInvalid, SecretError) as error:
            log.warning("certificates_unusable", error=error)
            return False
        return True

    def _make_client(self) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            protocol=paho.MQTTv5,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.tls_set_context(make_context(self._files))
        client.connect_timeout = self._config.connect_timeout_s
        client.max_inflight_messages_set(0)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _connect_properties(self) -> Properties:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = min(self._config.session_expiry_s, 0xFFFFFFFF)
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        properties.MaximumPacketSize = MAX_PACKET_BYTES
        return properties

    def _on_connect(self, client: Any, _u: Any, _flags: Any, reason: Any, _p: Any) -> None:
        if reason.is_failure:
            log.warning("broker_refused", status=reason.value)
            self._ended.set()
            return
        client.subscribe([(topic, 1) for topic in self._topics])

    def _on_subscribe(self, _c: Any, _u: Any, _mid: int, reasons: list[Any], _p: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            log.error("subscription_refused", status=max(reason.value for reason in reasons))
            self._ended.set()
            return
        log.info("broker_connected")
        self._subscribed.set()

    def _on_disconnect(self, client: Any, _u: Any, _flags: Any, _reason: Any, _p: Any) -> None:
        if client is self._client:
            self._subscribed.clear()
            self._ended.set()

    def _on_message(self, client: Any, _u: Any, message: paho.MQTTMessage) -> None:
        if message.qos == 0 and self.inbox.qsize() > MAX_UNASSURED:
            return
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        self.inbox.put(Arrival(topic, bytes(message.payload), message.mid, message.qos, client))


def client_id_of(certificate: Path) -> str:
    """The common name of our certificate; the broker takes it for user and client id.

    Raises:
        OfficeCertificateInvalid: Missing, unreadable, or not an office process'.
    """
    try:
        with certificate.open("rb") as file:
            identity = identity_of(x509.load_pem_x509_certificate(file.read(MAX_PEM_BYTES)))
    except OSError as error:
        raise _invalid(f"our certificate cannot be read: {error.strerror}", certificate) from None
    except (ValueError, AuthorityError):
        raise _invalid("our certificate is not one of an office process", certificate) from None
    if not isinstance(identity, OfficeIdentity):
        raise _invalid("our certificate is a device's", certificate)
    return identity.common_name


def make_context(files: TlsFiles) -> ssl.SSLContext:
    """TLS 1.2 or later, the broker's chain and host name verified; there is no other way.

    Raises:
        OfficeCertificateInvalid: Files are missing or do not fit together.
        SecretError: The key is missing or open to others.
    """
    read_secret(files.key, made_by="clockface-office ca issue office receiver")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    try:
        context.load_verify_locations(cafile=str(files.authorities))
        context.load_cert_chain(files.certificate, files.key)
    except OSError as error:  # ssl.SSLError too
        what = "key, certificate or authorities are not accepted"
        raise _invalid(
            f"{what}: {getattr(error, 'reason', None) or error.strerror}", files.certificate
        ) from None
    return context


def _invalid(what: str, where: Path) -> OfficeCertificateInvalid:
    return OfficeCertificateInvalid(
        what, where=str(where), next_step="clockface-office ca issue office receiver"
    )


def _stamp(files: TlsFiles) -> tuple[tuple[int, int] | None, ...]:
    found: list[tuple[int, int] | None] = []
    for path in (files.key, files.certificate, files.authorities):
        try:
            status = path.stat()
        except OSError:
            found.append(None)
        else:
            found.append((status.st_ino, status.st_mtime_ns))
    return tuple(found)
