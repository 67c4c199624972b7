"""TLS certificates as a device needs them: its request, and what it holds the office's answer against.

EC P-256 with SHA-256, as the office issues them. The device's identity is `site/device` as the common name and
`clockface://site/device` as the URI name. Pure. Trust boundary: requests come from the courier, certificates
from a file that anybody may have touched; `read_*` and `check_*` believe nothing.
"""

from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sync.wire.topics import Address

MAX_COMMON_NAME: Final = 64  # X.520 ub-common-name
MAX_CHAIN: Final = 4


class CertificateFault(ValueError):
    """A request or certificate that is not what it must be; the message holds nothing of its content."""


def identity_uri(address: Address) -> str:
    """The device as its certificate names it, which is the source of its events."""
    return f"clockface://{address.site}/{address.device}"


def new_request(key: ec.EllipticCurvePrivateKey, address: Address) -> str:
    """A certificate request in PEM that proves possession of `key`.

    Raises:
        CertificateFault: Site and device together are too long for a certificate's common name.
    """
    name = f"{address.site}/{address.device}"
    if len(name) > MAX_COMMON_NAME:
        raise CertificateFault(f"SITE/DEVICE is longer than the {MAX_COMMON_NAME} letters of a common name")
    uri = x509.UniformResourceIdentifier(identity_uri(address))
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .add_extension(x509.SubjectAlternativeName([uri]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return request.public_bytes(serialization.Encoding.PEM).decode("ascii")


def check_request(pem: str, address: Address) -> None:
    """Hold a request to what the office could grant this device.

    Raises:
        CertificateFault: Not one PEM request, another key type, a broken signature, or another name.
    """
    try:
        request = x509.load_pem_x509_csr(pem.encode("ascii"))
        key, algorithm = request.public_key(), request.signature_hash_algorithm
        names = _names(request.subject, request.extensions)
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateFault("it is not a PKCS #10 request in PEM") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CertificateFault("its key is not EC P-256")
    if not isinstance(algorithm, hashes.SHA256 | hashes.SHA384 | hashes.SHA512):
        raise CertificateFault("it is not signed with SHA-2")
    if not request.is_signature_valid:
        raise CertificateFault("its signature does not hold")
    expected = f"{address.site}/{address.device}"
    if names not in ((expected, []), (expected, [identity_uri(address)])):
        raise CertificateFault("it names another device")


def read_chain(pem: str) -> list[x509.Certificate]:
    """Certificates in PEM, the first one's own first.

    Raises:
        CertificateFault: None, too many, or not PEM.
    """
    try:
        chain = x509.load_pem_x509_certificates(pem.encode("ascii"))
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateFault("it is not a certificate in PEM") from None
    if not 1 <= len(chain) <= MAX_CHAIN:
        raise CertificateFault(f"there are more than {MAX_CHAIN} certificates")
    return chain


def check_certificate(
    certificate_pem: str,
    authorities_pem: str,
    *,
    key: ec.EllipticCurvePublicKey,
    address: Address,
    at: datetime,
) -> x509.Certificate:
    """Hold the office's certificate to our key, our name, its authorities and the time.

    Args:
        certificate_pem: The device's certificate and chain.
        authorities_pem: The authorities that it must lead to.
        key: Our TLS key's public half.
        address: This device.
        at: Aware; now.

    Returns:
        The device's own certificate.

    Raises:
        CertificateFault: What does not hold.
    """
    leaf, *between = read_chain(certificate_pem)
    if leaf.public_key() != key:
        raise CertificateFault("the certificate is not for this device's TLS key")
    try:
        names = _names(leaf.subject, leaf.extensions)
        purposes = list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except (ValueError, x509.ExtensionNotFound):
        raise CertificateFault("the certificate lacks its names or its purpose") from None
    if names != (f"{address.site}/{address.device}", [identity_uri(address)]):
        raise CertificateFault("the certificate names another device")
    if ExtendedKeyUsageOID.CLIENT_AUTH not in purposes:
        raise CertificateFault("the certificate is not one of a client")
    if not leaf.not_valid_before_utc <= at <= leaf.not_valid_after_utc:
        raise CertificateFault("the certificate is not valid now; is the clock right?")
    _check_issued(leaf, between, read_chain(authorities_pem))
    return leaf


def _check_issued(
    leaf: x509.Certificate, between: list[x509.Certificate], authorities: list[x509.Certificate]
) -> None:
    issued = leaf
    for _ in range(MAX_CHAIN):
        if any(_issued_by(issued, authority) for authority in authorities):
            return
        issuer = next((each for each in between if _issued_by(issued, each)), None)
        if issuer is None:
            break
        issued = issuer
    raise CertificateFault("the certificate does not lead to one of the authorities that came with it")


def _issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        if not authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound, UnsupportedAlgorithm):
        return False
    return True


def _names(subject: x509.Name, extensions: x509.Extensions) -> tuple[str, list[str]]:
    common = [attribute.value for attribute in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if len(common) != 1 or not isinstance(common[0], str):
        raise ValueError("not exactly one common name")
    try:
        alternative = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return common[0], []
    if len(list(alternative)) != len(uris := alternative.get_values_for_type(x509.UniformResourceIdentifier)):
        raise ValueError("names of other kinds")
    return common[0], uris
