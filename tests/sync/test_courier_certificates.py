"""Who may speak to whom: names, authorities, dates, revocations, each refused by name; renewal on the fly."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sync.office.authority.certificates import build_leaf, pem, read_request
from sync.office.authority.identity import DeviceIdentity
from sync.renewal import RENEWED
from sync.wire.documents import open_document
from sync.wire.envelope import signing_key_id
from sync.wire.office import RenewedCertificate
from sync.wire.parcels import CertificateRequest
from sync.wire.topics import Channel
from tests.sync.courier_runner import WAIT_S, RunningCourier, await_until, install, settings
from tests.sync.edge_stand_in import TIME
from tests.sync.line import ADDRESS, Line, lay
from tests.sync.mosquitto import Mosquitto, TestAuthority
from tests.sync.proxy import Proxy

IDENTITY = DeviceIdentity(ADDRESS.site, ADDRESS.device)
DAY = timedelta(days=1)


@pytest.fixture
def line(tmp_path: Path, broker: Mosquitto) -> Iterator[Line]:
    with lay(tmp_path, broker) as made:
        yield made


def _delivers(line: Line) -> None:
    line.edge.record()
    await_until(lambda: line.complete, "an event and its ack")


def test_a_broker_under_another_name_than_its_certificates_is_refused(line: Line) -> None:
    with Proxy(line.broker.port, host="127.0.0.2") as proxy:
        config = settings(line.tmp, ADDRESS, [f"127.0.0.2:{proxy.port}"])
        with RunningCourier(config) as running:
            await_until(lambda: "host_name_wrong" in running.conditions, "its refusal")
    assert set(running.conditions) == {"host_name_wrong"}


def test_a_broker_of_an_unknown_authority_is_refused(line: Line, tmp_path: Path) -> None:
    stranger = TestAuthority(tmp_path / "stranger")
    (line.tmp / "tls" / "ca.crt").unlink()
    (line.tmp / "tls" / "ca.crt").write_bytes(stranger.file.read_bytes())
    with line.courier() as running:
        await_until(lambda: bool(running.conditions), "its refusal")
    assert set(running.conditions) == {"authority_unknown"}


def test_an_expired_certificate_of_ours_is_named(line: Line, authority: TestAuthority) -> None:
    expired = authority.credentials_of(
        IDENTITY, label="expired-hour", made=datetime.now(UTC) - DAY / 2, valid_for=DAY / 4
    )
    install(expired, line.tmp / "tls")
    with line.courier() as running:
        await_until(lambda: bool(running.conditions), "its refusal")
    assert set(running.conditions) == {"own_certificate_expired"}


def test_another_certificate_is_taken_without_a_restart_and_a_broken_one_is_not(
    line: Line, authority: TestAuthority
) -> None:
    tls = line.tmp / "tls"
    with line.courier() as running:
        first = line.state()
        (tls / "device.crt").unlink()
        (tls / "device.crt").write_text("-----BEGIN CERTIFICATE-----\nnonsense\n")
        await_until(lambda: running.certificates.problem is not None, "the broken one is seen")
        _delivers(line)
        install(authority.credentials_of(IDENTITY, label="second", valid_for=9 * DAY), tls)
        goodbye, second = line.state(), line.state()
        assert (goodbye.session, goodbye.orderly) == (first.session, True)
        assert second.online
        assert running.certificates.days == 8
        _delivers(line)


def _certified(line: Line, request: str, *, by: TestAuthority, days: int) -> RenewedCertificate:
    made = build_leaf(
        authority=by.certificate, authority_key=by.key, public_key=read_request(request.encode()),
        identity=IDENTITY, now=datetime.now(UTC), valid_for=days * DAY,
    )  # fmt: skip
    return RenewedCertificate(
        site=ADDRESS.site, device=ADDRESS.device, request="0" * 32, certificate=pem(made).decode(),
        authorities=pem(line.broker.authority.certificate).decode(), issued=TIME,
    )  # fmt: skip


def _request(line: Line) -> str:
    while (found := line.office.others.get(timeout=WAIT_S))[0] is not Channel.PARCELS:
        pass
    key = line.edge.signing.public_key()
    parcel = open_document(CertificateRequest, found[1], keys={signing_key_id(key): key}, address=ADDRESS)
    return parcel.request


def test_a_certificate_is_renewed_over_the_wire(line: Line, authority: TestAuthority) -> None:
    with line.courier(certificate__renew_days="30") as running:
        birth = line.state()
        line.office.send(Channel.CERTIFICATE, _certified(line, _request(line), by=authority, days=20))
        goodbye, again = line.state(), line.state()
        assert (goodbye.session, again.online) == (birth.session, True)
        assert running.certificates.days == 19
        _delivers(line)
    used = x509.load_pem_x509_certificate((line.tmp / "tls" / RENEWED / "device.crt").read_bytes())
    assert (used.not_valid_after_utc - datetime.now(UTC)).days == 19
    with line.courier() as running:
        await_until(lambda: running.certificates.identity is not None, "it is loaded")
        assert running.certificates.days == 19


def test_a_renewed_certificate_that_the_broker_refuses_is_set_aside(
    line: Line, authority: TestAuthority
) -> None:
    with line.courier(certificate__renew_days="30") as running:
        renewed = _certified(line, _request(line), by=authority, days=20)
        revoked = x509.load_pem_x509_certificate(renewed.certificate.encode())
        authority.revoke_certificate(revoked)
        line.broker.restart()
        line.office.send(Channel.CERTIFICATE, renewed)
        await_until(lambda: "own_certificate_revoked" in running.conditions, "the refusal")
        _delivers(line)
        assert running.certificates.days == 1


@pytest.mark.parametrize("wrong", ["signature", "authority"])
def test_a_renewed_certificate_of_a_stranger_is_not_installed(
    line: Line, authority: TestAuthority, tmp_path: Path, wrong: str
) -> None:
    issuer = TestAuthority(tmp_path / "stranger") if wrong == "authority" else authority
    key = Ed25519PrivateKey.generate() if wrong == "signature" else None
    with line.courier(certificate__renew_days="30") as running:
        renewed = _certified(line, _request(line), by=issuer, days=20)
        line.office.send(Channel.CERTIFICATE, renewed, key=key)
        await_until(lambda: bool(line.edge.delivered), "edge has seen it")
        _delivers(line)
        assert running.certificates.days == 1
    assert not (line.tmp / "tls" / RENEWED).exists()
