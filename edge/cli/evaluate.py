"""`clockface evaluate`: how well this kiosk recognises, measured on pictures that you have."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from edge.cli.context import Invocation, invocation
from edge.cli.evaluate_liveness import liveness
from edge.cli.evaluate_protocol import protocol
from edge.cli.progress import progress_bar
from edge.config.tree import Config
from edge.evaluation import identification, points, rates, verification
from edge.evaluation.det import draw, require_drawable
from edge.evaluation.reading import Readings, read_all
from edge.evaluation.report import JsonObject
from edge.evaluation.samples import Sample, read_folder, read_pairs
from edge.evaluation.still import StillReader
from edge.inference.analyser import FaceAnalyser
from edge.inference.chain import open_models
from edge.inference.models import SHIPPED_MODELS, ModelStore
from edge.types.identity import ModelHash

group = typer.Typer(
    no_args_is_help=True, help="Measure recognition and liveness on pictures and clips that you have."
)

Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Plot = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE", help="Draw the DET curve as .png or .svg.")
]
Gate = Annotated[
    bool, typer.Option("--quality-gate", help="Refuse pictures that the kiosk would refuse, and count them.")
]


def register(root: typer.Typer) -> None:
    """Add the group to the command."""
    group.command("liveness")(liveness)
    group.command("protocol")(protocol)
    root.add_typer(group, name="evaluate")


@group.command()
def verify(
    context: typer.Context,
    images: Annotated[Path, typer.Option(metavar="DIR", help="The folder that the list's names start from.")],
    pairs: Annotated[Path, typer.Option(metavar="CSV", help="Columns file_a, file_b, same and maybe fold.")],
    plot: Plot = None,
    quality_gate: Gate = False,
    as_json: Json = False,
) -> None:
    """One to one: do two pictures show the same person? Ten folds, as the LFW protocol."""
    if plot is not None:
        require_drawable(plot)
    listed = read_pairs(pairs, images=images)
    readings, chain = _read(
        invocation(context),
        enrolled=[pair.first for pair in listed],
        probing=[pair.second for pair in listed],
        quality_gate=quality_gate,
    )
    scored = verification.score_pairs(listed, readings)
    report = _report(chain, readings, quality_gate=quality_gate) | verification.evaluate(scored)
    if plot is not None:
        curve = rates.det_curve(scored.scores[scored.same], scored.scores[~scored.same])
        draw(curve, path=plot, axes=("FMR", "FNMR"), title=f"Verification, {len(listed)} pairs")
    _print(report, as_json=as_json, tables=_verification_tables)


@group.command()
def identify(
    context: typer.Context,
    gallery: Annotated[Path, typer.Option(metavar="DIR", help="Enrolled people: one folder each.")],
    probes: Annotated[Path, typer.Option(metavar="DIR", help="Other pictures of the same people.")],
    strangers: Annotated[Path, typer.Option(metavar="DIR", help="People who are not enrolled.")],
    plot: Plot = None,
    quality_gate: Gate = False,
    write: Annotated[
        bool,
        typer.Option(
            "--write", help="Write the supported thresholds to operating-points.toml, for the daemon."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Open set: who is it, if anybody? FNIR at a given FPIR, with people who are not enrolled."""
    if plot is not None:
        require_drawable(plot)
    enrolled, mated = read_folder(gallery), read_folder(probes)
    others = read_folder(strangers, singles=True)
    identification.require_disjoint(enrolled, mated, others)
    run = invocation(context)
    readings, chain = _read(run, enrolled=enrolled, probing=[*mated, *others], quality_gate=quality_gate)
    trials = identification.search(readings, gallery=enrolled, probes=mated, strangers=others)
    report = _report(chain, readings, quality_gate=quality_gate) | identification.evaluate(trials)
    if plot is not None:
        curve = rates.det_curve(trials.genuine, trials.stranger_score)
        draw(curve, path=plot, axes=("FPIR", "FNIR"), title=f"Identification, {trials.enrolled} enrolled")
    if write:
        report["written"] = points.write(
            report,
            folder=_models_folder(run.config),
            model_hash=chain,
            quantiles=points.impostor_quantiles(readings, enrolled, others),
        )
    _print(report, as_json=as_json, tables=_identification_tables)


