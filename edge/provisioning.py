"""How a device and an office come to know each other: the request that goes out, the bundle that comes back.

Private keys never leave: the request proves that we hold them. The bundle is believed only if the operator's
key that signed it is the one whose fingerprint the installer confirms, or is trusted already; from then on the
device holds on to it. Trust boundary: both are files that anybody may have touched on the way.
"""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from clockface.secretfiles import read_secret, sync_folder, write_secret
from edge import __version__
from edge.certificates import CertificateFault, check_certificate, new_request
from edge.errors import BundleRefused, ProvisioningError
from edge.store.keys import Keyring
from edge.store.office import Office, key_text, raw_key
from sync.wire import envelope
from sync.wire.canonical import WireError, read
from sync.wire.documents import MAX_DOCUMENT_BYTES, open_document, sign_document
from sync.wire.envelope import EnvelopeError, signing_key_id
from sync.wire.fields import format_time
from sync.wire.provisioning import Bundle, DeviceRequest
from sync.wire.topics import Address

REQUEST_FILE: Final = "device_request"  # in the state folder: the last request, which a bundle must answer
MAX_BUNDLE_BYTES: Final = 2 * MAX_DOCUMENT_BYTES
KEY_FILE, CERTIFICATE_FILE, AUTHORITIES_FILE = "device.key", "device.crt", "ca.crt"  # as sync's paths.tls
_AGAIN: Final = "clockface provision request --out FILE, and have the office answer that"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was made.

    Args:
        envelope: For the office.
        fingerprint: Of the signing key, for whoever compares it at the office.
    """

    envelope: bytes
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Folders:
    """Where provisioning finds and leaves things: the state folder, and sync's TLS folder."""

    state: Path
    tls: Path


@dataclass(frozen=True, slots=True)
class Believed:
    """Whose signature on a bundle counts.

    Args:
        office: The office that the device believes already; then its operators' keys and no others.
        fingerprint: Else the operator's key that the installer has compared, by its id.
    """

    office: Office | None
    fingerprint: str | None


@contextlib.contextmanager
def as_owner(folder: Path) -> Iterator[None]:
    """Act as the folder's owner where root runs the command: the daemon must be able to use what is made."""
    if os.geteuid() != 0 or not folder.exists() or folder.stat().st_uid == 0:
        yield
        return
    owner, group = folder.stat(), os.getegid()
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)


def ask(*, keyring: Keyring, address: Address, folders: Folders, at: datetime) -> Asked:
    """Make the device's request, and remember it as the one that a bundle must answer.

    Args:
        keyring: With the sealing key.
        address: This device.
        folders: Of the state, and of the TLS key, which is made if it is not there.
        at: Aware; now.

    Raises:
        ProvisioningError, SecretError: What is missing or wrong.
    """
    if keyring.sealing is None:
        raise ProvisioningError("the device has no sealing key", where=str(folders.state), next_step=_AGAIN)
    try:
        request = new_request(tls_key(folders.tls, make=True), address)
    except CertificateFault as fault:
        raise ProvisioningError(
            f"no certificate can be asked for: {fault}",
            where="device.site, device.name",
            next_step="choose shorter names: clockface config show",
        ) from None
    document = DeviceRequest(
        site=address.site,
        device=address.device,
        id=secrets.token_hex(16),
        signing_key=key_text(keyring.signing.public),
        sealing_key=key_text(keyring.sealing.public_key().public_bytes_raw()),
        certificate_request=request,
        software=__version__,
        at=format_time(at),
    )
    signed = sign_document(document, key=keyring.signing.private)
    with as_owner(folders.state):
        replace_file(folders.state / REQUEST_FILE, signed, mode=0o600)
    return Asked(signed, keyring.signing.key_id)


