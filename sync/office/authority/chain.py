"""Whether a certificate holds: issued by this authority, now, for this purpose, not revoked.

The chain itself is judged by cryptography's verifier (RFC 5280 and the web's rules), not by us. Trust boundary:
the certificate comes from anybody; authority and revocation list are ours.
"""

from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509 import verification

from sync.office.authority.errors import CertificateRefused
from sync.office.authority.identity import ClientIdentity, identity_of


def verify_client(
    certificate: x509.Certificate,
    *,
    authority: x509.Certificate,
    now: datetime,
    revocations: x509.CertificateRevocationList | None = None,
) -> ClientIdentity:
    """Verify a device's or an office process' certificate; returns whose it is.

    Args:
        certificate: From anybody.
        authority: The one that must have issued it.
        now: The time at which it must be valid.
        revocations: The authority's list; without one revocation is not looked at.

    Raises:
        CertificateRefused: It does not hold; the message says why.
        IdentityRefused: It holds, and names nobody that we know the form of.
    """
    policy = verification.PolicyBuilder().store(verification.Store([authority])).time(now)
    try:
        policy.build_client_verifier().verify(certificate, [])
    except verification.VerificationError as error:
        raise CertificateRefused(f"the certificate does not hold: {_reason(certificate, now, error)}") from None
    if revocations is not None:
        _require_not_revoked(certificate, authority=authority, now=now, revocations=revocations)
    return identity_of(certificate)


def verify_authority(certificate: x509.Certificate, *, now: datetime) -> None:
    """That an authority's certificate is one, signed by itself and valid now.

    Raises:
        CertificateRefused: It is not.
    """
    try:
        basics = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        raise CertificateRefused("this is not the certificate of an authority") from None
    if not basics.ca:
        raise CertificateRefused("this is not the certificate of an authority")
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise CertificateRefused("the authority's certificate is not valid at this time")


def _require_not_revoked(
    certificate: x509.Certificate,
    *,
    authority: x509.Certificate,
    now: datetime,
    revocations: x509.CertificateRevocationList,
) -> None:
    key = authority.public_key()
    if revocations.issuer != authority.subject or not revocations.is_signature_valid(key):  # type: ignore[arg-type]
        raise CertificateRefused("the revocation list is not this authority's")
    if revocations.next_update_utc is None or revocations.next_update_utc < now:
        raise CertificateRefused("the revocation list has expired", next_step="clockface-office ca crl")
    if revocations.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
        raise CertificateRefused("the certificate is revoked")


def _reason(certificate: x509.Certificate, now: datetime, error: verification.VerificationError) -> str:
    if now > certificate.not_valid_after_utc:
        return f"it expired on {certificate.not_valid_after_utc:%Y-%m-%d}"
    if now < certificate.not_valid_before_utc:
        return f"it is valid only from {certificate.not_valid_before_utc:%Y-%m-%d}"
    return str(error).splitlines()[0][:200]
