"""`clockface-sync renew`: the next certificate by file, for a device whose own has expired already.

Edge countersigns the request, so that nobody can forge one on its way. What comes back is the office's signed
document, on which edge checks the signature, or a certificate in PEM of an authority that we believe. Trust
boundary: both files.
"""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from edge.api.protocol.courier import CertificateAsked, Delivery, ParcelQuery
from edge.api.protocol.fields import MAX_DOCUMENT_CHARS
from sync import renewal
from sync.certificates import opened
from sync.config import SyncConfig
from sync.edge_socket import EdgeSocket
from sync.errors import CertificateInvalid, CertificateMissing, EdgeFailed
from sync.tls import days_left
from sync.wire.topics import Address

RequestOut = Annotated[
    Path | None, typer.Option("--request-out", metavar="FILE", help="Write a certificate request (- for here).")
]
Pem = Annotated[
    bool,
    typer.Option("--pem", help="A bare PEM request, for an authority of your own: compare its fingerprint."),
]
Certificate = Annotated[
    Path | None, typer.Option("--certificate", metavar="FILE", help="Install the office's answer.")
]


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("renew")(renew)


def renew(
    context: typer.Context,
    request_out: RequestOut = None,
    pem: Pem = False,
    certificate: Certificate = None,
) -> None:
    """Ask for the next TLS certificate by file, or install the answer. Run it as the courier's user."""
    from sync.cli import invocation

    config = invocation(context).config
    if (request_out is None) == (certificate is None):
        raise typer.BadParameter("give either --request-out or --certificate")
    if request_out is not None:
        request = renewal.request(config.paths.tls, _address(config))
        _write(request_out, request if pem else asyncio.run(_countersigned(config, request)))
        if pem:
            typer.echo(f"SHA-256 of its public key: {renewal.fingerprint(request)}", err=True)
    elif certificate is not None:
        asyncio.run(_install(config, _read(certificate)))


async def _countersigned(config: SyncConfig, request: str) -> str:
    """The request as edge signs it; it also lies among edge's parcels, for the day the wire works again."""
    async with EdgeSocket(config) as edge:
        made = await edge.ask_certificate(CertificateAsked(request_pem=request))
        batch = await edge.parcels(ParcelQuery(limit=100))
    for parcel in batch.parcels:
        if parcel.parcel_id == made.parcel_id:
            return parcel.envelope + "\n"
    raise EdgeFailed(
        "edge does not hand out the request that it has just signed",
        where=f"{edge.path}, with {len(batch.parcels)} parcels before it",
        next_step="clockface-sync renew --pem --request-out FILE",
    )


async def _install(config: SyncConfig, content: str) -> None:
    trusted = renewal.newest(config.paths.tls, address=_address(config))
    chain, authorities = content, trusted.authorities.decode("utf-8")
    if not content.lstrip().startswith("-----BEGIN"):
        async with EdgeSocket(config) as edge:
            taken = await edge.deliver(Delivery(envelope=content.strip()))
        if taken.outcome == "refused":
            raise CertificateInvalid(
                "edge does not find the office's signature on this answer",
                where=taken.reason or "the answer",
                next_step="have the office answer this device's own request",
            )
        document = opened(content.strip().encode())
        chain, authorities = document.certificate, document.authorities
    renewal.install(
        config.paths.tls, certificate=chain, authorities=authorities, trusted=trusted, address=_address(config)
    )
    ends = renewal.newest(config.paths.tls, address=_address(config)).expires
    typer.echo(
        f"installed; valid for {days_left(ends, datetime.now(UTC))} days. The courier takes it by itself."
    )


def _address(config: SyncConfig) -> Address:
    return Address(config.device.site, config.device.name)


def _write(path: Path, text: str) -> None:
    if path == Path("-"):
        sys.stdout.write(text)
        return
    try:
        path.write_text(text, encoding="ascii")
    except OSError as error:
        raise CertificateMissing(
            f"the request cannot be written: {error.strerror}",
            where=str(path),
            next_step=f"ls -ld {path.parent}",
        ) from None
    typer.echo(f"wrote {path}. Next: have the office certify it, then clockface-sync renew --certificate FILE")


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            content = file.read(MAX_DOCUMENT_CHARS + 1)
    except (OSError, UnicodeDecodeError):
        raise CertificateMissing(
            "the answer cannot be read", where=str(path), next_step=f"ls -l {path}"
        ) from None
    if len(content) > MAX_DOCUMENT_CHARS:
        raise CertificateInvalid("the answer is larger than any", where=str(path))
    return content
