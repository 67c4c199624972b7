"""`clockface-office ca`: a certificate authority for those who have none.

It needs no configuration, no database and no network: run it where its key is safe. Trust boundary: requests
are files that anybody may have made; whose certificate one becomes is what the administrator types.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography import x509
from rich.console import Console
from rich.table import Table

from clockface.cli.context import any_invocation
from clockface.secretfiles import SECRET_MODE
from sync.office.authority import files
from sync.office.authority.authority import (
    CERTIFICATE_FILE,
    CRL_DAYS,
    CRL_FILE,
    REGISTER_FILE,
    Authority,
    serial_of,
)
from sync.office.authority.certificates import AUTHORITY_DAYS, DEVICE_DAYS, key_pem, new_key, new_request, pem
from sync.office.authority.errors import AuthorityUnavailable, RegisterConflict
from sync.office.authority.identity import (
    BrokerIdentity,
    DeviceIdentity,
    Identity,
    OfficeIdentity,
    parse_common_name,
)
from sync.office.authority.passphrase import find_passphrase
from sync.office.authority.register import Entry, Register
from sync.office.authority.revoked import Reason, parse_last_trusted

app = typer.Typer(
    help="Certificates of brokers, kiosks and office processes: init, issue, renew, revoke, crl, list.",
    no_args_is_help=True,
)

FolderOption = Annotated[Path, typer.Option("--folder", metavar="FOLDER", help="The authority's own folder.")]
PassphraseOption = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help="Of mode 0400; else systemd's ca_passphrase, else it is asked.",
    ),
]
Names = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME...", help="SITE/DEVICE, @office/NAME, or a broker's host names and addresses."
    ),
]
RequestOption = Annotated[
    Path | None,
    typer.Option(
        "--request", metavar="FILE", help="A certificate request (PEM); without one a key is made here."
    ),
]
OutOption = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where the certificate is put.")]
DaysOption = Annotated[int, typer.Option("--days", min=1, max=AUTHORITY_DAYS, help="How long it is valid.")]
FOLDER = Path("/var/lib/clockface-ca")
MAX_CRL_DAYS = 365
_STEMS: dict[type[Identity], str] = {
    DeviceIdentity: "device",
    OfficeIdentity: "office",
    BrokerIdentity: "broker",
}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a certificate goes: `device.*`, `office.*` or `broker.*`, as who uses it expects."""

    folder: Path
    stem: str

    def path(self, suffix: str) -> Path:
        """Of one of the files."""
        return self.folder / f"{self.stem}.{suffix}"

    def require_free(self, *, with_key: bool) -> None:
        """Refuse before anything is signed, and not afterwards."""
        for suffix in ("crt", "key") if with_key else ("crt",):
            if self.path(suffix).exists():
                raise AuthorityUnavailable(
                    "there is a file of that name, which is not overwritten",
                    where=str(self.path(suffix)),
                    next_step="give another folder: --out FOLDER",
                )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AuthorityUnavailable(
                f"the folder cannot be made: {error.strerror}", where=str(self.folder)
            ) from None


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="ca")


@app.command()
def init(
    context: typer.Context,
    folder: FolderOption = FOLDER,
    passphrase_file: PassphraseOption = None,
    name: Annotated[str, typer.Option("--name", help="What the authority is called.")] = "Clockface authority",
    days: DaysOption = AUTHORITY_DAYS,
) -> None:
    """Make an authority: its key under a pass phrase, its certificate, an empty revocation list."""
    if not 1 <= len(name) <= 64 or not name.isprintable():
        raise typer.BadParameter("an authority's name is 1 to 64 printable characters", param_hint="--name")
    phrase = _passphrase(context, passphrase_file, new=True)
    authority = Authority.create(
        folder, name=name, passphrase=phrase, now=_now(), valid_for=timedelta(days=days)
    )
    authority.close()
    typer.echo(f"authority:   {folder}; keep a copy of this folder and of the pass phrase apart")
    typer.echo(f"certificate: {folder / CERTIFICATE_FILE}, valid until {_day(authority.certificate)}")
    typer.echo(f"revocations: {folder / CRL_FILE}, for {CRL_DAYS} days: run 'clockface-office ca crl' before")


