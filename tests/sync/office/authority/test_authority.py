"""The authority issues, renews, revokes and lists; OpenSSL agrees with what it made."""

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sync.office.authority import authority as module
from sync.office.authority.authority import Authority, name_of, serial_of
from sync.office.authority.certificates import days_left, new_key, new_request, pem, read_request
from sync.office.authority.chain import verify_client
from sync.office.authority.errors import (
    AuthorityUnavailable,
    CertificateRefused,
    IdentityRefused,
    RegisterConflict,
    RequestRefused,
)
from sync.office.authority.identity import BrokerIdentity, DeviceIdentity, Identity, OfficeIdentity, identity_of
from sync.office.authority.revoked import LastTrusted, RevokedList

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
YEAR = timedelta(days=365)
PHRASE = "correct horse battery staple"
DOOR = DeviceIdentity("plant-1", "door-1")
LAST = LastTrusted(epoch="000003-00112233445566aa", seq=41)


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    made = Authority.create(
        tmp_path / "ca", name="Test", passphrase=PHRASE, now=NOW, valid_for=10 * YEAR, scrypt_n=2
    )
    yield made
    made.close()


def issued(authority: Authority, identity: Identity, now: datetime = NOW) -> x509.Certificate:
    return authority.issue(new_request(new_key(), identity), identity, now=now, valid_for=YEAR)


def openssl_verify(authority: Authority, certificate: x509.Certificate, *options: str) -> str:
    leaf = authority.folder / "leaf.pem"
    leaf.write_bytes(pem(certificate))
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-attime", str(int(NOW.timestamp())), "-CAfile",
         str(authority.folder / "ca.crt"), *options, str(leaf)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return "OK" if done.returncode == 0 else done.stderr


@pytest.mark.parametrize(
    ("identity", "purpose", "other"),
    [
        (DOOR, "sslclient", "sslserver"),
        (OfficeIdentity("receiver"), "sslclient", "sslserver"),
        (BrokerIdentity(("broker.example.com", "10.0.0.7", "::1")), "sslserver", "sslclient"),
    ],
)
def test_openssl_takes_each_certificate_for_its_purpose_only(
    authority: Authority, identity: Identity, purpose: str, other: str
) -> None:
    certificate = issued(authority, identity)
    with_crl = ("-crl_check", "-CRLfile", str(authority.folder / "ca.crl"))
    assert openssl_verify(authority, certificate, "-purpose", purpose, *with_crl) == "OK"
    assert "unsuitable certificate purpose" in openssl_verify(authority, certificate, "-purpose", other)


def test_openssl_finds_a_revoked_certificate_in_the_list(authority: Authority) -> None:
    lost, kept = issued(authority, DOOR), issued(authority, DeviceIdentity("plant-1", "door-2"))
    authority.revoke([serial_of(lost)], now=NOW, reason="stolen", last_trusted=LAST)
    authority.write_crl(now=NOW, valid_for=timedelta(days=30))
    with_crl = ("-crl_check", "-CRLfile", str(authority.folder / "ca.crl"))
    assert "certificate revoked" in openssl_verify(authority, lost, *with_crl)
    assert openssl_verify(authority, kept, *with_crl) == "OK"


def test_openssl_knows_the_broker_by_each_of_its_names_and_by_no_other(authority: Authority) -> None:
    certificate = issued(authority, BrokerIdentity(("broker.example.com", "10.0.0.7")))
    assert openssl_verify(authority, certificate, "-verify_hostname", "broker.example.com") == "OK"
    assert openssl_verify(authority, certificate, "-verify_ip", "10.0.0.7") == "OK"
    assert openssl_verify(authority, certificate, "-verify_hostname", "other.example.com") != "OK"


def test_a_device_certificate_says_whose_it_is_in_both_places(authority: Authority) -> None:
    certificate = issued(authority, DOOR)
    assert identity_of(certificate) == DOOR
    assert certificate.subject.rfc4514_string() == "CN=plant-1/door-1"
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.UniformResourceIdentifier("clockface://plant-1/door-1")]
    assert days_left(certificate, NOW) == 365
    assert days_left(certificate, NOW + 2 * YEAR) == -365