def _models_folder(config: Config) -> Path:
    return config.paths.models or SHIPPED_MODELS


def _read(
    run: Invocation, *, enrolled: list[Sample], probing: list[Sample], quality_gate: bool
) -> tuple[Readings, ModelHash]:
    models = open_models(ModelStore(_models_folder(run.config)), run.config.inference)
    try:
        analyser = FaceAnalyser(models, limits=run.config.quality)
        with progress_bar() as progress:
            readings = read_all(
                enrolled=enrolled,
                probing=probing,
                reader=StillReader(analyser),
                quality_gate=quality_gate,
                progress=progress,
            )
        return readings, analyser.model_hash
    finally:
        models.close()


def _report(chain: ModelHash, readings: Readings, *, quality_gate: bool) -> JsonObject:
    return {"model_hash": chain, "quality_gate": quality_gate, "acquisition": readings.summary()}


def _print(report: JsonObject, *, as_json: bool, tables: Callable[[JsonObject], list[Table]]) -> None:
    if as_json:
        typer.echo(json.dumps(report, indent=2, allow_nan=False))
        return
    console = Console()
    acquired = report["acquisition"]
    console.print(
        f"chain {report['model_hash'][:12]}   {acquired['pictures']} pictures, "
        f"{acquired['failed_to_acquire']} without a usable face {acquired['failures'] or ''}, "
        f"{sum(acquired['would_be_coached'].values())} that the kiosk would have coached",
        highlight=False,
    )
    for table in tables(report):
        console.print(table)


def _percent(value: float, digits: int = 2) -> str:
    return f"{value * 100:.{digits}f} %"


def _verification_tables(report: JsonObject) -> list[Table]:
    head = Table(
        title=f"Verification: {report['genuine_pairs']} genuine, {report['impostor_pairs']} impostor pairs"
    )
    for name in ("people", "accuracy", "95 % interval", "errors", "equal error rate", "threshold"):
        head.add_column(name)
    head.add_row(
        str(report["people"]),
        _percent(report["accuracy"]),
        f"{_percent(report['accuracy_low'])} to {_percent(report['accuracy_high'])}",
        str(report["errors"]),
        _percent(report["equal_error_rate"]),
        f"{report['threshold_median']:.3f}",
    )
    rows = Table(title="Missed genuine pairs at a given false match rate")
    for name in ("FMR", "FNMR", "95 % interval", "threshold"):
        rows.add_column(name)
    for row in report["fnmr_at_fmr"]:
        rows.add_row(*_rate_cells(row, rate="fmr", error="fnmr"))
    return [head, rows]


def _identification_tables(report: JsonObject) -> list[Table]:
    title = (
        f"Open set: {report['enrolled']} enrolled, {report['mated_probes']} probes of them, "
        f"{report['strangers']} strangers; rank-1 {_percent(report['rank_1'])}, "
        f"failed to enrol {report['failed_to_enrol']}, probes without a face {report['probes_not_acquired']}"
    )
    rows = Table(title=title)
    for name in ("FPIR", "FNIR", "95 % interval", "threshold", "held out: FNIR", "held out: FPIR"):
        rows.add_column(name)
    for row, held in zip(report["operating_points"], report["held_out_thresholds"], strict=True):
        other = ["", ""]
        if held["supported"]:
            other = [f"{_percent(held[f'{k}_mean'])} ± {_percent(held[f'{k}_sd'])}" for k in ("fnir", "fpir")]
        rows.add_row(*_rate_cells(row, rate="fpir", error="fnir"), *other)
    return [rows]


def _rate_cells(row: JsonObject, *, rate: str, error: str) -> tuple[str, str, str, str]:
    if not row["supported"]:
        return _percent(row[rate]), row["why"], "", ""
    interval = f"{_percent(row[f'{error}_low'])} to {_percent(row[f'{error}_high'])}"
    return _percent(row[rate]), _percent(row[error]), interval, f"{row['threshold']:.3f}"
