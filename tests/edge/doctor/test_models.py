"""Runtime, models, liveness and threshold, on the shipped models themselves."""

import shutil
from pathlib import Path

import pytest

from edge.api.protocol.status import GalleryStatus
from edge.config.tree import Config
from edge.doctor.daemon import Daemon
from edge.doctor.findings import Health
from edge.doctor.models import (
    check_liveness,
    check_models,
    check_operating_point,
    check_runtime,
    wanted,
)
from edge.errors import ModelAltered, ModelMissing, OperatingPointMissing
from edge.inference import operating_point
from edge.inference.chain import open_models
from edge.inference.models import SHIPPED_MODELS, ModelStore
from edge.inference.operating_point import OperatingPoint, Quantile
from edge.types.identity import ModelHash
from tests.edge.api.small_edge import SmallEdge

CHAIN = "cd" * 32


def configured(**sections: object) -> Config:
    return Config.model_validate(sections)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED_MODELS, tmp_path / "models"))


def daemon(*galleries: GalleryStatus) -> Daemon:
    status = SmallEdge().status().model_copy(update={"galleries": galleries})
    return Daemon(None, status, None)  # type: ignore[arg-type]  (nothing is asked of it)


def gallery(*, supported: bool = True, chain: str = CHAIN) -> GalleryStatus:
    return GalleryStatus(
        model_hash=chain, people=20, templates=24, threshold=0.5, threshold_supported=supported
    )


def measured(folder: Path, *, fpir: float = 0.01, chain: str = CHAIN) -> None:
    point = OperatingPoint(
        model_hash=ModelHash(chain),
        fpir=fpir,
        threshold=0.5,
        gallery_people=250,
        strangers=350,
        fnir=0.02,
        impostor_quantiles=(Quantile(rate=1e-5, score=0.6),),
        command="clockface evaluate identify",
    )
    operating_point.write(folder / operating_point.FILE_NAME, (point,))


def test_the_shipped_models_hold_and_run() -> None:
    finding = check_models(Config())
    assert finding.health is Health.OK
    for name in wanted(Config().inference):
        assert name in finding.found


def test_every_configured_chain_is_run() -> None:
    config = configured(inference={"chain": "mobilefacenet", "previous_chain": "fused"})
    assert {"mobilefacenet", "faceplugin-feature"} <= set(wanted(config.inference))


def test_an_altered_or_missing_model_is_a_named_error_also_if_it_is_not_in_use(models: Path) -> None:
    unused = models / "blazeface-full.tflite"
    content = bytearray(unused.read_bytes())
    content[1000] ^= 1
    unused.write_bytes(content)
    config = configured(paths={"models": models})
    with pytest.raises(ModelAltered):
        check_models(config)
    unused.unlink()
    with pytest.raises(ModelMissing):
        check_models(config)


def test_the_runtime_is_named_with_xnnpack() -> None:
    finding = check_runtime(Config())
    assert finding.health is Health.OK
    assert "xnnpack" in finding.found
    assert check_runtime(configured(inference={"threads": 2})).health is Health.WARN


def test_liveness_off_is_a_warning_that_a_photograph_clocks_in() -> None:
    finding = check_liveness(configured(liveness={"policy": "off"}))
    assert finding.health is Health.WARN
    assert "photograph" in finding.found


def test_liveness_that_runs_is_named_with_its_model_and_time() -> None:
    finding = check_liveness(Config())
    assert finding.health is Health.OK
    assert "faceplugin-liveness" in finding.found


def test_liveness_whose_model_is_missing_is_a_failure_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "manifest.toml").write_bytes((SHIPPED_MODELS / "manifest.toml").read_bytes())
    with pytest.raises(ModelMissing, match="faceplugin-liveness"):
        check_liveness(configured(paths={"models": tmp_path}))


@pytest.mark.parametrize(
    ("galleries", "expected", "word"),
    [
        ((gallery(),), Health.OK, "20 people enrolled"),
        ((gallery(supported=False),), Health.WARN, "more than the measurement"),
        ((gallery(), gallery(supported=False)), Health.WARN, "more than the measurement"),
    ],
)
def test_a_running_daemon_says_which_threshold_is_in_force(
    galleries: tuple[GalleryStatus, ...], expected: Health, word: str
) -> None:
    finding = check_operating_point(Config(), daemon(*galleries))
    assert finding.health is expected
    assert word in finding.found


def test_without_a_daemon_the_measured_threshold_is_named(models: Path) -> None:
    config = configured(paths={"models": models})
    nobody = Daemon(None, None, None)  # type: ignore[arg-type]  (nothing is asked of it)
    opened = open_models(ModelStore(models), config.inference)
    chain = opened.embedder.model_hash
    opened.close()
    measured(models, chain=chain)
    finding = check_operating_point(config, nobody)
    assert finding.health is Health.OK
    assert "threshold 0.500 for FPIR 0.01" in finding.found
    measured(models, chain=chain, fpir=0.05)
    for without_recognition in (nobody, daemon()):
        with pytest.raises(OperatingPointMissing):
            check_operating_point(config, without_recognition)


def test_without_a_daemon_the_configured_chain_is_what_must_be_measured(models: Path) -> None:
    measured(models)
    nobody = Daemon(None, None, None)  # type: ignore[arg-type]  (nothing is asked of it)
    with pytest.raises(OperatingPointMissing):  # measured was another chain
        check_operating_point(configured(paths={"models": models}), nobody)
