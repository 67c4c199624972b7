"""`clockface-office renew`: a kiosk's next certificate by file, where its own has expired already.

Trust boundary: the request is a file that anybody may have touched, or made; it counts only with the signature
of the kiosk's signing key, which the office has known since the kiosk was added.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from sync.office.authority import files
from sync.office.cli.authority import open_authority
from sync.office.cli.ca import FOLDER, FolderOption, PassphraseOption
from sync.office.cli.context import invocation
from sync.office.cli.desk import desk
from sync.office.errors import DeviceRefused
from sync.office.keys import read_signing_key
from sync.office.operators import Role
from sync.office.registry import load_devices
from sync.office.renewal import Renewal, Renewals, claimed_address
from sync.office.renewed import Authorities, answer_to, certificate_for
from sync.wire.canonical import WireError
from sync.wire.documents import sign_document
from sync.wire.envelope import EnvelopeError


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("renew")(renew)


def renew(
    context: typer.Context,
    request: Annotated[
        Path, typer.Argument(metavar="FILE", help="From the kiosk: clockface-sync renew --request-out FILE.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the answer is written.")],
    folder: FolderOption = FOLDER,
    passphrase_file: PassphraseOption = None,
) -> None:
    """Answer a kiosk's countersigned certificate request by file (administrator)."""
    here = invocation(context)
    paths = here.config.paths
    raw = files.read(request, next_step=f"ls -l {request}").strip()
    try:
        address = claimed_address(raw)
    except (EnvelopeError, WireError):
        raise _refused(Renewal.NOT_AUTHENTIC, str(request)) from None
    online = read_signing_key(paths.online_key)
    authorities = Authorities.read(paths.tls_files.authorities)
    authority = open_authority(here, folder, passphrase_file)
    now = datetime.now(UTC)
    try:
        with desk(context) as office:
            with office.acting(Role.ADMINISTRATOR) as connection:
                done = Renewals(office.database, authority, by=office.account).answer(
                    connection, raw, address=address, now=now
                )
            if done.request is None or done.certificate is None:
                raise _refused(done.outcome, f"{address.site}/{address.device}")
            with office.database.read() as connection:
                device = load_devices(connection, [address])[address]
                chain = certificate_for(connection, device, done.request, authorities=authorities, now=now)
    finally:
        authority.close()
    answer = answer_to(done.request, certificate=chain, authorities=authorities, now=now)
    files.replace(out, sign_document(answer, key=online) + b"\n")
    until = f"{done.certificate.not_valid_after_utc:%Y-%m-%d}"
    typer.echo(f"{address.site}/{address.device}: a certificate until {until} is in {out}.")
    typer.echo(f"Next, on the kiosk, as clockface-sync: clockface-sync renew --certificate {out.name}")


def _refused(outcome: Renewal, where: str) -> DeviceRefused:
    said, step = _REASONS[outcome]
    return DeviceRefused(said, where=where, next_step=step)


_REASONS = {
    Renewal.NOT_AUTHENTIC: (
        "this request is not signed by a key of the kiosk that it names",
        "on the kiosk: clockface-sync renew --request-out FILE",
    ),
    Renewal.NOT_ACTIVE: ("no active kiosk of this name is here", "clockface-office device list"),
    Renewal.NOT_ITS_NAME: ("the request asks for another name than its kiosk's", "look who made it"),
    Renewal.BAD_REQUEST: ("the request's key or signature does not hold", "have the kiosk make another one"),
    Renewal.NOT_REGISTERED: (
        "this authority has given the kiosk no certificate, or has revoked it",
        "clockface-office ca list; clockface-office ca issue for one that it does not know",
    ),
    Renewal.TOO_MANY: ("the kiosk had too many certificates within a day", "clockface-office ca list"),
    Renewal.AUTHORITY_ENDS: (
        "the certificate would outlive its authority",
        "begin a new authority: clockface-office ca init",
    ),
}
