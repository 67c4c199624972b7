"""What the office answers to a kiosk's request: its certificate and a signed bundle.

Trust boundary: a request is a file that anybody may have touched; the administrator compares its fingerprint
with what the kiosk itself shows before anything is signed.
"""

import getpass
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import typer
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from clockface.bounded import read_bounded
from sync.office import rotation
from sync.office.authority import files
from sync.office.authority.certificates import DEVICE_DAYS, pem
from sync.office.authority.identity import DeviceIdentity
from sync.office.cli.authority import open_authority
from sync.office.cli.context import Invocation
from sync.office.database import Database
from sync.office.errors import DeviceRefused, OfficeError
from sync.office.keys import read_receiver_keys, read_signing_key
from sync.office.registration import (
    OfficeIdentityKeys,
    check_certificate,
    from_text,
    make_bundle,
    read_request,
)
from sync.wire.envelope import signing_key_id, spoken
from sync.wire.provisioning import DeviceRequest

MAX_REQUEST_BYTES = 192 * 1024


def compare(asked: DeviceRequest, given: str) -> None:
    """Hold a request to the fingerprint that the kiosk itself shows.

    Raises:
        DeviceRefused: They differ.
    """
    own = signing_key_id(Ed25519PublicKey.from_public_bytes(from_text(asked.signing_key)))
    typer.echo(f"Kiosk {asked.device} at {asked.site}, software {asked.software}.")
    typer.echo(f"Fingerprint: {spoken(own)}")
    if not given:
        given = typer.prompt("Type the fingerprint that the kiosk itself shows (32 hex digits)")
    if "".join(given.split()).lower() != own:
        raise DeviceRefused(
            "the fingerprints differ: this request is not that kiosk's",
            where=f"{asked.site}/{asked.device}",
            next_step="let whoever stands before the kiosk read its screen again: clockface provision request",
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes to the kiosk, and the certificate in it that the registry notes."""

    bundle: bytes
    certificate: x509.Certificate


def answer(
    here: Invocation,
    asked: DeviceRequest,
    *,
    office: OfficeIdentityKeys,
    certificate: Path | None,
    authority: Path,
    passphrase_file: Path | None,
    now: datetime,
) -> Answer:
    """Certify a request, by a file of another authority's or by our own, and sign the bundle.

    Raises:
        OfficeError: The certificate, the authority or the request does not hold.
    """
    chain = (
        files.read(certificate, next_step="give the certificate's file").decode("ascii")
        if certificate is not None
        else _issue(here, asked, folder=authority, passphrase_file=passphrase_file, now=now)
    )
    found = check_certificate(chain, asked)
    return Answer(make_bundle(asked, office=office, certificate=chain, now=now), found)


def _issue(
    here: Invocation, asked: DeviceRequest, *, folder: Path, passphrase_file: Path | None, now: datetime
) -> str:
    """Have our own authority certify a kiosk's request; returns the certificate, PEM."""
    opened = open_authority(here, folder, passphrase_file)
    try:
        made = opened.issue(
            asked.certificate_request.encode(),
            DeviceIdentity(asked.site, asked.device),
            now=now,
            valid_for=timedelta(days=DEVICE_DAYS),
        )
        return pem(made).decode("ascii")
    finally:
        opened.close()


def office_keys(here: Invocation, operator_key: Path | None, database: Database) -> OfficeIdentityKeys:
    """What a bundle says of this office, and the key that signs it.

    Raises:
        OfficeError: No operator's key is named.
    """
    config = here.config
    chosen = operator_key or config.paths.operator_key
    if chosen is None:
        raise OfficeError("no operator's key is named", next_step="give --operator-key FILE")
    keys = read_receiver_keys(online=config.paths.online_key, sealing=config.paths.sealing_key)
    authorities = files.read(config.paths.tls_files.authorities, next_step="put ca.crt there")
    online = keys.online.public_key()
    operator = read_signing_key(chosen, ask=lambda: getpass.getpass("Pass phrase: "))
    with database.read() as connection:
        more_online = rotation.beside(connection, "online", online)
        more_operator = rotation.beside(connection, "operator", operator.public_key())
    return OfficeIdentityKeys(
        name=config.office.name,
        online=online,
        operator=operator,
        sealing=keys.sealing.public_key(),
        brokers=tuple(str(endpoint) for endpoint in config.broker.endpoints),
        authorities=authorities.decode("ascii"),
        more_online=more_online,
        more_operator=more_operator,
    )


def asked_in(path: Path) -> DeviceRequest:
    """What a request's file asks.

    Raises:
        DeviceRefused: It cannot be read, or is no request.
    """
    try:
        raw = read_bounded(path, max_bytes=MAX_REQUEST_BYTES)
    except OSError as error:
        raise DeviceRefused(
            f"the request cannot be read: {error.strerror}", where=str(path), next_step=f"ls -l {path}"
        ) from None
    return read_request(raw)
