"""Reads folders of presentations: bona fide, and attacks in one folder a species. All of it is outside input.

A presentation is a video file, a picture, or a folder with the pictures of one clip; all frames of a clip are
one presentation. Its person is the part of its name before "--", or the folder that it lies in, or, without
either, nobody else's. A file SIMULATED beside or above a folder makes every report from it say so.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import cv2
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge.camera.replay import PICTURES, open_recording
from edge.camera.source import Ended
from edge.errors import CameraUnavailable, EvaluationError
from edge.evaluation.report import JsonObject

VIDEOS = frozenset({".avi", ".mp4", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".ogv"})
MARKER = "SIMULATED"
LEAST_FRAMES = 8
"""A folder of fewer numbered pictures is somebody's pictures, not a clip."""
_MARKER_LEVELS = 4
_MAX_NOTE_BYTES = 64 * 1024
_NUMBERED = re.compile(r"^(.*?)(\d+)$")


class Kind(StrEnum):
    """What a presentation is made of."""

    CLIP = "clip"
    IMAGE = "image"


class _Note(BaseModel):
    """What a .json of the same name may say of a clip."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    attack_from_s: float = Field(default=0.0, ge=0)


@dataclass(frozen=True, slots=True)
class Presentation:
    """One thing shown to the camera.

    Args:
        path: The video, the picture, or the folder of a clip's pictures.
        kind: Clip or image.
        group: The species of an attack; the folder's name of a bona fide presentation.
        person: Whose face; equal for presentations of the same person.
        attack_from_s: From when on it is what it is filed as; before, somebody else is seen.
    """

    path: Path
    kind: Kind
    group: str
    person: str
    attack_from_s: float = 0.0


def read_bona_fide(folders: Sequence[Path]) -> list[Presentation]:
    """The bona fide presentations of one or more folders.

    Raises:
        EvaluationError: A folder is missing or empty, or a file in it cannot be read.
    """
    return [one for folder in folders for one in _presentations(_there(folder, "--live"), group=folder.name)]


def read_attacks(folder: Path) -> list[Presentation]:
    """The attacks of a folder with one folder a species.

    Raises:
        EvaluationError: There is no species, one is empty, or a file cannot be read.
    """
    _there(folder, "--attacks")
    loose = [entry for entry in sorted(folder.iterdir()) if _is_picture(entry) or _is_video(entry)]
    if loose:
        raise EvaluationError(
            "an attack lies outside a species' folder",
            where=str(loose[0]),
            next_step="give each species (print, phone, mask, ...) a folder of its own",
        )
    species = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and not entry.name.startswith(".")]
    if not species:
        raise EvaluationError(
            "no attack found (one folder a species)", where=str(folder), next_step="check --attacks"
        )
    return [one for entry in species for one in _presentations(entry, group=entry.name)]


def read_marker(folders: Sequence[Path]) -> JsonObject | None:
    """What the marker of simulated material says, if any of the folders lies in such material."""
    for folder in folders:
        for level in (folder.resolve(), *folder.resolve().parents[:_MARKER_LEVELS]):
            marker = level / MARKER
            if marker.is_file():
                return _told(marker)
    return None


def check(presentations: Sequence[Presentation]) -> None:
    """Read the first frame of everything, so that a broken file is known before minutes of work.

    Raises:
        EvaluationError: One cannot be read.
    """
    for one in presentations:
        try:
            recording = open_recording(one.path, fps=1.0) if one.kind is Kind.CLIP else None
        except CameraUnavailable as error:
            raise EvaluationError(
                "the clip cannot be read",
                where=str(one.path),
                next_step="play it, or take it out of the folder",
            ) from error
        image = cv2.imread(str(one.path)) if recording is None else recording.next()
        if recording is not None:
            recording.close()
        if image is None or isinstance(image, Ended):
            raise EvaluationError(
                f"the {one.kind.value} holds no picture that can be decoded",
                where=str(one.path),
                next_step="replace it, or take it out of the folder",
            )


def _there(folder: Path, option: str) -> Path:
    if not folder.is_dir():
        raise EvaluationError("there is no such folder", where=str(folder), next_step=f"check {option}")
    return folder


def _presentations(folder: Path, *, group: str) -> list[Presentation]:
    found: list[Presentation] = []
    _gather(folder, group=group, person=None, into=found)
    if not found:
        raise EvaluationError(
            "no presentation found (videos, pictures, or folders with the pictures of a clip)",
            where=str(folder),
            next_step="clockface evaluate liveness --help",
        )
    return found


def _gather(folder: Path, *, group: str, person: str | None, into: list[Presentation]) -> None:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and not _is_clip(entry):
            if person is None:  # one level: a folder a person
                _gather(entry, group=group, person=entry.name, into=into)
        elif entry.is_dir() or _is_video(entry) or _is_picture(entry):
            into.append(_presentation(entry, group=group, person=person))


def _presentation(path: Path, *, group: str, person: str | None) -> Presentation:
    kind = Kind.IMAGE if _is_picture(path) else Kind.CLIP
    name, dashes, _ = path.stem.partition("--")
    whose = person or (name if dashes and name else f"{group}/{path.name}")
    return Presentation(path, kind, group, whose, _note(path).attack_from_s)


def _note(path: Path) -> _Note:
    note = path.with_suffix(".json")
    if path.is_dir() or not note.is_file():
        return _Note()
    try:
        return _Note.model_validate_json(_read(note))
    except ValidationError as error:
        raise EvaluationError(
            "the note beside a clip is not understood (attack_from_s: seconds)", where=str(note)
        ) from error


def _told(marker: Path) -> JsonObject:
    try:
        told = json.loads(_read(marker))
    except ValueError:
        told = None  # whoever wrote it by hand still means it
    return told if isinstance(told, dict) else {}


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_NOTE_BYTES)
    except OSError as error:
        raise EvaluationError(f"the file cannot be read: {error.strerror}", where=str(path)) from error


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES and path.is_file()


def _is_video(path: Path) -> bool:
    return path.suffix.lower() in VIDEOS and path.is_file()


def _is_clip(folder: Path) -> bool:
    """Whether a folder's pictures are one clip: many, numbered without a gap, all of one name."""
    matched = [_NUMBERED.match(file.stem) for file in folder.iterdir() if _is_picture(file)]
    if len(matched) < LEAST_FRAMES or any(match is None for match in matched):
        return False
    names = {match.group(1) for match in matched if match}
    numbers = {int(match.group(2)) for match in matched if match}
    return len(names) == 1 and max(numbers) - min(numbers) + 1 == len(numbers)
