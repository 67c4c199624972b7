"""The DET plot is drawn as asked, or refused before the work begins."""

from pathlib import Path

import numpy as np
import pytest

from edge.errors import EvaluationError
from edge.evaluation.det import draw, require_drawable
from edge.evaluation.rates import det_curve


@pytest.mark.parametrize(("name", "begins"), [("det.png", b"\x89PNG"), ("det.svg", b"<?xml")])
def test_a_curve_is_written_in_the_form_that_its_name_says(tmp_path: Path, name: str, begins: bytes):
    curve = det_curve(np.linspace(0.3, 0.9, 50), np.linspace(-0.2, 0.5, 80))
    require_drawable(tmp_path / name)
    draw(curve, path=tmp_path / name, axes=("FMR", "FNMR"), title="made up")
    assert (tmp_path / name).read_bytes().startswith(begins)


def test_another_ending_is_refused(tmp_path: Path):
    with pytest.raises(EvaluationError, match="a plot is written as"):
        require_drawable(tmp_path / "det.pdf")


def test_a_missing_folder_is_refused_before_the_work(tmp_path: Path):
    with pytest.raises(EvaluationError, match="no such folder"):
        require_drawable(tmp_path / "nowhere" / "det.png")


def test_without_matplotlib_the_next_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("edge.evaluation.det.find_spec", lambda name: None)
    with pytest.raises(EvaluationError, match="scripts/setup evaluate"):
        require_drawable(tmp_path / "det.png")
