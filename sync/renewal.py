"""The next TLS key and certificate: asked for in time, installed whole, given up if the broker refuses them.

A renewed set is a folder of its own beside the provisioned files; the newest that holds is used, so a power
cut at any instant leaves one. Trust boundary: the key never leaves this machine; a certificate is installed
only if edge has found the office's signature on it, it is for our new key and our name, and an authority that
we believe already has issued it.
"""

import hashlib
import os
import secrets
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from clockface.errors import ClockfaceError
from clockface.secretfiles import sync_folder, write_secret
from sync.connection import TlsFiles, tls_files
from sync.errors import CertificateInvalid, CertificateMissing
from sync.tls import MAX_PEM_BYTES, Identity, common_name, load, stamp_of
from sync.wire.topics import Address

NEXT_KEY: Final = "next.key"
RENEWED: Final = "renewed"
BEFORE: Final = "renewed.before"


def candidates(folder: Path) -> Iterator[TlsFiles]:
    """The sets that may be there: the renewed one, the renewed one before it and the provisioned one."""
    for place in (folder / RENEWED, folder / BEFORE, folder):
        yield tls_files(place, name="device")


def stamps(folder: Path) -> tuple[object, ...]:
    """What changes when any file of any set does."""
    return tuple(stamp_of(files) for files in candidates(folder))


def newest(folder: Path, *, address: Address, refused: Collection[int] = ()) -> Identity:
    """The set whose certificate was issued last, of those that hold and that no broker has refused.

    Args:
        folder: `paths.tls`.
        address: Ours.
        refused: Serial numbers of certificates that a broker refused.

    Raises:
        CertificateMissing, CertificateInvalid, SecretError: None holds; what is wrong with the provisioned one.
    """
    found: list[Identity] = []
    last: ClockfaceError | None = None
    for files in candidates(folder):
        try:
            found.append(load(files, address=address))
        except ClockfaceError as error:
            last = error
    usable = [each for each in found if each.certificate.serial_number not in refused] or found
    if usable:
        return max(usable, key=lambda each: each.certificate.not_valid_before_utc)
    raise last or CertificateMissing("there is no certificate", where=str(folder))


def request(folder: Path, address: Address) -> str:
    """A certificate request for the next key, which is made if it is not there yet.

    Raises:
        SecretError: The key cannot be written or read.
        CertificateInvalid: What lies there is no key.
    """
    path = folder / NEXT_KEY
    write_secret(path, _pem(ec.generate_private_key(ec.SECP256R1())))  # never replaces one that waits
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name(address))])
    built = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(_key(path), hashes.SHA256())
    return built.public_bytes(serialization.Encoding.PEM).decode("ascii")


def fingerprint(request: str) -> str:
    """SHA-256 of a request's public key (SubjectPublicKeyInfo), in hex: what two people compare."""
    key = x509.load_pem_x509_csr(request.encode("ascii")).public_key()
    return hashlib.sha256(
        key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    ).hexdigest()


def install(folder: Path, *, certificate: str, authorities: str, trusted: Identity, address: Address) -> None:
    """Put a renewed certificate in place together with its key, complete or not at all.

    Args:
        folder: `paths.tls`.
        certificate: The new certificate and its chain, PEM.
        authorities: The authorities to believe from now on, PEM.
        trusted: The set in use: its authorities are those that we believe now.
        address: Ours.

    Raises:
        CertificateMissing: No key waits for a certificate.
        CertificateInvalid: Of another key, name or authority.
        SecretError: The folder cannot be written.
    """
    key = folder / NEXT_KEY
    if not key.exists():
        raise CertificateMissing("no request waits for a certificate", where=str(key))
    draft = folder / f".{RENEWED}.{secrets.token_hex(8)}"
    try:
        draft.mkdir(mode=0o700)
        files = tls_files(draft, name="device")
        write_secret(files.key, _pem(_key(key)))
        _write(files.certificate, certificate)
        _write(files.authorities, authorities)
        new = load(files, address=address)
        _refuse_unknown_issuer(new.certificate, trusted.authorities)
        if new.certificate.not_valid_after_utc <= trusted.certificate.not_valid_after_utc:
            raise CertificateInvalid("the new certificate ends no later than the one in use", where=str(folder))
        _swap(folder, draft)
    except OSError as error:
        raise CertificateInvalid(
            f"the renewed certificate cannot be written: {error.strerror}",
            where=str(folder),
            next_step=f"ls -ld {folder}; df -h {folder}",
        ) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    key.unlink(missing_ok=True)
    sync_folder(folder)


def _swap(folder: Path, draft: Path) -> None:
    """The one before goes, the one in use becomes the one before: at every instant one whole set is there."""
    sync_folder(draft)
    shutil.rmtree(folder / BEFORE, ignore_errors=True)
    if (folder / RENEWED).exists():
        (folder / RENEWED).rename(folder / BEFORE)
    draft.rename(folder / RENEWED)
    sync_folder(folder)


def _refuse_unknown_issuer(certificate: x509.Certificate, authorities: bytes) -> None:
    for authority in x509.load_pem_x509_certificates(authorities):
        try:
            certificate.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return
    raise CertificateInvalid(
        "the new certificate is of no authority that we believe",
        where="certificate",
        next_step="compare the authority with the office's; provision the device anew if it changed",
    )


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        found = serialization.load_pem_private_key(path.read_bytes()[:MAX_PEM_BYTES], password=None)
    except (ValueError, TypeError, OSError):
        found = None
    if not isinstance(found, ec.EllipticCurvePrivateKey):
        raise CertificateInvalid("this is not a key of ours", where=str(path), next_step=f"rm {path}")
    return found


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode("ascii")


def _write(path: Path, text: str) -> None:
    with path.open("x", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
