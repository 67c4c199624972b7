"""Which kiosks this one has given the site key, and whose it took: so that a rotation needs no comparing anew.

Public keys and names, in STATE/site_devices, mode 0400. A person compared each fingerprint once; what is signed
with that key is believed from then on. Trust boundary: whoever may write the state folder owns the device; what
stands here is validated all the same.
"""

import base64
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clockface.errors import SecretInvalid
from clockface.secretfiles import replace_secret
from edge.store.sitewrap import Receiver
from sync.wire.fields import KeyId, PublicKey, Slug

FILE: Final = "site_devices"
MAX_BYTES: Final = 256 * 1024


class _Peer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    fingerprint: KeyId
    sealing_key: PublicKey


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    version: int = 1
    given: Annotated[dict[Slug, _Peer], Field(max_length=1000)] = {}
    givers: Annotated[dict[Slug, KeyId], Field(max_length=1000)] = {}


@dataclass(frozen=True, slots=True)
class SiteDevices:
    """The file.

    Args:
        state: The state folder.
    """

    state: Path

    def given(self, site: str) -> tuple[Receiver, ...]:
        """Kiosks that got the site key from this one, as they were when somebody compared.

        Raises:
            SecretInvalid: The file was altered.
        """
        return tuple(
            Receiver(site, name, X25519PublicKey.from_public_bytes(_raw(peer.sealing_key)), peer.fingerprint)
            for name, peer in sorted(self._read().given.items())
        )

    def giver(self, device: str) -> str | None:
        """The fingerprint of a kiosk from which this one took the site key, as somebody compared it."""
        return self._read().givers.get(device)

    def note_given(self, receiver: Receiver) -> None:
        """A kiosk was given the key, after its fingerprint was compared."""
        kept = self._read()
        text = base64.urlsafe_b64encode(receiver.sealing.public_bytes_raw()).decode("ascii").rstrip("=")
        peer = _Peer(fingerprint=receiver.fingerprint, sealing_key=text)
        self._write(kept.model_copy(update={"given": {**kept.given, receiver.device: peer}}))

    def note_giver(self, device: str, fingerprint: str) -> None:
        """The key was taken from a kiosk, after the key's own fingerprint was compared."""
        kept = self._read()
        self._write(kept.model_copy(update={"givers": {**kept.givers, device: fingerprint}}))

    def drop(self, device: str) -> bool:
        """A kiosk is gone: it gets no key and gives none; whether it was known."""
        kept = self._read()
        given = {name: peer for name, peer in kept.given.items() if name != device}
        givers = {name: key for name, key in kept.givers.items() if name != device}
        known = (given, givers) != (kept.given, kept.givers)
        if known:
            self._write(kept.model_copy(update={"given": given, "givers": givers}))
        return known

    def _read(self) -> _Kept:
        path = self.state / FILE
        if not os.path.lexists(path):
            return _Kept()
        try:
            with path.open("rb") as file:
                return _Kept.model_validate_json(file.read(MAX_BYTES))
        except (OSError, ValidationError):
            raise SecretInvalid(
                "the list of the site's kiosks cannot be read",
                where=str(path),
                next_step=f"mv {path} {path}.old; fingerprints are then compared anew",
            ) from None

    def _write(self, kept: _Kept) -> None:
        replace_secret(self.state / FILE, kept.model_dump_json(indent=1) + "\n")


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=")