def test_of_a_request_only_the_key_counts(authority: Authority) -> None:
    key = new_key()
    greedy = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "@office/receiver")]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("broker.example.com")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate = authority.issue(
        greedy.public_bytes(serialization.Encoding.PEM), DOOR, now=NOW, valid_for=YEAR
    )
    assert identity_of(certificate) == DOOR
    assert certificate.public_key() == key.public_key()
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_a_request_without_the_private_key_is_refused() -> None:
    request = x509.load_pem_x509_csr(new_request(new_key(), DOOR))
    der = bytearray(request.public_bytes(serialization.Encoding.DER))
    theirs = new_key().public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )  # fmt: skip
    ours = request.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    swapped = x509.load_der_x509_csr(bytes(der.replace(ours, theirs)))
    with pytest.raises(RequestRefused, match="lacks the private key"):
        read_request(swapped.public_bytes(serialization.Encoding.PEM))


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
    ],
    ids=["P-384", "Ed25519", "RSA"],
)
def test_another_kind_of_key_is_refused(key: ec.EllipticCurvePrivateKey) -> None:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    request = builder.sign(key, algorithm).public_bytes(serialization.Encoding.PEM)
    with pytest.raises(RequestRefused, match="not EC P-256"):
        read_request(request)


def test_an_identity_has_one_first_certificate_and_renewals_with_new_keys(authority: Authority) -> None:
    first = issued(authority, DOOR)
    with pytest.raises(RegisterConflict, match="has a valid certificate"):
        issued(authority, DOOR)
    key = new_key()
    second = authority.renew(new_request(key, DOOR), DOOR, now=NOW, valid_for=YEAR)
    with pytest.raises(RegisterConflict, match="key of its own"):
        authority.renew(new_request(key, DOOR), DOOR, now=NOW, valid_for=YEAR)
    assert first.serial_number != second.serial_number
    assert [entry.serial for entry in authority.register.entries()] == [serial_of(first), serial_of(second)]


def test_a_key_never_serves_two_identities(authority: Authority) -> None:
    key = new_key()
    authority.issue(new_request(key, DOOR), DOOR, now=NOW, valid_for=YEAR)
    other = OfficeIdentity("receiver")
    with pytest.raises(RegisterConflict, match="key of its own"):
        authority.issue(new_request(key, other), other, now=NOW, valid_for=YEAR)


def test_what_was_revoked_is_not_renewed_but_may_be_issued_anew(authority: Authority) -> None:
    lost = issued(authority, DOOR)
    authority.revoke([serial_of(lost)], now=NOW, reason="lost")
    with pytest.raises(RegisterConflict, match="was revoked"):
        authority.renew(new_request(new_key(), DOOR), DOOR, now=NOW, valid_for=YEAR)
    assert identity_of(issued(authority, DOOR)) == DOOR


def test_an_expired_certificate_makes_room_for_another(authority: Authority) -> None:
    issued(authority, DOOR)
    assert identity_of(issued(authority, DOOR, NOW + YEAR + timedelta(seconds=1))) == DOOR


def test_a_revocation_notes_the_last_trusted_event(authority: Authority) -> None:
    lost = issued(authority, DOOR)
    authority.revoke([serial_of(lost)], now=NOW, reason="stolen", last_trusted=LAST)
    authority.write_crl(now=NOW, valid_for=timedelta(days=30))
    told = RevokedList.model_validate_json((authority.folder / "revoked.json").read_bytes())
    assert [(each.identity, each.reason, each.last_trusted) for each in told.revoked] == [
        ("plant-1/door-1", "stolen", LAST)
    ]


def test_a_last_trusted_event_may_be_added_later_and_not_be_changed(authority: Authority) -> None:
    serial = serial_of(issued(authority, DOOR))
    authority.revoke([serial], now=NOW, reason="lost")
    authority.revoke([serial], now=NOW + YEAR, reason="stolen", last_trusted=LAST)
    [entry] = authority.register.entries()
    assert (entry.revoked_at, entry.reason, entry.last_trusted) == (NOW, "lost", LAST)
    with pytest.raises(RegisterConflict, match="another last trusted event"):
        authority.revoke([serial], now=NOW, reason="lost", last_trusted=LastTrusted(epoch=LAST.epoch, seq=40))


def test_of_several_revocations_all_hold_or_none(authority: Authority) -> None:
    serial = serial_of(issued(authority, DOOR))
    with pytest.raises(RegisterConflict, match="no certificate of that serial"):
        authority.revoke([serial, "abc"], now=NOW, reason="lost")
    assert authority.register.entries()[0].revoked_at is None


def test_lists_are_numbered_upwards_and_say_until_when_they_hold(authority: Authority) -> None:
    lists = [authority.write_crl(now=NOW, valid_for=timedelta(days=days)) for days in (7, 30)]
    numbers = [each.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number for each in lists]
    assert numbers == [2, 3]  # the first was written when the authority was made
    assert [each.next_update_utc for each in lists] == [NOW + timedelta(days=7), NOW + timedelta(days=30)]


def test_no_certificate_outlives_its_authority(authority: Authority) -> None:
    with pytest.raises(CertificateRefused, match="after its authority's end"):
        issued(authority, DOOR, NOW + 9 * YEAR + timedelta(seconds=1))
    assert authority.register.entries() == []


