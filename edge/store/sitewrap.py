"""The site key on its way to the site's next kiosk: sealed to that device (HPKE), signed by this one.

HPKE says nothing of who sealed, and a stranger's site key would let the stranger open this site's templates: so
people compare the fingerprint of the site key itself on both ends. Trust boundary: request and wrapped key come
from files that anybody may have touched; only what a person has confirmed is sealed or stored.
"""

import base64
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from clockface.errors import SecretInvalid, SecretWrong
from edge.store.sitekey import SiteKey, site_key
from sync.wire.canonical import WireError, read
from sync.wire.documents import MAX_DOCUMENT_BYTES, Document, open_document, sign_document
from sync.wire.envelope import EnvelopeError, decode, signing_key_id
from sync.wire.fields import Base64, KeyId, PublicKey, Slug, Time
from sync.wire.provisioning import DeviceRequest
from sync.wire.sealing import SealError, from_text, seal, to_text, unseal


class WrappedSiteKey(Document):
    """A site key for one device; between kiosks only, never through the office.

    Args:
        giver: The device that sealed it.
        signing_key: The giver's, Ed25519.
        site_key: Names the key that is sealed.
    """

    payload_type: ClassVar[str] = "application/vnd.clockface.site-key+json"

    kind: Literal["clockface.site-key.v1"] = "clockface.site-key.v1"
    giver: Slug
    signing_key: PublicKey
    site_key: KeyId
    sealed: Base64
    at: Time

    @property
    def giver_fingerprint(self) -> str:
        """Of the key that signed it, once `unwrap` has checked that it did."""
        return signing_key_id(_ed25519(self.signing_key))

    @property
    def info(self) -> bytes:
        """What the sealed key is bound to."""
        return f"site key {self.site}/{self.device} from {self.giver} {self.site_key}".encode()


D = TypeVar("D", DeviceRequest, WrappedSiteKey)


@dataclass(frozen=True, slots=True)
class Receiver:
    """The next device, as its own request names it; nothing is proved but that it holds its signing key."""

    site: str
    device: str
    sealing: X25519PublicKey
    fingerprint: str


def read_receiver(raw: bytes, *, site: str) -> Receiver:
    """Read a device's request.

    Raises:
        SecretInvalid: Not a request, not signed with the key that it names, or of another site.
    """
    request = _self_signed(DeviceRequest, raw, "a device's request")
    if request.site != site:
        raise SecretInvalid(
            "the request is of another site", where=f"site {request.site}", next_step="check device.site there"
        )
    sealing = X25519PublicKey.from_public_bytes(_raw(request.sealing_key))
    fingerprint = signing_key_id(_ed25519(request.signing_key))  # that key signed the sealing key too
    return Receiver(request.site, request.device, sealing, fingerprint)


def wrap(key: SiteKey, receiver: Receiver, *, giver: str, signing: Ed25519PrivateKey, at: str) -> bytes:
    """Seal the site key to a device whose fingerprint a person has confirmed.

    Args:
        key: The site key.
        receiver: The device.
        giver: This device's name.
        signing: This device's signing key.
        at: Now, as `fields.Time`.
    """
    named = (
        base64.urlsafe_b64encode(signing.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        .decode("ascii")
        .rstrip("=")
    )
    blank = WrappedSiteKey(
        site=receiver.site,
        device=receiver.device,
        giver=giver,
        signing_key=named,
        site_key=key.key_id,
        sealed="",
        at=at,
    )
    sealed = to_text(seal(key.secret, to=receiver.sealing, info=blank.info))
    return sign_document(blank.model_copy(update={"sealed": sealed}), key=signing)


def unwrap(raw: bytes, *, site: str, device: str, sealing: X25519PrivateKey) -> tuple[SiteKey, WrappedSiteKey]:
    """Open a site key that was sealed to this device. The caller still has its fingerprint confirmed.

    Raises:
        SecretInvalid: Not such a file, not signed with the key that it names, or for another device.
        SecretWrong: It does not open with this device's sealing key, or is not the key that it names.
    """
    wrapped = _self_signed(WrappedSiteKey, raw, "a wrapped site key")
    if (wrapped.site, wrapped.device) != (site, device):
        raise SecretInvalid(
            "the site key was wrapped for another device",
            where=f"device {wrapped.device} of site {wrapped.site}",
        )
    try:
        key = site_key(unseal(from_text(wrapped.sealed), key=sealing, info=wrapped.info))
    except SealError:
        raise SecretWrong(
            "the wrapped site key does not open with this device's sealing key",
            next_step="make a new request here, and wrap the key for it again",
        ) from None
    if key.key_id != wrapped.site_key:
        raise SecretWrong(
            "the file names another site key than it holds", next_step="clockface site wrap, again"
        )
    return key, wrapped


def _self_signed(kind: type[D], raw: bytes, named: str) -> D:
    """Read a document that names its own signing key, and check that this key signed it."""
    try:
        claimed = read(
            kind, decode(raw, max_payload_bytes=MAX_DOCUMENT_BYTES).payload, max_bytes=MAX_DOCUMENT_BYTES
        )
        key = _ed25519(claimed.signing_key)
        return open_document(kind, raw, keys={signing_key_id(key): key}, address=None)
    except (EnvelopeError, WireError, ValueError):
        raise SecretInvalid(
            f"the file is not {named}, or it was altered", next_step="have it made again"
        ) from None


def _ed25519(text: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(_raw(text))


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=")
