"""`clockface bench`: what recognition costs on this machine, with the machine's description beside it."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from edge.cli.context import invocation
from edge.cli.progress import progress_bar
from edge.config.tree import Config
from edge.evaluation import bench
from edge.evaluation.bench_daemon import measure_daemon, measure_idle
from edge.evaluation.bench_liveness import OFF, measure_liveness
from edge.evaluation.liveness_run import with_policy
from edge.evaluation.machine import describe
from edge.evaluation.report import JsonObject
from edge.inference.chain import open_models
from edge.inference.models import SHIPPED_MODELS, ModelStore
from edge.inference.threads import use_one_thread

SAMPLE = "sample-face.jpg"
IDLE_TEMPLATES = 500
DAEMON_TEMPLATES = 10_000
"""What the daemon's memory is promised with."""


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("bench")(run)


def run(
    context: typer.Context,
    image: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A picture with one face; else the one shipped.")
    ] = None,
    frames: Annotated[int, typer.Option(min=20, max=5000, help="Frames to measure.")] = 200,
    templates: Annotated[
        int, typer.Option(min=1, max=100_000, help="Templates in the pipeline's gallery.")
    ] = 1_000,
    daemon: Annotated[bool, typer.Option(help="Also start a real daemon: start-up time and memory.")] = True,
    idle: Annotated[
        bool, typer.Option("--idle", help="Only what a daemon costs a second: nobody there, and somebody.")
    ] = False,
    clip: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="A clip of somebody living: what liveness costs a verdict. Several times."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Measure stages, total against the bare models with and without liveness, search, start-up and memory."""
    config = invocation(context).config
    use_one_thread()
    folder = config.paths.models or SHIPPED_MODELS
    picture = image or folder / SAMPLE
    if idle:
        _idle(config, picture, as_json=as_json)
        return
    frame = bench.read_frame(picture)
    with progress_bar() as progress:
        report: JsonObject = {"machine": describe()}
        for name, each in _ways(config).items():
            report[name] = bench.measure_pipeline(
                each, models_folder=folder, image=frame, frames=frames, templates=templates, progress=progress
            )
        models = open_models(ModelStore(folder), config.inference)
        chain, dim = models.embedder.model_hash, models.embedder.dim
        models.close()
        if clip:
            report["liveness"] = measure_liveness(config, clips=clip, progress=progress)
        report["search"] = bench.measure_search(dim=dim, progress=progress)
        if daemon:
            progress("a real daemon", 0, 1)
            report["daemon"] = measure_daemon(
                model_hash=chain, dim=dim, templates=DAEMON_TEMPLATES, models_folder=folder, image=picture
            )
    if as_json:
        typer.echo(json.dumps(report, indent=2, allow_nan=False))
    else:
        _print(report)


def _ways(config: Config) -> dict[str, Config]:
    """The pipeline alone, and with the configured liveness where there is one."""
    ways = {"pipeline": with_policy(config, OFF)}
    return ways if config.liveness.policy == OFF else ways | {"pipeline_with_liveness": config}


def _idle(config: Config, picture: Path, *, as_json: bool) -> None:
    folder = config.paths.models or SHIPPED_MODELS
    models = open_models(ModelStore(folder), config.inference)
    chain, dim = models.embedder.model_hash, models.embedder.dim
    models.close()
    found = measure_idle(
        model_hash=chain, dim=dim, templates=IDLE_TEMPLATES, models_folder=folder, image=picture
    )
    if as_json:
        typer.echo(json.dumps({"machine": describe(), "idle": found}, indent=2, allow_nan=False))
        return
    for name in ("resting", "nobody", "somebody"):
        typer.echo(f"{name}: {found[name]:.0f} ms of one core a second")


def _print(report: JsonObject) -> None:
    console = Console()
    machine = report["machine"]
    console.print(
        f"{machine['board']}, {machine['architecture']}, {machine['processor']}, {machine['cores']} cores, "
        f"Python {machine['python']}, {machine['runtime']}, {machine['packages']}",
        highlight=False,
    )
    _print_pipeline(console, report["pipeline"], "what at most 1.15 is promised of")
    if (live := report.get("pipeline_with_liveness")) is not None:
        _print_pipeline(console, live, "each frame the first of its track; a verdict's cost is --clip's")
    if (liveness := report.get("liveness")) is not None:
        _print_liveness(console, liveness)
    search = Table(title="Exact search, one thread")
    for name in ("templates", "median ms", "p95 ms", "matrix MB", "gallery MB"):
        search.add_column(name)
    for row in report["search"]:
        values = (row["median_ms"], row["p95_ms"], row["matrix_mb"], row["gallery_mb"])
        search.add_row(str(row["templates"]), *(f"{value:.2f}" for value in values))
    console.print(search)
    if (daemon := report.get("daemon")) is not None:
        console.print(
            f"daemon with {daemon['templates']} templates: ready in {daemon['ready_s']:.2f} s "
            f"({daemon['ready_core_s']:.2f} s of a core), "
            f"{daemon['resident_mb']:.0f} MB resident (peak {daemon['resident_peak_mb']:.0f}, "
            f"proportional {daemon.get('proportional_mb', float('nan')):.0f}), "
            f"stopped in {daemon['stop_s']:.2f} s",
            highlight=False,
        )


def _print_pipeline(console: Console, pipeline: JsonObject, what: str) -> None:
    stages = Table(
        title=f"One frame, one face, {pipeline['templates']} templates, liveness {pipeline['liveness']}, "
        f"{pipeline['frames']} runs"
    )
    for name in ("stage", "median ms", "p95 ms"):
        stages.add_column(name)
    bare = f"bare invokes of its {len(pipeline['models'])} models"
    for name, cost in [*pipeline["stages"].items(), (bare, pipeline["bare_invokes"])]:
        stages.add_row(name, f"{cost['median_ms']:.2f}", f"{cost['p95_ms']:.2f}")
    console.print(stages)
    console.print(
        f"total / bare invokes {pipeline['ratio_median']:.3f}, by time on the core "
        f"{pipeline['ratio_core_median']:.3f} ({what}); {pipeline['frames_per_second']:.0f} frames a second",
        highlight=False,
    )


def _print_liveness(console: Console, liveness: JsonObject) -> None:
    table = Table(title=f"One verdict, {liveness['clips']} clips, {liveness['rounds']} rounds")
    for name in (
        "policy",
        "core, median ms",
        "p95 ms",
        "of it judging, median ms",
        "time to verdict, median s",
        "p95 s",
    ):
        table.add_column(name)
    for name, row in ((liveness["policy"], liveness["with"]), ("off", liveness["without"])):
        core, judge, waited = row["core"], row["judge"], row["to_verdict"]
        cells = (core["median_ms"], core["p95_ms"], judge["median_ms"])
        times = (waited["median_ms"] / 1000, waited["p95_ms"] / 1000)
        table.add_row(name, *(f"{value:.1f}" for value in cells), *(f"{value:.2f}" for value in times))
    console.print(table)
    beyond = liveness["with"]["core"]["median_ms"] - liveness["without"]["core"]["median_ms"]
    console.print(
        f"liveness: {beyond:.1f} ms of one core a verdict beyond the pipeline without it; "
        f"{liveness['with']['recognised']} of {liveness['with']['verdicts']} verdicts recognised the person",
        highlight=False,
    )
