"""Trust is sticky: another office or certificate authority needs somebody who stands at the device.

A file on the boot partition, which is used up, or a button that is held. Trust boundary: whoever is root can
make the file over the network too; what this stops is a bundle that a thief of keys or a careless click sends.
"""

import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from clockface.secretfiles import sync_folder
from edge.config.device import TrustConfig
from edge.errors import BundleRefused, ProvisioningError
from edge.provisioning import AUTHORITIES_FILE
from edge.store.office import Office
from sync.wire import envelope
from sync.wire.canonical import WireError, read
from sync.wire.documents import MAX_DOCUMENT_BYTES
from sync.wire.provisioning import Bundle

BUTTON_WITHIN_S = 30.0
_POLL_S = 0.05
MAX_AUTHORITIES_BYTES = 256 * 1024


class Strange(Enum):
    """What of a bundle this device does not believe yet."""

    NOTHING = "nothing"
    AUTHORITY = "authority"
    OFFICE = "office"


class Act(Enum):
    """What somebody did at the device."""

    FILE = "file"
    BUTTON = "button"


def strange(raw: bytes, *, office: Office, tls: Path) -> Strange:
    """Whether a bundle is of another office than the one believed, or names an authority that is not."""
    try:
        signed = envelope.decode(raw, max_payload_bytes=MAX_DOCUMENT_BYTES)
        if not any(
            each.keyid in office.operator for each in signed.signatures
        ):  # only names it; `judge` verifies
            return Strange.OFFICE
        bundle = read(Bundle, signed.payload, max_bytes=MAX_DOCUMENT_BYTES)
        wanted = _authorities(bundle.authorities.encode("ascii"))
    except (envelope.EnvelopeError, WireError, ValueError):
        return Strange.NOTHING  # `judge` says what is wrong with it
    try:
        with (tls / AUTHORITIES_FILE).open("rb") as file:
            believed = _authorities(file.read(MAX_AUTHORITIES_BYTES))
    except FileNotFoundError:
        return (
            Strange.NOTHING
        )  # none is believed: the office's word, signed with the key that is trusted, is enough
    except (OSError, ValueError):
        return Strange.AUTHORITY
    return Strange.NOTHING if wanted <= believed else Strange.AUTHORITY


def _authorities(pem: bytes) -> set[bytes]:
    """By their keys: an authority that was certified anew under the same key is the same one."""
    certificates = x509.load_pem_x509_certificates(pem)
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {each.public_key().public_bytes(*form) for each in certificates}


def refuse_without_anybody(config: TrustConfig) -> None:
    """Refuse at once where there is neither a file nor a button that could be held.

    Raises:
        BundleRefused: With what to do.
    """
    if config.reset_button is None and not config.reset_file.is_file():
        raise _nobody(config)


def witness(
    config: TrustConfig,
    *,
    now_s: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
    factory: Any = None,
) -> Act:
    """Make sure that somebody is at the device: the file, which is used up by this, or the button.

    Args:
        config: The section [trust].
        now_s: A monotonic clock.
        pause: Sleeps.
        factory: gpiozero's pin factory; None means the board's.

    Raises:
        BundleRefused: Nobody did anything; with what to do.
        ProvisioningError: The file cannot be used up, or the button cannot be read.
    """
    if _use_up(config.reset_file):
        return Act.FILE
    if config.reset_button is not None and _held(config, now_s=now_s, pause=pause, factory=factory):
        return Act.BUTTON
    raise _nobody(config)


def _nobody(config: TrustConfig) -> BundleRefused:
    button = (
        f", or hold the button on GPIO {config.reset_button} for {config.reset_hold_s:.0f} s while it runs"
        if config.reset_button is not None
        else ""
    )
    return BundleRefused(
        "the bundle is refused: this device believes another office or authority, and holds on to it. To "
        "change that, somebody must be at the device",
        where="trust.reset_file, trust.reset_button",
        next_step=f"make an empty file {config.reset_file} (the boot partition can be written in any computer)"
        f"{button}; then repeat the command. It is recorded in the audit trail",
    )


def _use_up(path: Path) -> bool:
    """Whether the file was there; it is not any more. A folder or a link is no file."""
    try:
        if path.is_symlink() or not path.is_file():
            return False
        path.unlink()
        sync_folder(path.parent)
    except OSError as error:
        raise ProvisioningError(
            f"the file of the physical act is there and cannot be used up: {error.strerror}",
            where=str(path),
            next_step=f"mount -o remount,rw {path.parent}, then repeat the command",
        ) from None
    return True


def _held(
    config: TrustConfig, *, now_s: Callable[[], float], pause: Callable[[float], None], factory: Any
) -> bool:
    try:
        from gpiozero import Button
        from gpiozero.exc import GPIOZeroError
    except ImportError:
        raise ProvisioningError(
            "the reset button needs gpiozero, which is not installed",
            where="trust.reset_button",
            next_step="scripts/setup pi, or use trust.reset_file",
        ) from None
    try:
        button = Button(config.reset_button, pin_factory=factory)
    except (GPIOZeroError, OSError) as error:
        raise ProvisioningError(
            f"the reset button cannot be read: {type(error).__name__}",
            where="trust.reset_button",
            next_step="see the pin's number and who else uses it; or use trust.reset_file",
        ) from None
    until_s, since_s = now_s() + BUTTON_WITHIN_S, None
    try:
        while now_s() < until_s or since_s is not None:
            if not button.is_pressed:
                since_s = None
            elif since_s is None:
                since_s = now_s()
            elif now_s() - since_s >= config.reset_hold_s:
                return True
            pause(_POLL_S)
        return False
    finally:
        button.close()
