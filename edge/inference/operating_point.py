"""Thresholds that were measured: loaded from, and written to, operating-points.toml beside the models.

A threshold belongs to one recognition chain (its hash), one false positive identification rate (FPIR) and one
gallery size. Without a measured one there is no recognition: a guess would be a claim that nobody checked.
"""

import itertools
import os
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from clockface.bounded import read_bounded
from edge.errors import ModelError, OperatingPointMissing
from edge.types.identity import ModelHash

FILE_NAME = "operating-points.toml"
MEASURE = "clockface evaluate identify --write"
_MAX_BYTES = 1 << 20
_TOLERANCE = 1e-9

Cosine = Annotated[float, Field(ge=-1, le=1)]
Rate = Annotated[float, Field(gt=0, lt=1)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Quantile(_Entry):
    """How often two faces of different people score at least this much.

    Args:
        rate: Share of impostor comparisons, 0 to 1.
        score: The cosine that this share reaches.
    """

    rate: Rate
    score: Cosine


class OperatingPoint(_Entry):
    """One measured threshold.

    Args:
        model_hash: The recognition chain.
        fpir: Share of strangers that were identified as somebody, at most.
        threshold: Least cosine of an identification.
        gallery_people: People enrolled in the measurement.
        strangers: People who were not, each searched for once or more.
        fnir: Share of enrolled people's probes that were not identified as themselves at this threshold.
        impostor_quantiles: Scores of single impostor comparisons, for galleries of another size.
        command: What was typed to measure it; no dates, no paths of one machine.
    """

    model_hash: Annotated[ModelHash, Field(pattern=r"^[0-9a-f]{64}$")]
    fpir: Rate
    threshold: Cosine
    gallery_people: int = Field(gt=0)
    strangers: int = Field(gt=0)
    fnir: float = Field(ge=0, le=1)
    impostor_quantiles: tuple[Quantile, ...] = ()
    command: str = Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")

    @model_validator(mode="after")
    def _supported(self) -> "OperatingPoint":
        if self.fpir * self.strangers < 1 - _TOLERANCE:
            raise ValueError(f"{self.strangers} strangers cannot carry an FPIR of {self.fpir:g}")
        ordered = sorted(self.impostor_quantiles, key=lambda q: q.rate)
        if any(one.score < two.score for one, two in itertools.pairwise(ordered)):
            raise ValueError("a rarer impostor score is lower than a more frequent one")
        return self


class _File(_Entry):
    format: Literal[1]
    point: tuple[OperatingPoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Threshold:
    """The threshold that is in force.

    Args:
        score: Least cosine of an identification.
        point: The measurement behind it.
        gallery_people: The size it is meant for.
        supported: False where the gallery is larger than the measurement can speak for; doctor warns.
    """

    score: float
    point: OperatingPoint
    gallery_people: int
    supported: bool


def load(path: Path) -> tuple[OperatingPoint, ...]:
    """Read all measured points; a file that is not there holds none.

    Raises:
        ModelError: The file is not valid; the message names the first wrong field.
    """
    try:
        text = read_bounded(path, max_bytes=_MAX_BYTES)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise _invalid(path, error.strerror or "cannot be read") from error
    try:
        return _File.model_validate(tomllib.loads(text.decode())).point
    except ValidationError as error:
        first = error.errors()[0]
        raise _invalid(path, f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _invalid(path, str(error)) from error


def write(path: Path, points: tuple[OperatingPoint, ...]) -> None:
    """Replace the file in one step: after a power cut it holds either the old points or the new ones."""
    ordered = sorted(points, key=lambda p: (p.model_hash, p.fpir, p.gallery_people))
    head = "# Measured thresholds, written by: clockface evaluate identify --write. Do not edit.\nformat = 1\n"
    text = head + "".join(_toml(point) for point in ordered)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def merge(old: tuple[OperatingPoint, ...], new: tuple[OperatingPoint, ...]) -> tuple[OperatingPoint, ...]:
    """The old points with the new ones in the place of those for the same chain, FPIR and gallery size."""
    keyed = {(p.model_hash, p.fpir, p.gallery_people): p for p in (*old, *new)}
    return tuple(keyed.values())


def choose(
    points: tuple[OperatingPoint, ...], *, model_hash: ModelHash, max_fpir: float, gallery_people: int = 1
) -> Threshold:
    """The lowest threshold that holds `max_fpir` for a gallery of this size.

    A stranger is compared with everybody, so FPIR grows with the gallery: with N people it is at most N times
    the rate of a single impostor comparison (union bound, no independence assumed). For a gallery larger than
    measured the threshold is therefore that of FPIR * measured / N, if a point measured that, or the impostor
    quantile of rate FPIR / N; never below the measured point. Where neither exists, the strictest known
    threshold is used and `supported` is False. A smaller gallery keeps the measured threshold.

    Raises:
        OperatingPointMissing: Nothing was measured for this chain at `max_fpir` or stricter.
    """
    own = [p for p in points if p.model_hash == model_hash and p.fpir <= max_fpir * (1 + _TOLERANCE)]
    if not own:
        rates = sorted({p.fpir for p in points if p.model_hash == model_hash})
        known = "none at all" if not rates else "only FPIR " + ", ".join(f"{rate:g}" for rate in rates)
        raise OperatingPointMissing(
            f"no threshold was measured for chain {model_hash[:12]} at FPIR {max_fpir:g}; it has {known}",
            where=FILE_NAME,
            next_step=MEASURE,
        )
    fitting = [
        t for p in own if (t := _scaled(p, max_fpir=max_fpir, gallery_people=gallery_people)) is not None
    ]
    if fitting:
        return min(fitting, key=lambda t: t.score)
    strictest = max(own, key=lambda p: p.threshold)
    scores = [strictest.threshold, *(q.score for p in own for q in p.impostor_quantiles)]
    return Threshold(max(scores), strictest, gallery_people, supported=False)


def _scaled(point: OperatingPoint, *, max_fpir: float, gallery_people: int) -> Threshold | None:
    """What one measurement says of a gallery of this size, or None where it cannot speak for it."""
    if point.fpir * max(1.0, gallery_people / point.gallery_people) <= max_fpir * (1 + _TOLERANCE):
        return Threshold(point.threshold, point, gallery_people, supported=True)
    wanted = max_fpir / gallery_people
    rarer = [q.score for q in point.impostor_quantiles if q.rate <= wanted * (1 + _TOLERANCE)]
    if not rarer:
        return None
    return Threshold(max(point.threshold, min(rarer)), point, gallery_people, supported=True)


def _toml(point: OperatingPoint) -> str:
    """One table; every value is a number or a string without control characters (JSON strings are TOML's)."""
    lines = ["", "[[point]]", f'model_hash = "{point.model_hash}"']
    for name in ("fpir", "threshold", "gallery_people", "strangers", "fnir"):
        lines.append(f"{name} = {_number(getattr(point, name))}")
    quantiles = ", ".join(
        f"{{ rate = {_number(q.rate)}, score = {_number(q.score)} }}" for q in point.impostor_quantiles
    )
    lines.append(f"impostor_quantiles = [{quantiles}]")
    escaped = point.command.replace("\\", "\\\\").replace('"', '\\"')
    lines.append(f'command = "{escaped}"')
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else repr(float(value))


def _invalid(path: Path, why: str) -> ModelError:
    return ModelError(f"the operating points are not valid: {why}", where=str(path), next_step=MEASURE)
