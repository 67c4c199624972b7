"""Runtime, models, liveness and threshold, on the shipped models themselves."""

import shutil
from pathlib import Path

import pytest

from edge.api.protocol import GalleryStatus
from edge.config import Config
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
from edge.inference.models import SHIPPED_MODELS
from edge.inference.operating_point import OperatingPoint, Quantile
from edge.types import ModelHash
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


def gallery(*, people: int = 20, threshold: float | None = 0.5, chain: str = CHAIN) -> GalleryStatus:
    return GalleryStatus(model_hash=chain, people=people, templates=people, threshold=threshold)


def measured(folder: Path, *, fpir: float = 0.01) -> None:
    point = OperatingPoint(
        model_hash=ModelHash(CHAIN),
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
    finding = check_liveness(Config())
    assert finding.health is Health.WARN
    assert "photograph" in finding.found


def test_liveness_that_cannot_run_is_a_failure() -> None:
    assert check_liveness(configured(liveness={"policy": "required"})).health is Health.FAIL


@pytest.mark.parametrize(
    ("galleries", "expected", "word"),
    [
        ((gallery(),), Health.OK, "20 people enrolled"),
        ((gallery(people=250),), Health.OK, "350 strangers"),
        ((gallery(people=900),), Health.OK, "0.600"),
        ((gallery(people=5000),), Health.WARN, "more than the measurement"),
        ((gallery(threshold=None),), Health.FAIL, "no threshold"),
        ((gallery(), gallery(threshold=None)), Health.FAIL, "no threshold"),
        ((), Health.FAIL, "without recognition"),
    ],
)
def test_the_threshold_is_judged_by_chain_rate_and_gallery(
    models: Path, galleries: tuple[GalleryStatus, ...], expected: Health, word: str
) -> None:
    measured(models)
    finding = check_operating_point(configured(paths={"models": models}), daemon(*galleries))
    assert finding.health is expected
    assert word in finding.found


def test_a_rate_that_nobody_measured_is_a_named_error(models: Path) -> None:
    measured(models, fpir=0.05)
    with pytest.raises(OperatingPointMissing):
        check_operating_point(configured(paths={"models": models}), daemon(gallery()))


def test_without_a_daemon_the_configured_chain_is_what_must_be_measured(models: Path) -> None:
    measured(models)
    nobody = Daemon(None, None, None)  # type: ignore[arg-type]  (nothing is asked of it)
    with pytest.raises(OperatingPointMissing):  # measured was another chain
        check_operating_point(configured(paths={"models": models}), nobody)
