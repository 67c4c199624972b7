"""Who may come in at all: a real Mosquitto with the shipped configuration, asked with raw TLS."""

import contextlib
import dataclasses
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sync.office.authority.certificates import build_leaf, new_key, read_certificate
from sync.office.authority.identity import BrokerIdentity, DeviceIdentity
from sync.office.broker.configuration import write
from tests.sync.mosquitto import HOST, Credentials, Mosquitto, TestAuthority
from tests.sync.mqtt import Client, await_until

# CONNECT, MQTT 5, clean start, no client id.
CONNECT = b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00"
CONNACK_SUCCESS = b"\x20"


def knock(broker: Mosquitto, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> bytes:
    """The first bytes of the broker's answer to a CONNECT; raises what TLS raises."""
    with (
        socket.create_connection((HOST, broker.port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname=HOST, session=session) as wrapped,
    ):
        wrapped.sendall(CONNECT)
        return wrapped.recv(64)


def enters(broker: Mosquitto, context: ssl.SSLContext) -> bool:
    try:
        answer = knock(broker, context)
    except (ssl.SSLError, ConnectionError):
        return False
    return answer[:1] == CONNACK_SUCCESS and answer[3] == 0


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_device_enters_with_tls_1_2_and_1_3(shared_broker: Mosquitto, version: ssl.TLSVersion) -> None:
    context = shared_broker.credentials("plant-1", "door-1").context()
    context.minimum_version = context.maximum_version = version
    assert enters(shared_broker, context)


def test_without_restriction_they_agree_on_tls_1_3(shared_broker: Mosquitto) -> None:
    context = shared_broker.credentials("plant-1", "door-1").context()
    with (
        socket.create_connection((HOST, shared_broker.port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as wrapped,
    ):
        assert wrapped.version() == "TLSv1.3"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated:DeprecationWarning")
def test_tls_1_1_is_refused_by_the_broker(shared_broker: Mosquitto) -> None:
    context = shared_broker.credentials("plant-1", "door-1").context()
    context.set_ciphers("ALL:@SECLEVEL=0")  # else this client would refuse before the broker can
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match="TLSV1_ALERT_PROTOCOL_VERSION"):
        knock(shared_broker, context)


def test_a_weak_cipher_of_tls_1_2_is_refused(shared_broker: Mosquitto) -> None:
    context = shared_broker.credentials("plant-1", "door-1").context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA")
    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
        knock(shared_broker, context)


def test_plain_tcp_is_refused(shared_broker: Mosquitto) -> None:
    with socket.create_connection((HOST, shared_broker.port), timeout=20) as plain:
        plain.sendall(CONNECT)
        with contextlib.suppress(ConnectionResetError):
            assert plain.recv(64) == b""


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_nobody_enters_without_a_certificate(
    shared_broker: Mosquitto, authority: TestAuthority, version: ssl.TLSVersion
) -> None:
    context = ssl.create_default_context(cafile=str(authority.file))
    context.maximum_version = version
    assert not enters(shared_broker, context)


def of_a_foreign_authority(authority: TestAuthority, folder: Path) -> Credentials:
    foreign = TestAuthority(folder / "foreign").credentials("plant-1", "door-1")
    foreign.authority.write_bytes(
        authority.file.read_bytes()
    )  # it trusts the real broker, which must not trust it
    return foreign


def expired(authority: TestAuthority, _: Path) -> Credentials:
    return authority.credentials_of(
        DeviceIdentity("plant-1", "door-1"), label="expired", made=datetime.now(UTC) - timedelta(days=3)
    )


def of_a_broker(authority: TestAuthority, _: Path) -> Credentials:
    return authority.credentials_of(BrokerIdentity(("localhost", HOST)))


def signed_by_a_device(authority: TestAuthority, folder: Path) -> Credentials:
    """A device that plays authority: path length and key usage forbid it."""
    device = authority.credentials("plant-1", "door-7")
    issuer = read_certificate(device.certificate.read_bytes())
    device_key = load_pem_private_key(device.key.read_bytes(), None)
    assert isinstance(device_key, ec.EllipticCurvePrivateKey)
    key = new_key()
    leaf = build_leaf(
        authority=issuer,
        authority_key=device_key,
        public_key=key.public_key(),
        identity=DeviceIdentity("plant-1", "door-1"),
        now=datetime.now(UTC),
        valid_for=timedelta(hours=1),
    )
    made = TestAuthority(folder / "device-as-authority").write("leaf", key, leaf)
    made.certificate.write_bytes(made.certificate.read_bytes() + device.certificate.read_bytes())
    made.authority.write_bytes(authority.file.read_bytes())
    return made


@pytest.mark.parametrize("wrong", [of_a_foreign_authority, expired, of_a_broker, signed_by_a_device])
def test_a_wrong_certificate_is_refused(
    shared_broker: Mosquitto,
    authority: TestAuthority,
    tmp_path: Path,
    wrong: Callable[[TestAuthority, Path], Credentials],
) -> None:
    assert not enters(shared_broker, wrong(authority, tmp_path).context())
    assert enters(shared_broker, authority.credentials("plant-1", "door-1").context())


def shake_hands(*sides: ssl.SSLObject) -> None:
    for side in sides * 10:
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()


def test_a_client_takes_no_device_for_the_broker(authority: TestAuthority) -> None:
    """The other way round: a device's certificate must not serve as a broker's."""
    device = authority.credentials("plant-1", "door-1")
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(device.certificate, device.key)
    context = device.context()
    context.check_hostname = False  # it is the purpose that must refuse
    ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    client, server = context.wrap_bio(ours, theirs), serving.wrap_bio(theirs, ours, server_side=True)
    with pytest.raises(ssl.SSLCertVerificationError, match=r"(unsuitable|unsupported) certificate purpose"):
        shake_hands(client, server)


def test_a_revoked_certificate_is_refused_after_sighup_also_when_it_resumes(tmp_path: Path) -> None:
    authority = TestAuthority(tmp_path / "authority")
    with Mosquitto(tmp_path / "broker", authority) as broker:
        device, live = broker.credentials("plant-1", "door-1"), broker.credentials("plant-1", "door-2")
        context = device.context()
        with (
            socket.create_connection((HOST, broker.port), timeout=20) as plain,
            context.wrap_socket(plain, server_hostname=HOST) as wrapped,
        ):
            wrapped.sendall(CONNECT)
            wrapped.recv(64)
            session = wrapped.session
        with Client(broker, live) as connected:
            authority.revoke(device)
            authority.revoke(live)
            assert enters(broker, device.context())  # the list is read at start and on SIGHUP only
            broker.reload()
            await_until(lambda: not enters(broker, device.context()), what="the revocation list is read again")
            with pytest.raises((ssl.SSLError, ConnectionError)):
                knock(broker, context, session)
            # Who is connected stays: a restart of the broker ends that.
            assert connected.publish("clockface/v1/plant-1/door-2/events", b"x") == "No matching subscribers"
        broker.restart()
        assert not enters(broker, live.context())
        assert enters(broker, broker.credentials("plant-1", "door-3").context())


def test_an_expired_revocation_list_keeps_everybody_out_until_a_new_one_is_read(tmp_path: Path) -> None:
    authority = TestAuthority(tmp_path / "authority")
    authority.write_crl(next_update=timedelta(minutes=-1))
    with Mosquitto(tmp_path / "broker", authority) as broker:
        context = broker.credentials("plant-1", "door-1").context()
        assert not enters(broker, context)
        authority.write_crl()
        broker.reload()
        await_until(lambda: enters(broker, context), what="the new list is read")


def test_without_a_readable_revocation_list_the_broker_does_not_start(tmp_path: Path) -> None:
    authority = TestAuthority(tmp_path / "authority")
    authority.crl.write_bytes(b"")
    with pytest.raises(AssertionError, match="did not start"):
        Mosquitto(tmp_path / "broker", authority).start()


def served_serial(broker: Mosquitto, context: ssl.SSLContext) -> str:
    with (
        socket.create_connection((HOST, broker.port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as wrapped,
    ):
        certificate = wrapped.getpeercert()
        assert certificate is not None
        return str(certificate["serialNumber"])


def test_sighup_brings_a_renewed_certificate_and_a_new_access_list(tmp_path: Path) -> None:
    authority = TestAuthority(tmp_path / "authority")
    with Mosquitto(tmp_path / "broker", authority, receivers=("receiver",)) as broker:
        context = broker.credentials("plant-1", "door-1").context()
        before = served_serial(broker, context)
        renewed = authority.credentials_of(BrokerIdentity(("localhost", HOST)), label="renewed")
        for ours, theirs in (
            (renewed.key, broker.settings.files.key),
            (renewed.certificate, broker.settings.files.certificate),
        ):
            theirs.write_bytes(ours.read_bytes())
        with Client(broker, broker.office("receiver-2")) as second:
            ack = "clockface/v1/plant-1/door-1/ack"
            assert second.publish(ack, b"x") == "Not authorized"
            write(dataclasses.replace(broker.settings, receivers=("receiver", "receiver-2")), broker.folder)
            broker.reload()
            await_until(lambda: served_serial(broker, context) != before, what="the certificate is read again")
            assert second.publish(ack, b"x") == "No matching subscribers"
