"""`clockface init`: makes the state folder, the device's keys and its ledger, once.

Works without the daemon, because there is none yet. It can be run again after an interruption: keys that exist
are kept, and a ledger that exists is refused, never overwritten. Trust boundary: whoever runs it owns the
device.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from clockface.secretfiles import make_private_folder
from edge.cli.context import invocation
from edge.clock import SystemClock
from edge.config.tree import Config
from edge.errors import StoreError
from edge.store.chain import EpochReason
from edge.store.keys import generate_keys, load_keyring, missing_keys
from edge.store.office import Office
from edge.store.store import create_store, ledger_path
from edge.types.identity import DeviceId


def register(root: typer.Typer) -> None:
    """Put the command under the root."""
    root.command()(init)


def init(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Make the state folder, the keys and an empty ledger for this device."""
    here = invocation(context)
    made = initialise(here.config, here.environment)
    _report(here.config, made, as_json=as_json)


@dataclass(frozen=True, slots=True)
class Initialised:
    """A device that has keys and a ledger."""

    ledger: Path
    epoch: str
    signer: str
    created: tuple[Path, ...]


def initialise(
    config: Config,
    environment: Mapping[str, str],
    *,
    reason: EpochReason = "provisioned",
    office: Office | None = None,
) -> Initialised:
    """Make the state folder, the keys that are missing, and an empty ledger.

    Args:
        config: The configuration.
        environment: The process's.
        reason: What the ledger's first event says: "replaced" on hardware that takes another's place.
        office: Whom this device believes from the start: it moved here, and holds on to its office.

    Raises:
        StoreError: There is a ledger already; SecretError: a key is wrong.
    """
    state = config.paths.state
    ledger = ledger_path(state)
    make_private_folder(state, made_by="clockface init")
    if ledger.is_symlink() or ledger.exists():
        raise StoreError(
            "this device has a ledger already; it is not overwritten",
            where=str(ledger),
            next_step="clockface run; or clockface doctor, to see how it is",
        )
    allowed = config.keys.allow_environment
    names = missing_keys(state=state, environment=environment, allow_environment=allowed)
    created = generate_keys(state, names=names)
    keyring = load_keyring(state=state, environment=environment, allow_environment=allowed)
    clock = SystemClock(zone=ZoneInfo(config.device.timezone))
    store = create_store(
        ledger,
        keyring=keyring,
        clock=clock,
        device=DeviceId(config.device.name),
        site=config.device.site,
        reason=reason,
    )
    try:
        if office is not None:
            store.office.install(office)
        epoch = store.events.head().epoch
    finally:
        store.close()
    return Initialised(ledger, epoch, keyring.signing.key_id, created)


def _report(config: Config, made: Initialised, *, as_json: bool) -> None:
    facts = {
        "site": config.device.site,
        "device": config.device.name,
        "ledger": str(made.ledger),
        "epoch": made.epoch,
        "signing_key": made.signer,
        "keys_created": [str(path) for path in made.created],
    }
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    typer.echo(f"Device {facts['device']} of site {facts['site']} has a ledger: {made.ledger}")
    typer.echo(f"Epoch {made.epoch}, signed by key {made.signer}")
    for path in made.created:
        typer.echo(f"Made {path} (mode 0400). Back it up where the ledger's backups are not.")
    typer.echo("Next: clockface run")
