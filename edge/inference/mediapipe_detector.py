"""Finds faces with MediaPipe's own face detector task: an optional backend behind the `Detector` seam.

It runs the same verified BlazeFace, into which the build wrote the metadata that the task insists on. MediaPipe
sends usage statistics to its maker, so the process gives up its network before the library is loaded. What it
answers is not trusted: values that are not finite count as no face. Imports MediaPipe only when constructed.
"""

import importlib
import math
from typing import Any

import cv2
import numpy as np

from edge.errors import ModelContractBroken, ModelError, RuntimeUnavailable
from edge.inference.models import LoadedModel
from edge.inference.no_network import NetworkNotDenied, deny_network
from edge.types.faces import BgrImage, Box, Detection

INSTALL = "scripts/setup mediapipe, or set inference.detector = 'blazeface-short'"
KEYPOINTS = 6
_FAILURES = (RuntimeError, ValueError, OSError, IndexError)
"""What MediaPipe makes of its C library's codes; a model without metadata is a FileNotFoundError."""


class MediaPipeDetector:
    """MediaPipe's face detector task on the CPU. It has no second look at small faces, as `BlazeFace` has.

    Args:
        model: BlazeFace short range with the task's metadata.
        min_score: Least confidence of a face, 0 to 1.

    Raises:
        RuntimeUnavailable: MediaPipe is not installed or does not load, or the network cannot be given up.
        ModelContractBroken: The task refuses the model.
    """

    def __init__(self, model: LoadedModel, *, min_score: float) -> None:
        self._name = model.spec.name
        self._mediapipe = _load()
        vision = importlib.import_module("mediapipe.tasks.python.vision")
        base = importlib.import_module("mediapipe.tasks.python").BaseOptions(model_asset_buffer=model.content)
        options = vision.FaceDetectorOptions(base_options=base, min_detection_confidence=min_score)
        try:
            self._task: Any = vision.FaceDetector.create_from_options(options)
        except _FAILURES as error:
            raise ModelContractBroken(
                f"MediaPipe's face detector refuses {self._name}: {error}", next_step="clockface models verify"
            ) from error

    def detect(self, image: BgrImage) -> tuple[Detection, ...]:
        """Find faces in a (h, w, 3) uint8 BGR picture, best score first; boxes are whole pixels.

        Raises:
            ModelError: It is no such picture, or the task failed or was closed.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ModelError(f"a picture must be (h, w, 3) uint8, this one is {image.shape} {image.dtype}")
        if self._task is None:
            raise ModelError("MediaPipe's face detector was closed and cannot run")
        colours = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        picture = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=colours)
        try:
            answer = self._task.detect(picture)
        except _FAILURES as error:
            raise ModelError(
                "MediaPipe's face detector failed while running", next_step="clockface models verify"
            ) from error
        height, width = image.shape[:2]
        faces = [_detection(one, width=width, height=height) for one in answer.detections]
        return tuple(sorted((face for face in faces if face is not None), key=lambda face: -face.score))

    def close(self) -> None:
        """Free the task. May be called twice."""
        if self._task is not None:
            self._task.close()
            self._task = None


def _load() -> Any:
    try:
        deny_network()
    except NetworkNotDenied as error:
        raise RuntimeUnavailable(
            f"MediaPipe sends usage statistics, and this process cannot give up its network: {error}",
            next_step="set inference.detector = 'blazeface-short'",
        ) from error
    try:
        return importlib.import_module("mediapipe")
    except (ImportError, OSError, AttributeError) as error:  # OSError: libGLESv2 or libEGL is missing
        raise RuntimeUnavailable(
            f"inference.detector is mediapipe, but it cannot be loaded: {error}", next_step=INSTALL
        ) from error


def _detection(found: Any, *, width: int, height: int) -> Detection | None:
    """MediaPipe's answer as ours; None for values that are not finite or not complete."""
    at = found.bounding_box
    box = Box(float(at.origin_x), float(at.origin_y), float(at.width), float(at.height))
    score = float(found.categories[0].score) if found.categories else math.nan
    points = np.array([(point.x * width, point.y * height) for point in found.keypoints or ()], np.float32)
    sound = points.shape == (KEYPOINTS, 2) and bool(np.isfinite(points).all()) and math.isfinite(score)
    return Detection(box, score, points) if sound and box.width > 0 and box.height > 0 else None