def tls_key(folder: Path, *, make: bool = False) -> ec.EllipticCurvePrivateKey:
    """Read the device's TLS key.

    Args:
        folder: Where it lies.
        make: Make one if it is not there; the folder's owner gets it, since sync runs as that user.

    Raises:
        ProvisioningError: Not an EC P-256 key, or the folder is not there.
        SecretError: It is missing, open to others, or cannot be written.
    """
    path = folder / KEY_FILE
    if make:
        if not folder.is_dir():
            raise ProvisioningError(
                "the folder of the TLS key is not there",
                where=str(folder),
                next_step=f"sudo install -d -m 0750 -o clockface-sync {folder}, or name another with --tls",
            )
        pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        if write_secret(path, pem.decode("ascii")):
            _give_to_owner(path)
    # As root, the key belongs to the folder's owner by now; who else could read it is checked all the same.
    text = read_secret(path, made_by="clockface provision request --out FILE", private=os.geteuid() != 0)
    try:
        key = serialization.load_pem_private_key(text.encode("ascii"), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise ProvisioningError("the TLS key is not an EC P-256 key in PEM", where=str(path), next_step=_AGAIN)
    return key


def office_key(raw: bytes) -> str:
    """The id of the operator's key that a bundle says it is signed with: what the installer compares.

    Raises:
        BundleRefused: Not a bundle.
    """
    try:
        signed = envelope.decode(raw, max_payload_bytes=MAX_DOCUMENT_BYTES)
        return _signer(signed, _operator_keys(signed))
    except (EnvelopeError, WireError):
        raise _refused("it is not a bundle of an office") from None


def judge(
    raw: bytes, *, believed: Believed, keyring: Keyring, address: Address, folders: Folders, at: datetime
) -> Bundle:
    """Hold a bundle to everything that it must be.

    Args:
        raw: The file.
        believed: Whose signature counts.
        keyring: This device's keys.
        address: This device.
        folders: Where the request is remembered, and the TLS key lies.
        at: Aware; now.

    Raises:
        BundleRefused: What does not hold.
        ProvisioningError, SecretError: Our own half is missing.
    """
    try:
        signed = envelope.decode(raw, max_payload_bytes=MAX_DOCUMENT_BYTES)
        own = _operator_keys(signed)
        keys = {key_id: own[key_id] for key_id in own if key_id == believed.fingerprint}
        if believed.office is not None:
            keys = dict(believed.office.operator)
        bundle = open_document(Bundle, raw, keys=keys, address=None)
    except EnvelopeError:
        raise _refused(
            "it is not signed with the key of that fingerprint"
            if believed.office is None
            else "it is not signed with a key that this device trusts already, and it holds on to its office"
        ) from None
    except WireError:
        raise _refused("it is not a bundle of an office") from None
    if bundle.address != address:
        raise _refused("it is for another device")
    if bundle.answers != _last_request(keyring, address, folders.state).id:
        raise _refused("it answers another request than this device's last one")
    if at >= datetime.fromisoformat(bundle.expires):
        raise _refused("it has expired")
    if set(bundle.online_keys) & set(bundle.operator_keys):
        raise _refused("its online and operator keys are not apart")
    try:
        check_certificate(
            bundle.certificate,
            bundle.authorities,
            key=tls_key(folders.tls).public_key(),
            address=address,
            at=at,
        )
    except CertificateFault as fault:
        raise _refused(str(fault)) from None
    return bundle


def install_files(bundle: Bundle, tls: Path) -> None:
    """Put the certificate and the authorities into the TLS folder, each complete or as it was before.

    Raises:
        ProvisioningError: The folder cannot be written.
    """
    for name, text in ((AUTHORITIES_FILE, bundle.authorities), (CERTIFICATE_FILE, bundle.certificate)):
        replace_file(tls / name, text.encode("ascii"), mode=0o644)
        _give_to_owner(tls / name)


def as_office(bundle: Bundle, *, at: datetime, by: str) -> Office:
    """Whom a bundle tells the device to believe."""
    return Office(
        name=bundle.office,
        bundle=bundle.id,
        online_keys=tuple(bundle.online_keys),
        operator_keys=tuple(bundle.operator_keys),
        sealing_key=bundle.sealing_key,
        installed_at=at,
        installed_by=by,
    )


def replace_file(path: Path, content: bytes, *, mode: int) -> None:
    """Write a file that is complete, or as it was before, after a power cut.

    Raises:
        ProvisioningError: It cannot be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise ProvisioningError(
            f"a file cannot be written: {error.strerror}", where=str(path), next_step=f"ls -ld {path.parent}"
        ) from None


def _give_to_owner(path: Path) -> None:
    """Root leaves nothing of root's in another user's folder."""
    owner = path.parent.stat()
    if os.geteuid() == 0 and not stat.S_ISLNK(path.lstat().st_mode):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _operator_keys(signed: envelope.Envelope) -> dict[str, Ed25519PublicKey]:
    """The operators' keys that a bundle itself names: not yet believed."""
    bundle = read(Bundle, signed.payload, max_bytes=MAX_DOCUMENT_BYTES)
    keys = [Ed25519PublicKey.from_public_bytes(raw_key(text)) for text in bundle.operator_keys]
    return {signing_key_id(key): key for key in keys}


def _signer(signed: envelope.Envelope, keys: dict[str, Ed25519PublicKey]) -> str:
    """The one key that signed; a second signature would let another key than the compared one vouch."""
    if len(signed.signatures) != 1:
        raise EnvelopeError("a bundle has one signature")
    envelope.verify(signed, keys=keys, payload_type=Bundle.payload_type)
    return signed.signatures[0].keyid


def _last_request(keyring: Keyring, address: Address, state: Path) -> DeviceRequest:
    path = state / REQUEST_FILE
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BUNDLE_BYTES + 1)
    except OSError:
        raise ProvisioningError(
            "this device has not asked to be provisioned", where=str(path), next_step=_AGAIN
        ) from None
    own = {keyring.signing.key_id: keyring.signing.private.public_key()}
    try:
        return open_document(DeviceRequest, raw, keys=own, address=address)
    except (EnvelopeError, WireError):
        raise ProvisioningError(
            "the remembered request is not this device's", where=str(path), next_step=_AGAIN
        ) from None


def _refused(why: str) -> BundleRefused:
    return BundleRefused(f"the bundle is refused: {why}", next_step=_AGAIN)
