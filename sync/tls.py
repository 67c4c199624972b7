"""The courier's end of mutual TLS: our key and certificate, and the authorities whose brokers we believe.

There is one way to connect: TLS 1.2 or later, the broker's chain and host name verified, our certificate
shown. Nothing here has a switch that weakens it. Trust boundary: the folder's permissions; whoever writes
there decides which broker we believe, and whoever reads there can speak to it in our name.
"""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from clockface.secretfiles import read_secret
from sync.connection import TlsFiles
from sync.errors import CertificateInvalid, CertificateMissing
from sync.wire.topics import Address

MAX_PEM_BYTES: Final = 256 * 1024
_MAKE: Final = "clockface provision"
# TLS 1.2's share: forward secret and authenticated encryption only. TLS 1.3 has nothing else.
_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"

Stamp = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """A complete set that has been loaded and fits together.

    Args:
        context: Verifies the broker, shows our certificate.
        certificate: Ours, without its chain.
        authorities: Whom the context believes, PEM.
        stamp: Of the files, to see a change.
    """

    context: ssl.SSLContext
    certificate: x509.Certificate
    authorities: bytes
    stamp: Stamp

    @property
    def expires(self) -> datetime:
        """End of our certificate."""
        return self.certificate.not_valid_after_utc


def stamp_of(files: TlsFiles) -> Stamp:
    """What changes when a file does: inode, size and time of change, or None for one that is absent."""
    return tuple(_stamp(path) for path in (files.key, files.certificate, files.authorities))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def load(files: TlsFiles, *, address: Address) -> Identity:
    """Read a set and see that it fits together and is this device's. Its dates are the broker's to judge.

    A kiosk's clock may be years behind, so an expired certificate is still shown; `Identity.expires` is for
    warnings.

    Raises:
        CertificateMissing: A file is not there or cannot be read.
        CertificateInvalid: Unreadable, of another device, or key and certificate do not belong together.
        SecretError: The key is open to others or cannot be read.
    """
    stamp = stamp_of(files)
    certificate = _certificate(files.certificate)
    _refuse_other_device(certificate, files.certificate, address)
    _refuse_other_key(certificate, files)
    authorities = _read(files.authorities)
    return Identity(context=_context(files), certificate=certificate, authorities=authorities, stamp=stamp)


def _certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificates(_read(path))[0]
    except ValueError:
        raise CertificateInvalid("this is not a certificate in PEM", where=str(path), next_step=_MAKE) from None


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_PEM_BYTES + 1)
    except OSError as error:
        raise CertificateMissing(
            f"a certificate cannot be read: {error.strerror}", where=str(path), next_step=_MAKE
        ) from None
    if len(content) > MAX_PEM_BYTES:
        raise CertificateInvalid(f"a certificate's file is larger than {MAX_PEM_BYTES} bytes", where=str(path))
    return content


def _refuse_other_device(certificate: x509.Certificate, path: Path, address: Address) -> None:
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    if [name.value for name in names] != [common_name(address)]:
        raise CertificateInvalid(
            f"the certificate is not for {common_name(address)}",
            where=str(path),
            next_step=f"openssl x509 -noout -subject -in {path}; compare device.site and device.name",
        )


def common_name(address: Address) -> str:
    """A device in a certificate: the broker takes this as its name, and its access rules put it into topics."""
    return f"{address.site}/{address.device}"


def _refuse_other_key(certificate: x509.Certificate, files: TlsFiles) -> None:
    text = read_secret(files.key, made_by=_MAKE)
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError):
        raise CertificateInvalid(
            "this is not an unencrypted private key in PEM", where=str(files.key), next_step=_MAKE
        ) from None
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise CertificateInvalid(
            "key and certificate do not belong together",
            where=f"{files.key}, {files.certificate}",
            next_step="put both in place, the certificate last",
        )


def _context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies chain and host name; nothing turns it off
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    try:
        context.load_verify_locations(cafile=str(files.authorities))
        context.load_cert_chain(files.certificate, files.key)
    except (ssl.SSLError, OSError) as error:
        raise CertificateInvalid(
            f"OpenSSL does not take certificate, key or authorities ({getattr(error, 'reason', None)})",
            where=f"{files.certificate}, {files.key}, {files.authorities}",
            next_step=f"openssl x509 -noout -text -in {files.authorities}",
        ) from None
    return context


def days_left(until: datetime, now: datetime) -> int:
    """Whole days until a certificate ends; negative afterwards."""
    return (until.astimezone(UTC) - now.astimezone(UTC)).days
