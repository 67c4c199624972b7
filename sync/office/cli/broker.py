"""`clockface-office broker`: Mosquitto's configuration with the real paths (docs/broker.md)."""

from pathlib import Path
from typing import Annotated

import typer

from sync.office.broker.configuration import BrokerFiles, BrokerSettings, write
from sync.office.broker.errors import BrokerSettingRefused

app = typer.Typer(help="The broker: write Mosquitto's configuration.", no_args_is_help=True)
_FROM_THE_AUTHORITY = {
    "ca.crt": "copy it from the authority's folder",
    "ca.crl": "copy it from the authority's folder; clockface-office ca crl writes it anew",
    "broker.crt": "clockface-office ca issue HOST --out FOLDER",
    "broker.key": "clockface-office ca issue HOST --out FOLDER",
}


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="broker")


@app.callback()
def _group() -> None:
    """So that the group's one command keeps its name."""


@app.command()
def config(
    certificates: Annotated[
        Path,
        typer.Option("--certificates", metavar="FOLDER", help="Holds ca.crt, ca.crl, broker.crt, broker.key."),
    ],
    persistence: Annotated[
        Path, typer.Option("--persistence", metavar="FOLDER", help="Where the broker keeps its state.")
    ] = Path("/var/lib/mosquitto"),
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where the two files are put.")] = Path(),
    user: Annotated[str, typer.Option("--user", help="The system user that the broker becomes.")] = "mosquitto",
    port: Annotated[int, typer.Option("--port", min=1, max=65_535, help="Where it listens.")] = 8883,
    bind: Annotated[
        str | None, typer.Option("--bind", metavar="ADDRESS", help="Of one interface; else on all.")
    ] = None,
    receivers: Annotated[
        list[str] | None,
        typer.Option("--receiver", metavar="NAME", help="A receiver, @office/NAME; may be repeated."),
    ] = None,
    monitors: Annotated[
        list[str] | None,
        typer.Option("--monitor", metavar="NAME", help="Reads $SYS, @office/NAME; may be repeated."),
    ] = None,
    log: Annotated[str, typer.Option("--log", help="stderr, syslog or 'file PATH'.")] = "stderr",
    max_connections: Annotated[
        int, typer.Option("--max-connections", min=-1, help="Of all clients; -1 for no limit.")
    ] = -1,
) -> None:
    """Write mosquitto.conf and access.acl."""
    certificates = certificates.absolute()
    for name, next_step in _FROM_THE_AUTHORITY.items():
        if not (certificates / name).is_file():
            raise BrokerSettingRefused(
                "a file that the broker needs is missing", where=str(certificates / name), next_step=next_step
            )
    settings = BrokerSettings(
        files=BrokerFiles(
            authority=certificates / "ca.crt",
            certificate=certificates / "broker.crt",
            key=certificates / "broker.key",
            revocations=certificates / "ca.crl",
            persistence=persistence.absolute(),
        ),
        user=user,
        port=port,
        bind=bind,
        receivers=tuple(receivers or ("receiver",)),
        monitors=tuple(monitors or ()),
        log=log,
        max_connections=max_connections,
    )
    written = write(settings, out)
    typer.echo(f"written: {written}")
    typer.echo(f"next:    mosquitto -c {written}")
