"""Reads the pictures and lists that an evaluation is asked to use. All of it is outside input.

Folders: one folder a person with that person's pictures, or, for strangers, single pictures too (then each
picture is one person). Pairs: CSV with the columns file_a, file_b, same (1 or 0) and optionally fold.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.errors import EvaluationError, PhotoRefused
from edge.inference.photographs import MAX_BYTES, decode
from edge.types.faces import BgrImage

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
MAX_PAIRS = 5_000_000


@dataclass(frozen=True)
class Sample:
    """One picture of one person.

    Args:
        person: A label that is equal for pictures of the same person; never printed.
        path: The picture.
    """

    person: str
    path: Path


@dataclass(frozen=True)
class Pair:
    """Two pictures and whether they show the same person; `fold` is -1 where the list names none."""

    first: Sample
    second: Sample
    same: bool
    fold: int = -1


def read_folder(folder: Path, *, singles: bool = False) -> list[Sample]:
    """List the people of a folder.

    Args:
        folder: One folder a person.
        singles: Accept pictures that lie in `folder` itself, each as a person of its own.

    Raises:
        EvaluationError: The folder is missing or holds no picture.
    """
    if not folder.is_dir():
        raise EvaluationError("there is no such folder", where=str(folder), next_step="check the path")
    samples: list[Sample] = []
    for entry in sorted(folder.iterdir()):
        if entry.is_dir():
            samples += [Sample(entry.name, path) for path in sorted(entry.iterdir()) if _is_picture(path)]
        elif _is_picture(entry):
            if not singles:
                raise EvaluationError(
                    "a picture lies outside a person's folder",
                    where=str(entry),
                    next_step="put each person's pictures into a folder of their own",
                )
            samples.append(Sample(f"/{entry.name}", entry))
    if not samples:
        raise EvaluationError(
            "no picture found (one folder a person, with .jpg, .png or .webp files)", where=str(folder)
        )
    return samples


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES and path.is_file()


def read_pairs(csv_file: Path, *, images: Path) -> list[Pair]:
    """Read a list of pairs; the person is the picture's folder.

    Raises:
        EvaluationError: A line is not understood, or names a picture that is not below `images`.
    """
    if not images.is_dir():
        raise EvaluationError("there is no such folder", where=str(images), next_step="check --images")
    root = images.resolve()
    pairs: list[Pair] = []
    try:
        with csv_file.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            missing = {"file_a", "file_b", "same"} - set(rows.fieldnames or ())
            if missing:
                raise EvaluationError(
                    f"the columns {', '.join(sorted(missing))} are missing", where=str(csv_file)
                )
            for row in rows:
                pairs.append(_pair(row, root=root, where=f"{csv_file}, line {rows.line_num}"))
                if len(pairs) > MAX_PAIRS:
                    raise EvaluationError(f"more than {MAX_PAIRS} pairs", where=str(csv_file))
    except OSError as error:
        raise EvaluationError(
            f"the list of pairs cannot be read: {error.strerror}",
            where=str(csv_file),
            next_step="check --pairs",
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise EvaluationError(
            f"the list of pairs cannot be read as CSV in UTF-8: {error}", where=str(csv_file)
        ) from error
    if not any(pair.same for pair in pairs) or all(pair.same for pair in pairs):
        raise EvaluationError("verification needs pairs of both kinds", where=str(csv_file))
    return pairs


def _pair(row: dict[str, str], *, root: Path, where: str) -> Pair:
    if row.get("same") not in {"0", "1"}:
        raise EvaluationError("the column same must be 1 or 0", where=where)
    fold = row.get("fold") or "-1"
    if not fold.lstrip("-").isdecimal():
        raise EvaluationError("the column fold must be a whole number", where=where)
    first, second = (_below(root, row[column] or "", where=where) for column in ("file_a", "file_b"))
    return Pair(first, second, row["same"] == "1", int(fold))


def _below(root: Path, name: str, *, where: str) -> Sample:
    path = (root / name).resolve()
    if not path.is_relative_to(root) or not path.is_file():
        raise EvaluationError("a picture is not below the folder given with --images", where=where)
    return Sample(path.parent.name, path)


def read_picture(path: Path) -> BgrImage | None:
    """Decode to (h, w, 3) uint8 BGR, upright, as enrolment does; None if enrolment would refuse the picture."""
    if path.stat().st_size > MAX_BYTES:
        return None
    try:
        return decode(path.read_bytes())
    except PhotoRefused:
        return None


Progress = Callable[[str, int, int], None]
"""Called with what is done, how many are done, and how many there are."""
