"""`clockface evaluate liveness`: how well presentation attacks are caught, in the words of ISO/IEC 30107-3."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import cv2
import typer
from rich.console import Console
from rich.table import Table

from edge.cli.context import invocation
from edge.cli.progress import progress_bar
from edge.errors import EvaluationError
from edge.evaluation import liveness_run
from edge.evaluation.liveness_trial import Response, Result, people_of
from edge.evaluation.machine import describe
from edge.evaluation.presentations import check, read_attacks, read_bona_fide, read_marker
from edge.evaluation.report import JsonObject
from edge.inference.threads import use_one_thread

LISTED = 20
FAILURES_CSV = "failures.csv"


def liveness(
    context: typer.Context,
    live: Annotated[
        list[Path],
        typer.Option(metavar="DIR", help="Living people: clips or pictures. May be given several times."),
    ],
    attacks: Annotated[Path, typer.Option(metavar="DIR", help="Attacks: one folder a species.")],
    policy: Annotated[
        str | None, typer.Option(metavar="NAME", help="Evaluate this liveness policy; else the configured one.")
    ] = None,
    enrolled: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Other pictures of the same people, one folder each, to enrol from."),
    ] = None,
    fps: Annotated[
        float, typer.Option(min=1.0, max=120.0, help="Of clips that are folders of pictures.")
    ] = 15.0,
    failures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write a thumbnail of each failure, and a list, to this new folder."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Presentation attacks: APCER by species, BPCER, non-response, and whether an event would be recorded.

    A clip (a video, or a folder of 8 or more numbered pictures) is one presentation, and so is a single
    picture. Names that begin PERSON-- say whose face it is. Nothing that is shown is kept, unless --failures
    asks for it.
    """
    if failures is not None and failures.exists():
        raise EvaluationError("the folder is there already", where=str(failures), next_step="name a new folder")
    config = liveness_run.with_policy(invocation(context).config, policy)
    bona_fide, attacking = read_bona_fide(live), read_attacks(attacks)
    check([*bona_fide, *attacking])
    gallery = people_of(enrolled)
    use_one_thread()
    with progress_bar() as progress:
        found, results = liveness_run.run(
            config,
            bona_fide=bona_fide,
            attacks=attacking,
            gallery=gallery,
            fps=fps,
            thumbnails=failures is not None,
            progress=progress,
        )
    marker = read_marker([*live, attacks])
    report: JsonObject = {"simulated": marker is not None, "material": marker, "machine": describe()} | found
    if failures is not None:
        report["failures_written"] = _write_failures(failures, results, {id(one) for one in bona_fide})
    if as_json:
        typer.echo(json.dumps(report, indent=2, allow_nan=False))
    else:
        show(Console(), report)


def _write_failures(folder: Path, results: Sequence[Result], living: set[int]) -> int:
    """Thumbnails and a list of what went wrong, for whoever evaluates their own material."""
    folder.mkdir(parents=True, mode=0o700)
    wrong = [r for r in results if _wrong(r, living=id(r.presentation) in living)]
    with (folder / FAILURES_CSV).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["thumbnail", "kind", "group", "response", "reason", "score", "recorded", "path"])
        for index, r in enumerate(wrong):
            kind = "bona_fide" if id(r.presentation) in living else "attack"
            name = ""
            if r.thumbnail is not None:
                name = f"{index:04}-{kind}.jpg"
                cv2.imwrite(str(folder / name), r.thumbnail)
            one = r.presentation
            table.writerow([name, kind, one.group, r.response, r.reason, r.score, r.recorded, one.path])
    return len(wrong)


def _wrong(result: Result, *, living: bool) -> bool:
    if living:
        return result.response is not Response.BONA_FIDE
    return result.response is Response.BONA_FIDE or result.recorded