@app.command()
def issue(
    context: typer.Context,
    names: Names,
    request: RequestOption = None,
    out: OutOption = Path(),
    folder: FolderOption = FOLDER,
    passphrase_file: PassphraseOption = None,
    days: DaysOption = DEVICE_DAYS,
) -> None:
    """Issue the first certificate of a kiosk, an office process or a broker."""
    identity = _identity(names)
    with _open(context, folder, passphrase_file) as authority:
        _deliver(authority, identity, request, out=out, days=days, renew=False)


@app.command()
def renew(
    context: typer.Context,
    names: Names,
    request: RequestOption = None,
    out: OutOption = Path(),
    folder: FolderOption = FOLDER,
    passphrase_file: PassphraseOption = None,
    days: DaysOption = DEVICE_DAYS,
) -> None:
    """Issue a further certificate with a new key; the one before stays valid until it expires."""
    identity = _identity(names)
    with _open(context, folder, passphrase_file) as authority:
        _deliver(authority, identity, request, out=out, days=days, renew=True)


@app.command()
def revoke(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="SITE/DEVICE, @office/NAME, a broker's names, or a serial.")
    ],
    reason: Annotated[Reason, typer.Option("--reason", help="Why.")],
    last_trusted: Annotated[
        str | None,
        typer.Option(
            "--last-trusted", metavar="EPOCH/SEQ", help="The kiosk's last event whose signature still counts."
        ),
    ] = None,
    folder: FolderOption = FOLDER,
    passphrase_file: PassphraseOption = None,
) -> None:
    """Revoke a certificate, or all that a kiosk has, and write the revocation list."""
    trusted = None if last_trusted is None else parse_last_trusted(last_trusted)
    now = _now()
    with _open(context, folder, passphrase_file) as authority:
        entries = _meant(authority.register, name, now)
        if trusted is not None and any(entry.kind != "device" for entry in entries):
            raise RegisterConflict(
                "only a kiosk has events to trust", where=name, next_step="leave --last-trusted out"
            )
        authority.revoke(
            [entry.serial for entry in entries],
            now=now,
            reason=reason,
            last_trusted=trusted,
        )
        authority.write_crl(now=now, valid_for=timedelta(days=CRL_DAYS))
    for entry in entries:
        typer.echo(f"revoked: {entry.identity} {entry.serial}")
    tell_what_to_copy(folder)
    for identity in sorted({entry.identity for entry in entries if entry.kind == "device"}):
        typer.echo(
            "the office goes on believing what it signs. There: clockface-office device revoke "
            f"{identity} --reason {reason} --last-trusted {last_trusted or 'frontier'}"
        )


@app.command()
def crl(
    context: typer.Context,
    folder: FolderOption = FOLDER,
    passphrase_file: PassphraseOption = None,
    days: Annotated[
        int, typer.Option("--days", min=1, max=MAX_CRL_DAYS, help="Until the next one must be there.")
    ] = CRL_DAYS,
) -> None:
    """Write the revocation list anew. A broker whose list has expired lets nobody in."""
    with _open(context, folder, passphrase_file) as authority:
        written = authority.write_crl(now=_now(), valid_for=timedelta(days=days))
    typer.echo(f"valid until {written.next_update_utc:%Y-%m-%d}")
    tell_what_to_copy(folder)


