"""The cost of a verdict with liveness and without, on a clip made of the shipped picture."""

from pathlib import Path

import cv2
import pytest

from edge.config.tree import Config
from edge.errors import EvaluationError
from edge.evaluation.bench_liveness import measure_liveness
from edge.evaluation.liveness_run import policies
from edge.inference.models import SHIPPED_MODELS
from tests.edge.evaluation.test_liveness_run import BlueIsFake, clip, quiet

FRAME_S = 1 / 15


class Ticking:
    """Each look at the clock is a hundredth of a second later."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def __call__(self) -> float:
        self._now_s += 0.01
        return self._now_s


def test_a_policy_is_measured_beside_the_pipeline_without_it(tmp_path: Path):
    clip(tmp_path / "anna", blue=False)
    report = measure_liveness(
        Config.model_validate({"camera": {"fps": 15}, "liveness": {"policy": policies()[1]}}),
        clips=[tmp_path / "anna"],
        progress=quiet,
        rounds=1,
        seam=lambda _config, _store: BlueIsFake(),
        timer=Ticking(),
    )
    assert report["policy"] == policies()[1]
    for way in ("with", "without"):
        assert report[way]["verdicts"] == report[way]["recognised"] == 1
        assert report[way]["core"]["median_ms"] == pytest.approx(10 * report[way]["frames_median"])
        assert report[way]["to_verdict"]["median_ms"] == pytest.approx(2 * FRAME_S * 1000)


def test_clips_that_bring_no_verdict_are_refused(tmp_path: Path):
    (tmp_path / "nobody").mkdir()
    picture = cv2.imread(str(SHIPPED_MODELS / "sample-face.jpg"))
    for index in range(2):
        cv2.imwrite(str(tmp_path / "nobody" / f"{index}.png"), picture[:40, :40])
    with pytest.raises(EvaluationError, match="no clip brought a verdict"):
        measure_liveness(Config(), clips=[tmp_path / "nobody"], progress=quiet, rounds=1)
