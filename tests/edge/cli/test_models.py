"""`clockface models` lists, verifies and says what is in force; a model without trust has its exit code."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from edge.api.protocol.people import PersonProfile, PersonView
from edge.api.server import ApiServer
from edge.api.stage import Stage
from edge.config.device import ApiConfig
from edge.inference import operating_point
from edge.inference.models import SHIPPED_MODELS, ModelStore
from edge.inference.operating_point import OperatingPoint
from edge.types.identity import ModelHash
from tests.clockface.cli.test_config import run
from tests.edge.api.small_edge import SmallEdge

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    shutil.copytree(SHIPPED_MODELS, folder, ignore=shutil.ignore_patterns("operating-points.toml"))
    return folder


@pytest.fixture
def sockets() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cf-") as folder:
        yield Path(folder)


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, models: Path, sockets: Path) -> Any:
    def asked(*arguments: str) -> int:
        places = {"CLOCKFACE_PATHS__MODELS": str(models), "CLOCKFACE_PATHS__RUN": str(sockets)}
        return run(monkeypatch, "models", *arguments, **places)

    return asked


def test_list_names_every_model_with_its_licence_and_package(ask: Any, capsys: Capture) -> None:
    assert ask("list") == 0
    printed = capsys.readouterr().out
    for name, spec in ModelStore().specs.items():
        (line,) = [line for line in printed.splitlines() if line.startswith(name)]
        assert spec.licence in line
        assert spec.source.package[:12] in line


def test_list_as_json_is_the_manifest(ask: Any, capsys: Capture) -> None:
    assert ask("list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == [
        spec.model_dump(mode="json") for spec in ModelStore().specs.values()
    ]


def test_verify_runs_every_model(ask: Any, capsys: Capture) -> None:
    assert ask("verify") == 0
    assert capsys.readouterr().out.count("verified, runs in xnnpack") == len(ModelStore().specs)


def test_verify_names_the_altered_model_and_still_checks_the_others(
    ask: Any, models: Path, capsys: Capture
) -> None:
    with (models / "face-mesh.tflite").open("r+b") as file:
        file.write(b"X")
    assert ask("verify") == 22
    printed = capsys.readouterr()
    assert printed.out.count("verified") == len(ModelStore().specs) - 1
    assert "face-mesh is not the one in the manifest" in printed.err
    assert "scripts/build-models" in printed.err


def test_verify_as_json_says_which_failed(ask: Any, models: Path, capsys: Capture) -> None:
    (models / "mobilefacenet.tflite").unlink()
    assert ask("verify", "--json") == 21
    printed = json.loads(capsys.readouterr().out)
    assert printed["ok"] is False
    assert [row["model"] for row in printed["models"] if not row["ok"]] == ["mobilefacenet"]


def test_verify_of_some_models_leaves_the_others(ask: Any, models: Path, capsys: Capture) -> None:
    (models / "mobilefacenet.tflite").unlink()
    assert ask("verify", "face-mesh", "--json") == 0
    assert [row["model"] for row in json.loads(capsys.readouterr().out)["models"]] == ["face-mesh"]


def test_verify_of_an_unknown_model_has_its_exit_code(ask: Any) -> None:
    assert ask("verify", "arcface") == 21


def test_status_without_a_daemon_or_points_says_so(ask: Any, capsys: Capture) -> None:
    assert ask("status") == 0
    printed = capsys.readouterr().out
    assert "ai_edge_litert" in printed
    assert "none: nobody can be recognised" in printed
    assert "the daemon does not run" in printed


def test_status_counts_people_by_the_chain_of_their_templates(
    ask: Any, models: Path, sockets: Path, capsys: Capture
) -> None:
    assert ask("status", "--json") == 0
    before = json.loads(capsys.readouterr().out)
    assert before["people"] is None
    chain = before["chains"]["fused"]
    edge = SmallEdge()
    served = ApiServer(service=edge, stage=Stage(), run=sockets, config=ApiConfig())
    served.start()
    try:
        register(edge, chain)
        assert ask("status", "--json") == 0
    finally:
        served.close()
    assert json.loads(capsys.readouterr().out)["people"] == {"current": 1, "only_other": 2, "none": 1}


def register(edge: SmallEdge, chain: str) -> None:
    """Four people: of this chain, of another one, left with none of this chain, and without any."""
    held = [{chain: 2, "cd" * 32: 1}, {"cd" * 32: 1}, {chain: 0, "cd" * 32: 3}, {}]
    for number, templates in enumerate(held):
        person_id = f"{number:032x}"
        edge.registered[person_id] = PersonView(
            person_id=person_id,
            profile=PersonProfile(name="Ada Example", number=f"E{number}"),
            enabled=True,
            enrolled_at=datetime(2026, 3, 2, 8, 0, tzinfo=UTC),
            consented=True,
            templates=templates,
        )


def test_status_shows_points_of_this_chain_only(ask: Any, models: Path, capsys: Capture) -> None:
    ask("status", "--json")
    chain = json.loads(capsys.readouterr().out)["chains"]["fused"]
    points = tuple(point(model_hash) for model_hash in (chain, "ab" * 32))
    operating_point.write(models / operating_point.FILE_NAME, points)
    assert ask("status", "--json") == 0
    (shown,) = json.loads(capsys.readouterr().out)["operating_points"]
    assert (shown["chain"], shown["threshold"], shown["gallery_people"]) == ("fused", 0.4, 250)
    assert ask("status") == 0
    assert "threshold 0.4000, measured with 250 people" in capsys.readouterr().out


def point(model_hash: str) -> OperatingPoint:
    return OperatingPoint(
        model_hash=ModelHash(model_hash),
        fpir=0.01,
        threshold=0.4,
        gallery_people=250,
        strangers=350,
        fnir=0.02,
        command="clockface evaluate identify",
    )
