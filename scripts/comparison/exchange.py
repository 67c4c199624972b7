"""What all workers are given: one folder with the same frame, the same aligned face and the models of others.

Also the check that they did the same work: a library that found another face, or none, is not compared.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.config.tree import Config
from edge.inference.analyser import FaceAnalyser
from edge.inference.chain import open_models
from edge.inference.models import ModelStore
from edge.types.faces import BgrImage, Box
from scripts.model_sources import read_source

PEOPLE = 1000
SAME_FACE_IOU = 0.3
SAME_LENGTH = 1e-3
CROP_NETWORK = "faceplugin-feature"


class NoFace(Exception):
    """The picture has not exactly one face that Clockface would match."""


def write_inputs(folder: Path, *, frame: BgrImage) -> None:
    """The frame in both colour orders, the aligned face as a network's input, and the gallery's size.

    Raises:
        NoFace: There is not exactly one good face in the frame.
    """
    np.save(folder / "frame-bgr.npy", frame)
    np.save(folder / "frame-rgb.npy", np.ascontiguousarray(frame[..., ::-1]))
    np.save(folder / "people.npy", PEOPLE)
    np.save(folder / "crop.npy", aligned_face(frame))


def aligned_face(frame: BgrImage) -> NDArray[np.float32]:
    """The frame's only face as the network takes it: (1, 112, 112, 3) float32 RGB, -1 to 1.

    Raises:
        NoFace: There is not exactly one good face in the frame.
    """
    config, store = Config(), ModelStore()
    models = open_models(store, config.inference)
    try:
        analyser = FaceAnalyser(models, limits=config.quality)
        found = analyser.detect(frame)
        if len(found) != 1:
            raise NoFace(
                f"the picture has {len(found)} faces, the comparison is about one. Next: check --image"
            )
        face = analyser.examine(frame, found[0])
        if not face.quality.acceptable:
            raise NoFace("the pipeline would not match this face: it is not good enough. Next: check --image")
        crop = models.aligner.crop(frame, face.landmarks)[None, ..., ::-1]
        contract = store.spec(CROP_NETWORK).input
        return ((crop.astype(np.float32) - contract.mean) / contract.std).astype(np.float32)
    finally:
        models.close()


def write_model_for(library: str, *, folder: Path, cache: Path) -> None:
    """The other side's model where it needs one: the same network in the form that it takes.

    Raises:
        SourceError: The package that has it cannot be fetched.
    """
    store = ModelStore()
    if library == "mediapipe":
        (folder / "blazeface.tflite").write_bytes(store.load("blazeface-short").content)
    if library == "onnxruntime":
        content = read_source(store.spec(CROP_NETWORK).source, cache=cache)
        (folder / "fr_feature.onnx").write_bytes(content)


def difference(own: Mapping[str, Any], its: Mapping[str, Any]) -> str | None:
    """Why what a library did is not what Clockface did; None: one face, same place, same vector."""
    if "box" in its:
        if its["faces"] != 1:
            return f"it found {its['faces']} faces, Clockface 1"
        if Box(*own["box"]).overlap(Box(*its["box"])) < SAME_FACE_IOU:
            return f"it found a face at {its['box']}, Clockface at {own['box']}"
    if "embedding_length" in its:
        lengths = own["embedding_length"], its["embedding_length"]
        if abs(lengths[1] / lengths[0] - 1) > SAME_LENGTH:
            return f"its embedding has the length {lengths[1]:.5g}, Clockface's {lengths[0]:.5g}"
    return None
