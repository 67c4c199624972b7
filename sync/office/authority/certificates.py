"""The certificates of Clockface: the authority's own, and those of devices, office processes and brokers.

EC P-256 with SHA-256 throughout: OpenSSL 1.1.1 and 3, mbed TLS, TPMs and every MQTT library take it, where
Ed25519 certificates still meet clients and hardware that do not. Profiles follow RFC 5280. Pure: key, identity
and time in, certificate out. Trust boundary: `read_request` takes a request that somebody sent; nothing of it
but its public key reaches a certificate.
"""

from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sync.office.authority.errors import CertificateRefused, RequestRefused
from sync.office.authority.identity import BrokerIdentity, Identity, general_names

MAX_PEM_BYTES: Final = 16 * 1024
AUTHORITY_DAYS: Final = 3650
DEVICE_DAYS: Final = 397
BACKDATED: Final = timedelta(days=1)  # a machine whose clock runs late by a day still accepts a new certificate
_NO_KEY_USAGE: Final = {
    "digital_signature": False,
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "key_cert_sign": False,
    "crl_sign": False,
    "encipher_only": False,
    "decipher_only": False,
}


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def new_request(key: ec.EllipticCurvePrivateKey, identity: Identity) -> bytes:
    """A certificate request in PEM: proves possession of `key` and says whose it would be."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, identity.common_name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


def read_request(pem: bytes) -> ec.EllipticCurvePublicKey:
    """The public key of a certificate request whose sender has the private one. All else in it is ignored.

    Raises:
        RequestRefused: Not one PEM request, too large, another kind of key, or its own signature does not hold.
    """
    if len(pem) > MAX_PEM_BYTES:
        raise RequestRefused(f"the certificate request is larger than {MAX_PEM_BYTES} bytes")
    try:
        request = x509.load_pem_x509_csr(pem)
        key = request.public_key()
        algorithm = request.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm):
        raise RequestRefused("the certificate request is not a PKCS #10 request in PEM") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise RequestRefused("the certificate request's key is not EC P-256", next_step=_MAKE_A_REQUEST)
    if not isinstance(algorithm, hashes.SHA256 | hashes.SHA384 | hashes.SHA512):
        raise RequestRefused("the certificate request is not signed with SHA-2", next_step=_MAKE_A_REQUEST)
    if not request.is_signature_valid:
        raise RequestRefused(
            "the certificate request's signature does not hold: its sender lacks the private key"
        )
    return key


_MAKE_A_REQUEST: Final = (
    "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout client.key"
)


def read_certificate(pem: bytes) -> x509.Certificate:
    """One certificate in PEM.

    Raises:
        CertificateRefused: Not one, or too large.
    """
    try:
        if len(pem) > MAX_PEM_BYTES:
            raise ValueError
        return x509.load_pem_x509_certificate(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateRefused("this is not a certificate in PEM") from None


def build_authority(
    key: ec.EllipticCurvePrivateKey, *, name: str, now: datetime, valid_for: timedelta
) -> x509.Certificate:
    """A self-signed authority that may sign end certificates and revocation lists, and no other authority."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = {**_NO_KEY_USAGE, "key_cert_sign": True, "crl_sign": True}
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        x509.CertificateBuilder(issuer_name=subject, subject_name=subject, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + valid_for)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
        )
        .sign(key, hashes.SHA256())
    )


def build_leaf(
    *,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    public_key: ec.EllipticCurvePublicKey,
    identity: Identity,
    now: datetime,
    valid_for: timedelta,
) -> x509.Certificate:
    """An end certificate: a broker's is for servers only, everybody else's for clients only.

    Raises:
        CertificateRefused: It would outlive the authority.
    """
    until = now + valid_for
    if until > authority.not_valid_after_utc:
        raise CertificateRefused(
            f"the certificate would be valid until {until:%Y-%m-%d}, after its authority's end "
            f"({authority.not_valid_after_utc:%Y-%m-%d})",
            next_step="ask for fewer days, or begin a new authority: clockface-office ca init",
        )
    serves = isinstance(identity, BrokerIdentity)
    purpose = ExtendedKeyUsageOID.SERVER_AUTH if serves else ExtendedKeyUsageOID.CLIENT_AUTH
    usage = {**_NO_KEY_USAGE, "digital_signature": True}
    issuer_identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, identity.common_name)])
    return (
        x509.CertificateBuilder(issuer_name=authority.subject, subject_name=subject, public_key=public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(max(now - BACKDATED, authority.not_valid_before_utc))
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.SubjectAlternativeName(general_names(identity)), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer_identifier), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )


def pem(certificate: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    """As files hold it."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key for a file of mode 0400 (PKCS #8, not encrypted)."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def days_left(certificate: x509.Certificate, now: datetime) -> float:
    """Days until a certificate expires; negative afterwards."""
    return (certificate.not_valid_after_utc - now) / timedelta(days=1)