@app.command("list")
def list_issued(
    folder: FolderOption = FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """List what was issued, the oldest first; needs no pass phrase."""
    opened = Register(folder / REGISTER_FILE)
    try:
        entries = opened.entries()
    finally:
        opened.close()
    now = _now()
    if as_json:
        for entry in entries:
            typer.echo(json.dumps(_object(entry, now)))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("identity", "state", "until", "serial"):
        table.add_column(heading, overflow="fold")
    for entry in entries:
        table.add_row(entry.identity, _state(entry, now), f"{entry.not_after:%Y-%m-%d}", entry.serial)
    width = None if sys.stdout.isatty() else 200
    Console(highlight=False, width=width).print(table, markup=False)


def _deliver(
    authority: Authority, identity: Identity, request: Path | None, *, out: Path, days: int, renew: bool
) -> None:
    target = Target(out, _STEMS[type(identity)])
    target.require_free(with_key=request is None)
    key = None
    if request is None:
        key = new_key()
        asked = new_request(key, identity)
    else:
        asked = files.read(request, next_step=f"ls -l {request}")
    sign = authority.renew if renew else authority.issue
    certificate = sign(asked, identity, now=_now(), valid_for=timedelta(days=days))
    if key is not None:
        files.write_new(target.path("key"), key_pem(key), mode=SECRET_MODE)
    files.write_new(target.path("crt"), pem(certificate), mode=files.PUBLIC_MODE)
    files.replace(out / CERTIFICATE_FILE, pem(authority.certificate))
    if isinstance(identity, BrokerIdentity):
        files.replace(
            out / CRL_FILE, files.read(authority.folder / CRL_FILE, next_step="clockface-office ca crl")
        )
    typer.echo(
        f"certificate: {target.path('crt')}, valid until {_day(certificate)}, serial {serial_of(certificate)}"
    )
    if key is not None:
        typer.echo(f"key:         {target.path('key')}; move it to its machine, and keep no copy")


def _meant(opened: Register, name: str, now: datetime) -> list[Entry]:
    """Which certificates a name or a serial number means; of a name, all that have not expired."""
    entries = opened.entries(name)
    if not entries:
        return [opened.by_serial(name.lower())]
    meant = [entry for entry in entries if now <= entry.not_after]
    return meant or entries[-1:]


def _identity(names: list[str]) -> Identity:
    if len(names) == 1 and "/" in names[0]:
        return parse_common_name(names[0])
    return BrokerIdentity(tuple(names))


@contextmanager
def _open(context: typer.Context, folder: Path, passphrase_file: Path | None) -> Iterator[Authority]:
    phrase = _passphrase(context, passphrase_file, new=False)
    authority = Authority.open(folder, passphrase=phrase, now=_now())
    try:
        yield authority
    finally:
        authority.close()


def _passphrase(context: typer.Context, file: Path | None, *, new: bool) -> str:
    environment = any_invocation(context).environment
    return find_passphrase(file, environment=environment, new=new, interactive=sys.stdin.isatty())


def tell_what_to_copy(folder: Path) -> None:
    """What must go where after a revocation."""
    typer.echo(f"copy to the broker, then send it SIGHUP: {folder / CRL_FILE}")


def _state(entry: Entry, now: datetime) -> str:
    if entry.revoked_at is not None:
        return f"revoked ({entry.reason})"
    if now > entry.not_after:
        return "expired"
    return f"valid, {(entry.not_after - now).days} days left"


def _object(entry: Entry, now: datetime) -> dict[str, Any]:
    return {
        "identity": entry.identity,
        "kind": entry.kind,
        "serial": entry.serial,
        "state": _state(entry, now).split(" ")[0].rstrip(","),
        "not_before": entry.not_before.isoformat(),
        "not_after": entry.not_after.isoformat(),
        "days_left": (entry.not_after - now).days,
        "revoked_at": None if entry.revoked_at is None else entry.revoked_at.isoformat(),
        "reason": entry.reason,
        "last_trusted": None if entry.last_trusted is None else entry.last_trusted.model_dump(),
        "certificate": entry.certificate,
    }


def _day(certificate: x509.Certificate) -> str:
    return f"{certificate.not_valid_after_utc:%Y-%m-%d}"


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
