"""What the device's own keys do for the rest of edge: sign documents, open what the office sealed to us.

Whoever needs a signature or a plaintext asks here, so that no private key is passed around. Trust boundary:
sealed bytes come from anybody; signing says "this device said so" and asks no further.
"""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from clockface.errors import SecretMissing
from edge.store.keys import Keyring, SigningKey
from sync.wire import sealing
from sync.wire.documents import Document, sign_document


@dataclass(frozen=True, slots=True, eq=False)
class DeviceKeys:
    """The signing key, and the sealing key once the device asked to be provisioned."""

    signing: SigningKey
    sealing: X25519PrivateKey | None

    @classmethod
    def of(cls, keyring: Keyring) -> "DeviceKeys":
        """The pair of a keyring."""
        return cls(keyring.signing, keyring.sealing)

    def sign(self, document: Document) -> bytes:
        """Sign a document; returns the encoded envelope.

        Raises:
            EnvelopeError: It is larger than 96 KiB.
        """
        return sign_document(document, key=self.signing.private)

    def unseal(self, sealed: bytes, info: bytes) -> bytes:
        """Open what was sealed to this device for `info`.

        Raises:
            SecretMissing: The device has no sealing key yet.
            SealError: Sealed to or for something else, or altered.
        """
        if self.sealing is None:
            raise SecretMissing(
                "the device has no sealing key", where="STATE/keys", next_step="clockface provision request"
            )
        return sealing.unseal(sealed, key=self.sealing, info=info)

    def __repr__(self) -> str:
        return f"DeviceKeys({self.signing.key_id}, ********)"