def show(console: Console, report: JsonObject) -> None:
    """The report as tables."""
    word = "simulated " if report["simulated"] else ""
    if report["simulated"]:
        version = (report["material"] or {}).get("bench_version", "unknown")
        console.print(
            f"All figures are simulated (bench version {version}): for development, not for acceptance.",
            style="bold",
        )
    for kind in ("clips", "images"):
        if kind in report:
            _show_kind(console, report[kind], title=f"{word}{kind}, policy {report[kind]['policy']}")
    console.print(f"People were enrolled from {report['enrolled_from']}.", highlight=False)


def _show_kind(console: Console, section: JsonObject, *, title: str) -> None:
    console.print(_groups(section["species"], title=f"Attacks, {title}", rate="APCER", silent="APNRR"))
    console.print(_groups(section["bona_fide"], title=f"Bona fide, {title}", rate="BPCER", silent="BPNRR"))
    console.print(
        f"worst species {section['worst_species']}: APCER {_percent(section['apcer'])}; "
        f"BPCER {_percent(section['bpcer'])}, BPNRR {_percent(section['bpnrr'])}",
        highlight=False,
    )
    for why in dict.fromkeys(row["why"] for part in ("species", "bona_fide") for row in section[part].values()):
        if why:
            console.print(f"  {why}", highlight=False)
    recorded = section["recorded"]
    console.print(
        f"whole system: {recorded['recorded']} of {recorded['presentations']} attacks would have been recorded "
        f"as an event ({_percent(recorded['low'])} to {_percent(recorded['high'])})",
        highlight=False,
    )
    if section["scored"]:
        _show_curve(console, section)
    for name, key, unit in (
        ("time to response", "time_to_response_s", "s"),
        ("cost", "judge_ms", "ms of a core"),
    ):
        if section[key] is not None:
            spread = section[key]
            console.print(
                f"{name}: median {spread['median']:.2f}, p95 {spread['p95']:.2f} {unit} ({spread['of']})",
                highlight=False,
            )
    for failure in section["failures"][:LISTED]:
        console.print(
            f"  {failure['kind']} {failure['group']}: {failure['response']}, {failure['reason']}, "
            f"{'recorded, ' if failure['recorded'] else ''}{failure['path']}",
            highlight=False,
        )
    if len(section["failures"]) > LISTED:
        console.print(
            f"  ... {len(section['failures'])} failures; --failures DIR writes them all", highlight=False
        )


def _show_curve(console: Console, section: JsonObject) -> None:
    for name in ("bpcer20", "bpcer100"):
        point = section[name]
        note = "" if point["supported"] else " (too few attacks of a species for this point)"
        console.print(f"{name.upper()} {_percent(point['bpcer'])}{note}", highlight=False)
    points = ", ".join(f"{_percent(p['apcer'])}/{_percent(p['bpcer'])}" for p in section["det"])
    console.print(
        f"DET, APCER of the worst species / BPCER: {points}; EER {_percent(section['equal_error_rate'])}",
        highlight=False,
    )
    areas = ", ".join(
        f"{name} {row['auc']:.3f} ({row['low']:.3f} to {row['high']:.3f})"
        for name, row in section["auc"].items()
        if row["auc"] is not None
    )
    console.print(f"AUC by species: {areas}", highlight=False)


def _groups(groups: JsonObject, *, title: str, rate: str, silent: str) -> Table:
    table = Table(title=title)
    table.add_column("group", no_wrap=True)
    for name in ("shown", "people", rate, "95 %", silent, "recorded", "5 %"):
        table.add_column(name)
    for name, row in groups.items():
        table.add_row(
            name,
            str(row["presentations"]),
            str(row["people"]),
            f"{_percent(row['error_rate'])} ({row['errors']})",
            f"{_percent(row['error_low'])} to {_percent(row['error_high'])}",
            _percent(row["non_response_rate"]),
            str(row["recorded"]),
            "supported" if row["supports_5_percent"] else "no claim",
        )
    return table


def _percent(value: float) -> str:
    return f"{value * 100:.1f} %"
