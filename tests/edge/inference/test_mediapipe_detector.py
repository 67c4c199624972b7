"""MediaPipe's detector behind the seam. What every detector must do is in test_detector.py."""

import importlib.util
import os
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edge.config.recognition import InferenceConfig
from edge.errors import ModelContractBroken, ModelError
from edge.inference.chain import configured_models, models_of_a_frame, open_detector
from edge.inference.mediapipe_detector import MediaPipeDetector, _detection
from edge.inference.models import ModelStore
from edge.types.faces import BgrImage

ROOT = Path(__file__).resolve().parents[3]
HAS_MEDIAPIPE = importlib.util.find_spec("mediapipe") is not None
needs_mediapipe = pytest.mark.skipif(
    not HAS_MEDIAPIPE, reason="mediapipe is not installed here; scripts/test-mediapipe runs this where it is"
)
OPEN = (
    "from edge.config.recognition import InferenceConfig\n"
    "from edge.errors import RuntimeUnavailable\n"
    "from edge.inference.chain import open_detector\n"
    "from edge.inference.models import ModelStore\n"
)


def run(code: str) -> None:
    """In a process of its own, since the network is taken from it for good."""
    done = subprocess.run(
        [sys.executable, "-c", OPEN + code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_where_mediapipe_is_missing_the_error_says_how_to_get_it() -> None:
    run(
        "import sys; sys.modules['mediapipe'] = None\n"  # as if it were not installed
        "try:\n"
        "    open_detector(ModelStore(), InferenceConfig(detector='mediapipe'))\n"
        "except RuntimeUnavailable as error:\n"
        "    assert 'cannot be loaded' in str(error) and 'scripts/setup mediapipe' in str(error), str(error)\n"
        "else:\n"
        "    raise SystemExit('no error')"
    )


def test_a_machine_that_cannot_give_up_its_network_gets_no_mediapipe() -> None:
    run(
        "import platform, socket\n"
        "try:\n"
        "    socket.socket(socket.AF_INET).close()\n"
        "except OSError:\n"
        "    raise SystemExit(0)\n"  # an earlier test of this run gave it up
        "platform.machine = lambda: 'riscv64'\n"
        "try:\n"
        "    open_detector(ModelStore(), InferenceConfig(detector='mediapipe'))\n"
        "except RuntimeUnavailable as error:\n"
        "    assert 'usage statistics' in str(error) and 'blazeface-short' in str(error), str(error)\n"
        "else:\n"
        "    raise SystemExit('no error')"
    )


def test_the_model_that_mediapipe_runs_is_the_verified_short_range_one() -> None:
    config = InferenceConfig(detector="mediapipe")
    assert models_of_a_frame(config)[0] == "blazeface-short"
    assert "blazeface-short" in configured_models(config)


def answer(**changes: Any) -> SimpleNamespace:
    """One detection in MediaPipe's form."""
    fields = {
        "bounding_box": SimpleNamespace(origin_x=10, origin_y=20, width=30, height=40),
        "categories": [SimpleNamespace(score=0.9)],
        "keypoints": [SimpleNamespace(x=0.1 * n, y=0.2) for n in range(6)],
    }
    return SimpleNamespace(**{**fields, **changes})


def test_its_answer_becomes_ours_in_pixels() -> None:
    found = _detection(answer(), width=200, height=100)
    assert found is not None
    assert (found.box.left, found.box.top, found.box.width, found.box.height) == (10, 20, 30, 40)
    assert found.score == pytest.approx(0.9)
    assert found.keypoints.dtype == np.float32
    assert np.allclose(found.keypoints, [(20 * n, 20) for n in range(6)])


@pytest.mark.parametrize(
    "changes",
    [
        {"categories": []},
        {"categories": [SimpleNamespace(score=float("nan"))]},
        {"keypoints": None},
        {"keypoints": [SimpleNamespace(x=0.1, y=0.1)] * 5},
        {"keypoints": [SimpleNamespace(x=float("inf"), y=0.1)] * 6},
        {"bounding_box": SimpleNamespace(origin_x=10, origin_y=20, width=0, height=40)},
    ],
)
def test_an_answer_that_is_incomplete_or_not_finite_is_no_face(changes: dict[str, Any]) -> None:
    assert _detection(answer(**changes), width=200, height=100) is None


@needs_mediapipe
def test_it_sees_what_our_own_runner_sees(astronaut: BgrImage) -> None:
    with ExitStack() as stack:
        its, ours = (
            stack.enter_context(closing(open_detector(ModelStore(), InferenceConfig(detector=name))))
            for name in ("mediapipe", "blazeface-short")
        )
        (seen,), (expected,) = its.detect(astronaut), ours.detect(astronaut)
    assert seen.box.overlap(expected.box) > 0.85
    assert np.abs(seen.keypoints - expected.keypoints).max() < 0.1 * expected.box.width


@needs_mediapipe
def test_a_model_without_the_tasks_metadata_is_refused() -> None:
    with pytest.raises(ModelContractBroken, match="refuses blazeface-full"):
        MediaPipeDetector(ModelStore().load("blazeface-full"), min_score=0.5)


@needs_mediapipe
def test_a_closed_detector_says_so(astronaut: BgrImage) -> None:
    detector = open_detector(ModelStore(), InferenceConfig(detector="mediapipe"))
    detector.close()
    with pytest.raises(ModelError, match="was closed"):
        detector.detect(astronaut)


@needs_mediapipe
def test_with_it_the_process_has_no_network() -> None:
    run(
        "import socket\n"
        "open_detector(ModelStore(), InferenceConfig(detector='mediapipe')).close()\n"
        "try:\n"
        "    socket.socket(socket.AF_INET)\n"
        "except OSError:\n"
        "    raise SystemExit(0)\n"
        "raise SystemExit('a socket opened')"
    )
