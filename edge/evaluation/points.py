"""Writes measured thresholds for the daemon, and refuses those that the sample cannot carry."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge.errors import EvaluationError
from edge.evaluation.rates import supported
from edge.evaluation.reading import Readings
from edge.evaluation.report import JsonObject
from edge.evaluation.samples import Sample
from edge.inference import operating_point
from edge.inference.operating_point import FILE_NAME, OperatingPoint, Quantile
from edge.types.identity import ModelHash

QUANTILE_RATES = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5)
COMMAND = "clockface evaluate identify --gallery DIR --probes DIR --strangers DIR --write"


def impostor_quantiles(
    readings: Readings, gallery: Sequence[Sample], strangers: Sequence[Sample]
) -> tuple[Quantile, ...]:
    """What share of single comparisons stranger against template reaches which score.

    The daemon scales a threshold to a larger gallery with them. Rates that so few comparisons cannot carry are
    left out.
    """
    templates = np.stack([readings.templates[s.path] for s in gallery if s.path in readings.templates])
    probes = np.stack([readings.probes[s.path] for s in strangers if s.path in readings.probes])
    scores = np.sort((probes @ templates.T).ravel())[::-1]
    return tuple(
        Quantile(rate=rate, score=round(float(scores[int(rate * scores.size)]), 4))
        for rate in QUANTILE_RATES
        if supported(rate, scores.size)
    )


def write(
    report: JsonObject, *, folder: Path, model_hash: ModelHash, quantiles: tuple[Quantile, ...]
) -> list[float]:
    """Add the report's supported operating points to the file beside the models.

    Returns:
        The FPIRs written.

    Raises:
        EvaluationError: The sample supports no operating point at all.
    """
    rows = [row for row in report["operating_points"] if row["supported"]]
    if not rows:
        raise EvaluationError(
            f"{report['strangers']} strangers support no operating point; nothing was written",
            next_step="add strangers: an FPIR of 1 % needs 300",
        )
    measured = tuple(
        OperatingPoint(
            model_hash=model_hash,
            fpir=row["fpir"],
            threshold=round(row["threshold"] + 0.00005, 4),  # rounded up: never more lenient than measured
            gallery_people=report["enrolled"] - report["failed_to_enrol"],
            strangers=report["strangers"],
            fnir=round(row["fnir"], 6),
            impostor_quantiles=quantiles,
            command=COMMAND,
        )
        for row in rows
    )
    path = folder / FILE_NAME
    known = operating_point.load(path) if path.exists() else ()
    operating_point.write(path, operating_point.merge(known, measured))
    return [row["fpir"] for row in rows]
