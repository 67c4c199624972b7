"""`clockface evaluate protocol`: a person tests this kiosk with prints and screens; a report says what passed.

The daemon must be stopped: the camera is one process's. Nothing is recorded, enrolled or photographed.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from edge.api.client import EdgeClient
from edge.camera.select import open_camera
from edge.cli.context import invocation
from edge.cli.evaluate_liveness import show
from edge.config.tree import Config
from edge.errors import EdgeUnreachable, EvaluationError
from edge.evaluation import liveness_run
from edge.evaluation.liveness_protocol import (
    STEPS,
    Row,
    Session,
    Step,
    read_record,
    report_of,
    window_of,
    write_record,
)
from edge.inference.chain import open_models
from edge.inference.models import SHIPPED_MODELS, ModelStore
from edge.inference.threads import use_one_thread


def protocol(
    context: typer.Context,
    report: Annotated[
        Path, typer.Option("--report", metavar="FILE", help="JSON; a second tester's run is added to it.")
    ],
    policy: Annotated[
        str | None, typer.Option(metavar="NAME", help="Test this liveness policy; else the configured one.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only", metavar="NAME", help="Only these: " + ", ".join(step.group for step in STEPS) + "."
        ),
    ] = None,
    times: Annotated[
        int | None, typer.Option(min=1, max=100, help="Tries of each kind; else as many as the protocol says.")
    ] = None,
    window_s: Annotated[
        float | None,
        typer.Option("--window", min=2.0, max=60.0, help="Longest try, seconds; else the policy's."),
    ] = None,
) -> None:
    """Test this kiosk with yourself, a printer and a phone: about twenty minutes, with the daemon stopped.

    Have ready: a sharp selfie printed in colour on A4, the face life-size; a second such print with the eyes
    cut out; the selfie and ten seconds of video of your face on a phone; the video on a tablet or laptop.
    """
    steps = _steps(only or [], times)
    config = liveness_run.with_policy(invocation(context).config, policy)
    _require_stopped(config)
    use_one_thread()
    store = ModelStore(config.paths.models or SHIPPED_MODELS)
    models = open_models(store, config.inference)
    camera = open_camera(config.camera)
    try:
        trial = liveness_run.open_trial(
            config,
            models,
            store,
            gallery={},
            fps=config.camera.fps,
            thumbnails=False,
            seam=liveness_run.open_seam,
        )
        record = read_record(
            report, policy=config.liveness.policy, chain=trial.analyser.model_hash, now=datetime.now(UTC)
        )
        person = record.people + 1
        typer.echo(f"Policy {config.liveness.policy}, tester number {person} of this report.")
        window = window_of(config.liveness.policy)
        session = Session(camera, trial, say=typer.echo, ask=_ask, window_s=window_s or window)
        session.enrol()
        simulated = config.camera.source == "replay"
        for result in session.run(steps):
            record = record.with_rows([Row.of(result, person=person, simulated=simulated)])
            write_record(report, record)
        trial.overheard.close()
    finally:
        camera.close()
        models.close()
    _conclude(report, report_of(record), simulated=any(row.simulated for row in record.rows))


def _conclude(path: Path, rates: dict[str, object] | None, *, simulated: bool) -> None:
    if rates is None:
        typer.echo(
            f"Too early for rates: they need yourself and at least one attack. What was tried is in {path}."
        )
        return
    material = {"bench_version": "a recording in place of the camera"} if simulated else None
    show(
        Console(),
        {"simulated": simulated, "material": material, "enrolled_from": "frames of the tester", "clips": rates},
    )
    typer.echo(f"The report is {path}. Start the daemon again: systemctl start clockface-edge")


def _steps(only: list[str], times: int | None) -> list[Step]:
    names = [step.group for step in STEPS]
    unknown = [name for name in only if name not in names]
    if unknown:
        raise EvaluationError(
            f"the protocol has no {', '.join(unknown)}", next_step=f"--only with one of {', '.join(names)}"
        )
    chosen = [step for step in STEPS if not only or step.group in only]
    return [Step(step.group, step.instruction, times or step.times) for step in chosen]


def _require_stopped(config: Config) -> None:
    try:
        with EdgeClient(config.paths.run) as client:
            client.status()
    except EdgeUnreachable:
        return
    raise EvaluationError("the daemon has the camera", next_step="systemctl stop clockface-edge")


def _ask(question: str) -> str:
    return str(typer.prompt(question, default="", show_default=False))
