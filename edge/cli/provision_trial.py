"""`clockface provision test`: an event goes to the office, and the office's signed confirmation comes back.

Needs the running daemon and the courier. Trust boundary: the daemon verifies the office's signature; this
command only waits and says how long it took, or what to look at.
"""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from edge.api.client import EdgeClient
from edge.cli.context import Invocation, invocation
from edge.errors import TestUnconfirmed
from edge.setup.trial import Trial, attempt
from edge.setup.trouble import courier_status, suspects

TLS_FOLDER = Path("/etc/clockface/tls")
WAIT_S = 60.0


def trial(
    context: typer.Context,
    wait_s: Annotated[
        float, typer.Option("--wait", min=1.0, max=3600.0, help="Longest wait, seconds.")
    ] = WAIT_S,
    tls: Annotated[
        Path, typer.Option("--tls", metavar="FOLDER", help="Folder of the TLS key and certificate.")
    ] = TLS_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Record an event that only tries the way, and wait until the office confirms it."""
    done = trial_or_why(invocation(context), wait_s=wait_s, tls=tls)
    if as_json:
        facts = {"event": done.event, "confirmed": True, "took_s": round(done.took_s, 3)}
        typer.echo(json.dumps(facts, indent=2))
        return
    typer.echo(f"The office has confirmed test event {done.event}, {done.took_s:.1f} s after it was recorded.")


def trial_or_why(here: Invocation, *, wait_s: float, tls: Path) -> Trial:
    """Try the way.

    Raises:
        TestUnconfirmed: The office did not confirm it in time; with what to look at.
    """
    with EdgeClient(here.config.paths.run) as client:
        done = attempt(client, wait_s=wait_s, now_s=time.monotonic, pause=time.sleep)
        if done.confirmed:
            return done
        status = client.status()
    looks = suspects(tls=tls, status=status, now=datetime.now(UTC), courier=courier_status())
    reached = f"the office has confirmed events up to {done.frontier}" if done.frontier else "none ever was"
    raise TestUnconfirmed(
        f"the office did not confirm test event {done.event} within {done.took_s:.0f} s; {reached}. It stays "
        "in the ledger and goes out when the way is open.\n" + "\n".join(f"  - {look}" for look in looks),
        where=f"{here.config.device.site}/{here.config.device.name}",
        next_step="mend what stands above, the first line first; then clockface provision test",
    )
