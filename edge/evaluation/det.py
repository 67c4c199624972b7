"""Draws the detection error trade-off: both error rates on normal-deviate axes, as PNG or SVG.

Matplotlib is only imported here (extra `evaluate`): a kiosk has no use for it.
"""

from importlib.util import find_spec
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import EvaluationError
from edge.evaluation.rates import DetCurve

TICKS = (0.0001, 0.001, 0.01, 0.05, 0.2, 0.5)
LEAST_RATE = 0.00005


def require_drawable(path: Path) -> None:
    """Refuse before minutes of work what could not be drawn after them.

    Raises:
        EvaluationError: Matplotlib is missing, the ending is not .png or .svg, or there is no such folder.
    """
    if path.suffix not in {".png", ".svg"}:
        raise EvaluationError("a plot is written as .png or .svg", where=str(path))
    if not path.parent.is_dir():
        raise EvaluationError("there is no such folder to write the plot to", where=str(path.parent))
    if find_spec("matplotlib") is None:
        raise EvaluationError("the plot needs matplotlib", next_step="scripts/setup evaluate")


def draw(curve: DetCurve, *, path: Path, axes: tuple[str, str], title: str) -> None:
    """Write one curve to a path that `require_drawable` has passed.

    Args:
        curve: Both error rates.
        path: Ends in .png or .svg.
        axes: Names of the false positive and the false negative rate.
        title: What was measured.

    Raises:
        EvaluationError: The file cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5), layout="constrained")
    _plot(figure.add_subplot(), curve, axes=axes, title=title)
    try:
        figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
    except OSError as error:
        raise EvaluationError(f"the plot cannot be written: {error.strerror}", where=str(path)) from error


def _plot(plot: Any, curve: DetCurve, *, axes: tuple[str, str], title: str) -> None:
    plot.plot(_deviate(curve.false_positive), _deviate(curve.false_negative), drawstyle="steps-post")
    ticks = _deviate(np.array(TICKS))
    labels = [f"{tick * 100:g} %" for tick in TICKS]
    plot.set_xticks(ticks, labels)
    plot.set_yticks(ticks, labels)
    low, high = _deviate(np.array([LEAST_RATE, 0.6]))
    plot.set_xlim(low, high)
    plot.set_ylim(low, high)
    plot.grid(visible=True, alpha=0.3)
    plot.set_xlabel(axes[0])
    plot.set_ylabel(axes[1])
    plot.set_title(title)


def _deviate(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    normal = NormalDist()
    return np.array([normal.inv_cdf(float(rate)) for rate in np.clip(rates, LEAST_RATE, 1 - LEAST_RATE)])
