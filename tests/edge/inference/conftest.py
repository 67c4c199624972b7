"""The real models, opened once, and one real face that may be committed (NASA, public domain)."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from edge.config.tree import Config
from edge.inference.analyser import FaceAnalyser
from edge.inference.chain import Models, open_models
from edge.inference.models import ModelStore
from edge.types.faces import BgrImage

DATA = Path(__file__).resolve().parents[2] / "data"
FACES = Path(__file__).resolve().parents[4] / "shared" / "faces" / "lfw-dev"


@pytest.fixture(scope="session")
def models() -> Iterator[Models]:
    opened = open_models(ModelStore(), Config().inference)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def astronaut() -> BgrImage:
    """One woman who looks into the camera, smiling; (512, 512, 3)."""
    image = cv2.imread(str(DATA / "astronaut.jpg"))
    assert image is not None
    return image


@pytest.fixture(scope="session")
def analyser(models: Models) -> FaceAnalyser:
    return FaceAnalyser(models, limits=Config().quality)


@pytest.fixture(scope="session")
def lfw() -> list[list[Path]]:
    """Photographs of people with two or more, a list a person."""
    if not FACES.is_dir():
        pytest.skip("../shared/faces/lfw-dev is not here")
    people = (sorted(folder.glob("*.jpg")) for folder in sorted(FACES.iterdir()))
    return [photos for photos in people if len(photos) > 1]
