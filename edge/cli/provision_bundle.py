"""Where the office's bundle comes from: a file, a stick's folder, standard input, or a path that is typed.

Trust boundary: whatever is found is a file that anybody may have touched; `take_bundle` judges it.
"""

import sys
from pathlib import Path

import typer

from clockface.errors import ClockfaceError
from edge.cli.provision import bundle_bytes
from edge.errors import ProvisioningError
from edge.provisioning import MAX_BUNDLE_BYTES
from edge.setup.journey import Journey, Waiting
from sync.wire import envelope
from sync.wire.canonical import WireError, read
from sync.wire.documents import MAX_DOCUMENT_BYTES
from sync.wire.provisioning import Bundle

MAX_FILES = 200


def bundle_of(journey: Journey) -> bytes:
    """The bundle's bytes.

    Raises:
        Waiting: It is not there yet.
        ProvisioningError: It cannot be read.
    """
    answers = journey.answers
    place = answers.office.bundle
    device = answers.device
    how = f"replace {device.site}/{device.name}" if journey.progress.replaces else "add"
    while True:
        if place is not None:
            found = _at(place, site=answers.device.site, device=answers.device.name)
            if found is not None:
                return found
        if not sys.stdin.isatty():
            where = (
                f"looked for at {place}" if place is not None else "office.bundle in the answers, or --bundle"
            )
            raise Waiting(
                f"The office's bundle is not here yet ({where}).\n"
                f"  At the office: clockface-office device {how} "
                f"{answers.office.request.name} --out bundle.json"
            )
        typed = typer.prompt("Path of the office's bundle, a file or a stick's folder (Ctrl-C: go on later)")
        place = Path(str(typed))


def _at(place: Path, *, site: str, device: str) -> bytes | None:
    if str(place) == "-":
        return bundle_bytes(place)
    if place.is_dir():
        return _newest(place, site=site, device=device)
    return bundle_bytes(place) if place.exists() else None


def _newest(folder: Path, *, site: str, device: str) -> bytes | None:
    """Of a stick's files the newest that says it is a bundle for this device."""
    found: list[tuple[str, bytes]] = []
    try:
        files = sorted(folder.iterdir())[:MAX_FILES]
    except OSError as error:
        raise ProvisioningError(
            f"the folder of the bundle cannot be read: {error.strerror}", where=str(folder)
        ) from None
    for file in files:
        try:
            if file.is_symlink() or not file.is_file() or file.stat().st_size > MAX_BUNDLE_BYTES:
                continue
            raw = bundle_bytes(file)
            signed = envelope.decode(raw, max_payload_bytes=MAX_DOCUMENT_BYTES)
            bundle = read(Bundle, signed.payload, max_bytes=MAX_DOCUMENT_BYTES)
        except (OSError, ClockfaceError, envelope.EnvelopeError, WireError):
            continue
        if (bundle.site, bundle.device) == (site, device):
            found.append((bundle.issued, raw))
    return max(found)[1] if found else None
