"""`clockface models`: which models there are, whether they can be trusted and run, who has templates of them.

Files are read directly, so that this works while the daemon is down; only the count of people needs it. Nothing
personal is printed.
"""

import json
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from edge.api.client import EdgeClient
from edge.cli.context import invocation
from edge.config.tree import Config
from edge.errors import EdgeUnreachable, ModelError
from edge.inference import operating_point
from edge.inference.chain import configured_models, open_models
from edge.inference.models import SHIPPED_MODELS, ModelSpec, ModelStore
from edge.inference.runtime import Runner, runtime_name

app = typer.Typer(help="The models: list, verify, status.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(root: typer.Typer) -> None:
    """Put this group under the root of the command."""
    root.add_typer(app, name="models")


@app.command("list")
def list_models(context: typer.Context, as_json: AsJson = False) -> None:
    """List the models of the manifest, where each comes from and its licence."""
    store = ModelStore(_folder(invocation(context).config))
    if as_json:
        _print_json([spec.model_dump(mode="json") for spec in store.specs.values()])
        return
    table = _table("model", "role", "bytes", "licence", "package")
    for spec in store.specs.values():
        package = f"{spec.source.package} {spec.source.version}"
        table.add_row(*map(Text, (spec.name, spec.role, str(spec.size_bytes), spec.licence, package)))
    Console(highlight=False).print(table)


@app.command()
def verify(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(help="Only these models.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check hash, contract and acceleration of each model and run it once; exit code 20 to 24 if one fails."""
    config = invocation(context).config
    store = ModelStore(_folder(config))
    checked: list[dict[str, Any]] = []
    failures: list[ModelError] = []
    for spec in [store.spec(name) for name in names] if names else store.specs.values():
        try:
            checked.append(_verified(store, spec, config))
        except ModelError as error:
            failures.append(error)
            checked.append({"model": spec.name, "ok": False, "problem": str(error)})
    if as_json:
        _print_json({"ok": not failures, "models": checked})
        if failures:
            raise typer.Exit(failures[0].exit_code)
        return
    for row in checked:
        if row["ok"]:
            typer.echo(
                f"{row['model']}: verified, runs in {row['execution']}, first run {row['first_run_ms']} ms"
            )
        else:
            typer.echo(f"{row['model']}: {row['problem']}")
    if failures:
        raise failures[0]


@app.command()
def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the recognition chain in force, its measured operating points, and who has templates of it."""
    config = invocation(context).config
    folder = _folder(config)
    models = open_models(ModelStore(folder), config.inference)
    chains = {config.inference.chain: models.embedder.model_hash}
    if config.inference.previous_chain is not None and models.previous is not None:
        chains[config.inference.previous_chain] = models.previous.model_hash
    dim = models.embedder.dim
    models.close()
    points = operating_point.load(folder / operating_point.FILE_NAME)
    shown = {
        "runtime": runtime_name(),
        "delegate": config.inference.delegate,
        "models": list(configured_models(config.inference)),
        "dim": dim,
        "chains": chains,
        "operating_points": [
            {
                "chain": name,
                "fpir": point.fpir,
                "threshold": point.threshold,
                "gallery_people": point.gallery_people,
            }
            for name, chain_hash in chains.items()
            for point in points
            if point.model_hash == chain_hash
        ],
        "people": _people(config, current=chains[config.inference.chain]),
    }
    if as_json:
        _print_json(shown)
    else:
        _print_status(shown)


def _verified(store: ModelStore, spec: ModelSpec, config: Config) -> dict[str, Any]:
    """Load, start and run one model as the daemon would."""
    inference = config.inference
    runner = Runner(store.load(spec.name), delegate=inference.delegate, threads=inference.threads)
    begin = time.perf_counter()
    runner.run()
    took_ms = round((time.perf_counter() - begin) * 1e3, 2)
    runner.close()
    return {
        "model": spec.name,
        "ok": True,
        "sha256": spec.sha256,
        "execution": runner.execution,
        "first_run_ms": took_ms,
    }


def _people(config: Config, *, current: str) -> dict[str, int] | None:
    """How many people have templates of the current chain, only of others, or none; None without the daemon."""
    counts: Counter[str] = Counter(current=0, only_other=0, none=0)
    try:
        with EdgeClient(config.paths.run) as client:
            for person in client.everyone():
                held = {chain_hash for chain_hash, count in person.templates.items() if count}
                counts["current" if current in held else "only_other" if held else "none"] += 1
    except EdgeUnreachable:
        return None
    return dict(counts)


def _print_status(shown: dict[str, Any]) -> None:
    table = _table("", "")
    table.show_header = False
    for key in ("runtime", "delegate", "dim"):
        table.add_row(key, str(shown[key]))
    table.add_row("models", ", ".join(shown["models"]))
    for name, chain_hash in shown["chains"].items():
        table.add_row(f"chain {name}", chain_hash[:16])
    for point in shown["operating_points"]:
        text = f"threshold {point['threshold']:.4f}, measured with {point['gallery_people']} people"
        table.add_row(f"{point['chain']} at FPIR {point['fpir']:g}", text)
    if not shown["operating_points"]:
        table.add_row("operating points", f"none: nobody can be recognised. Next: {operating_point.MEASURE}")
    people = shown["people"]
    if people is None:
        table.add_row("people", "unknown: the daemon does not run. Next: clockface run")
    else:
        table.add_row("people", f"{people['current']} with templates of this chain")
        table.add_row("", f"{people['only_other']} only of another chain, {people['none']} without any")
    Console(highlight=False).print(table)


def _folder(config: Config) -> Path:
    return config.paths.models or SHIPPED_MODELS


def _table(*headings: str) -> Table:
    return Table(*headings, box=None, header_style="bold", pad_edge=False)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2))
