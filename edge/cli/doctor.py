"""`clockface doctor`: looks at everything that a kiosk needs, and says what to do about what is wrong.

Changes nothing. Asks the daemon where it runs, and looks for itself where it does not.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.text import Text

from clockface.errors import ConfigError
from edge import __version__
from edge.api.client import EdgeClient
from edge.cli.context import Invocation, invocation
from edge.clock import SystemClock, system_wall
from edge.config.tree import Config
from edge.doctor.findings import Answer, Check, Health, failure, run_checks, worst

if TYPE_CHECKING:
    from edge.doctor.deploy import Machine
    from edge.doctor.examination import Site

EXIT_FAILED = 100  # apart from the errors' own codes (edge.errors): doctor worked, and found something broken
STYLES = {Health.OK: "green", Health.WARN: "yellow", Health.FAIL: "bold red", Health.NOT_AVAILABLE: "dim"}
STATUS_TIMEOUT_S = 10.0


def register(root: typer.Typer) -> None:
    """Put this command under the root."""
    root.command("doctor")(doctor)


def doctor(
    context: typer.Context,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as failures.")] = False,
    deploy: Annotated[
        bool,
        typer.Option("--deploy", help="Also the deployment checklist: what a kiosk on a wall must have."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Check camera, models, keys, ledger, disk, clock and machine; exit code 100 if something fails."""
    answers = []
    for answer in examine(invocation(context), deploy=deploy):
        answers.append(answer)
        if not as_json:
            show(answer)
    health = worst(answers)
    if as_json:
        typer.echo(json.dumps(_document(health, answers), indent=2, ensure_ascii=False))
    else:
        _print_summary(answers)
    if health is Health.FAIL or (strict and health is Health.WARN):
        raise typer.Exit(EXIT_FAILED)


def examine(run: Invocation, *, deploy: bool = False) -> Iterator[Answer]:
    """Answers as they come; with a broken configuration that, and what the machine itself says.

    Args:
        run: The command.
        deploy: Also the deployment checklist, and what must be on a wall counts as failed where it is not.
    """
    from edge.doctor.deploy import as_deployed, deploy_checks
    from edge.doctor.examination import all_checks, machine_checks  # heavy: models and store

    try:
        config = run.config
    except ConfigError as error:
        finding = failure(error)
        yield from run_checks([Check("config", lambda: finding), *machine_checks(Path("/"))])
        return
    with EdgeClient(config.paths.run, timeout_s=STATUS_TIMEOUT_S) as client:
        site = _site(run, config, client)
        if not deploy:
            yield from run_checks(all_checks(site))
            return
        yield from map(as_deployed, run_checks(all_checks(site)))
        yield from run_checks(deploy_checks(_machine(site)))


def _machine(site: "Site") -> "Machine":
    from edge.doctor.courier import courier_file
    from edge.doctor.deploy import Machine
    from edge.doctor.host import command_output

    return Machine(
        config=site.config,
        config_path=site.config_path,
        sync_file=courier_file(site.config_path, site.environment, root=site.root),
        tls=site.tls,
        daemon_pid=None if site.daemon.status is None else site.daemon.status.pid,
        run=command_output,
        root=site.root,
    )


def _site(run: Invocation, config: Config, client: EdgeClient) -> "Site":
    from edge.camera.select import open_camera
    from edge.doctor.daemon import meet
    from edge.doctor.examination import Site

    path = run.loaded.path
    given = sum(origin != "default" for origin in run.loaded.provenance.values())
    return Site(
        config=config,
        described=f"{path or 'no file'}, {given} settings given",
        environment=run.environment,
        daemon=meet(client),
        version=__version__,
        shown=system_wall(),
        instant=SystemClock(zone=ZoneInfo(config.device.timezone)).now(),
        open_camera=open_camera,
        config_path=path,
    )


def _document(health: Health, answers: list[Answer]) -> dict[str, object]:
    return {
        "health": health.value,
        "version": __version__,
        "checks": [
            {
                "name": answer.name,
                "status": answer.finding.health.value,
                "found": answer.finding.found,
                "advice": answer.finding.advice,
            }
            for answer in answers
        ],
    }


def show(answer: Answer) -> None:
    """Print one answer, and under it what to do."""
    finding = answer.finding
    line = Text(f"{finding.health.value:<5}", STYLES[finding.health])
    line.append(f"{answer.name:<16} ", "bold").append(finding.found, "")
    if finding.advice and finding.health in (Health.WARN, Health.FAIL):
        line.append(f"\n{'':<22}-> {finding.advice}", "cyan")
    Console(highlight=False, soft_wrap=True).print(line)


def _print_summary(answers: list[Answer]) -> None:
    counts = {health: sum(a.finding.health is health for a in answers) for health in Health}
    typer.echo(", ".join(f"{count} {health.value}" for health, count in counts.items() if count))
