"""`clockface signals`: try light, buzzer, sound and door at installation; bring pins to rest after a crash.

It moves the pins itself, so it works only while no daemon runs that owns them. The door is tried only when
asked for by name: whoever may run this owns the hardware.
"""

import time
from typing import Annotated

import typer

from edge.api.client import EdgeClient
from edge.cli.context import Invocation, invocation
from edge.cli.words import NOTICES
from edge.errors import ApiError, EdgeUnreachable, SignalError
from edge.signals.trial import release as release_pins
from edge.signals.trial import try_door, walk
from edge.types.announcements import Notice


def register(root: typer.Typer) -> None:
    """Put the group under the root."""
    group = typer.Typer(no_args_is_help=True, help="Light, buzzer, sound and door: test, release.")
    group.command("test")(try_out)
    group.command()(release)
    root.add_typer(group, name="signals")


def try_out(
    context: typer.Context,
    door: Annotated[bool, typer.Option("--door", help="Open the door once, and try nothing else.")] = False,
) -> None:
    """Show each light and play each sound once; exit code 34 if one does not work."""
    run = invocation(context)
    _nobody_else(run)
    if door:
        typer.echo(f"the door is open for {run.config.signals.door.hold_s:g} s")
        try_door(run.config.signals, pause=time.sleep)
        return
    problems = []
    for each in walk(run.config.signals, environment=run.environment, pause=time.sleep):
        if isinstance(each, Notice):
            typer.echo(NOTICES[each.value])
        else:
            problems = [health for health in each if health.problem]
            typer.echo(
                "\n".join(f"{health.name}: {health.problem or 'was moved without an error'}" for health in each)
                or "no light, buzzer or sound is configured: see docs/signals.md"
            )
    if problems:
        raise SignalError(f"{len(problems)} of the outputs do not work", next_step="see above; docs/wiring.md")


def release(context: typer.Context) -> None:
    """Bring all pins to rest: after a daemon that could not do so itself. systemd runs this."""
    count = release_pins(invocation(context).config.signals)
    typer.echo(f"{count} pins are at rest" if count else "no pins are configured")


def _nobody_else(run: Invocation) -> None:
    try:
        with EdgeClient(run.config.paths.run) as client:
            client.status()
    except EdgeUnreachable:
        return
    except ApiError:
        pass  # it runs, whatever it answers
    raise SignalError(
        "the daemon runs and owns light, sound and pins",
        where=str(run.config.paths.run),
        next_step="systemctl stop clockface-edge, then this again; clockface status says how they are",
    )