def test_the_authority_opens_with_its_pass_phrase_only(authority: Authority) -> None:
    opened = Authority.open(authority.folder, passphrase=PHRASE, now=NOW)
    issued(opened, DOOR)
    opened.close()
    with pytest.raises(AuthorityUnavailable, match="wrong pass phrase"):
        Authority.open(authority.folder, passphrase="Correct horse battery staple", now=NOW)
    with pytest.raises(CertificateRefused, match="not valid at this time"):
        Authority.open(authority.folder, passphrase=PHRASE, now=NOW + 11 * YEAR)
    assert PHRASE not in repr(opened)


def test_the_key_lies_sealed_in_a_file_of_its_owner_alone(authority: Authority) -> None:
    file = authority.folder / module.KEY_FILE
    assert file.stat().st_mode & 0o777 == 0o400
    assert authority.folder.stat().st_mode & 0o777 == 0o700
    assert b"PRIVATE" not in file.read_bytes()
    file.chmod(0o600)
    file.write_bytes(b'{"kind":"clockface.authority-key.v1"}')
    with pytest.raises(AuthorityUnavailable, match="not an authority's key file"):
        Authority.open(authority.folder, passphrase=PHRASE, now=NOW)


def test_an_authority_is_never_overwritten(authority: Authority) -> None:
    before = (authority.folder / module.KEY_FILE).read_bytes()
    with pytest.raises(AuthorityUnavailable, match="not overwritten"):
        Authority.create(authority.folder, name="Test", passphrase=PHRASE, now=NOW, valid_for=YEAR, scrypt_n=2)
    assert (authority.folder / module.KEY_FILE).read_bytes() == before
    assert not [name for name in os.listdir(authority.folder) if name.startswith(".")]  # noqa: PTH208


def test_a_short_pass_phrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AuthorityUnavailable, match="fewer than 12"):
        Authority.create(tmp_path / "ca", name="x", passphrase="eleven-char", now=NOW, valid_for=YEAR)


def test_the_chain_is_verified_in_every_respect(authority: Authority, tmp_path: Path) -> None:
    good = issued(authority, DOOR)
    crl = authority.write_crl(now=NOW, valid_for=timedelta(days=30))
    root = authority.certificate
    assert verify_client(good, authority=root, now=NOW, revocations=crl) == DOOR
    with pytest.raises(CertificateRefused, match="expired on 2027-03-01"):
        verify_client(good, authority=root, now=NOW + timedelta(days=366))
    with pytest.raises(CertificateRefused, match="valid only from"):
        verify_client(good, authority=root, now=NOW - timedelta(days=2))
    with pytest.raises(CertificateRefused, match="revocation list has expired"):
        verify_client(good, authority=root, now=NOW + timedelta(days=31), revocations=crl)
    server = issued(authority, BrokerIdentity(("broker.example.com",)))
    with pytest.raises(CertificateRefused):
        verify_client(server, authority=root, now=NOW)
    authority.revoke([serial_of(good)], now=NOW, reason="lost")
    newer = authority.write_crl(now=NOW, valid_for=timedelta(days=30))
    with pytest.raises(CertificateRefused, match="is revoked"):
        verify_client(good, authority=root, now=NOW, revocations=newer)
    foreign = Authority.create(
        tmp_path / "foreign", name="Test", passphrase=PHRASE, now=NOW, valid_for=10 * YEAR, scrypt_n=2
    )
    with pytest.raises(CertificateRefused):
        verify_client(issued(foreign, DOOR), authority=root, now=NOW)
    with pytest.raises(CertificateRefused, match="not this authority's"):
        verify_client(
            good, authority=root, now=NOW, revocations=foreign.write_crl(now=NOW, valid_for=timedelta(days=30))
        )
    foreign.close()


def test_a_certificate_whose_two_names_differ_names_nobody(authority: Authority) -> None:
    good = issued(authority, DOOR)
    builder = x509.CertificateBuilder(
        issuer_name=good.issuer, subject_name=good.subject, public_key=good.public_key()
    )
    forged = (
        builder.serial_number(1)
        .not_valid_before(good.not_valid_before_utc)
        .not_valid_after(good.not_valid_after_utc)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier("clockface://plant-1/door-2")]),
            critical=False,
        )
        .sign(new_key(), hashes.SHA256())
    )
    with pytest.raises(IdentityRefused, match="differ"):
        identity_of(forged)


def test_a_brokers_name_in_the_register_is_all_of_them() -> None:
    assert name_of(BrokerIdentity(("a.example.com", "10.0.0.7"))) == "a.example.com,10.0.0.7"
