"""`clockface-sync renew`: the next certificate by file, for a device whose own has expired already.

The request goes to the office on any way; what comes back is either the office's signed document, on which edge
checks the signature, or a certificate in PEM of an authority that we believe. Trust boundary: the file.
"""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from edge.api.protocol import MAX_DOCUMENT_CHARS, Delivery
from sync import renewal
from sync.certificates import opened
from sync.config import SyncConfig
from sync.edge_socket import EdgeSocket
from sync.errors import CertificateInvalid, CertificateMissing
from sync.tls import days_left
from sync.wire.topics import Address

RequestOut = Annotated[
    Path | None, typer.Option("--request-out", metavar="FILE", help="Write a certificate request (- for here).")
]
Certificate = Annotated[
    Path | None, typer.Option("--certificate", metavar="FILE", help="Install the office's answer.")
]


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("renew")(renew)


def renew(context: typer.Context, request_out: RequestOut = None, certificate: Certificate = None) -> None:
    """Ask for the next TLS certificate by file, or install the answer. Run it as the courier's user."""
    from sync.cli import invocation

    config = invocation(context).config
    if (request_out is None) == (certificate is None):
        raise typer.BadParameter("give either --request-out or --certificate")
    if request_out is not None:
        _write(request_out, renewal.request(config.paths.tls, _address(config)))
    elif certificate is not None:
        asyncio.run(_install(config, _read(certificate)))


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
