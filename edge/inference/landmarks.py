"""Locates a face's parts with the 468-point face mesh, and from it the five points that alignment uses.

The mesh looks at a square around the box, turned so that the eyes are level, as MediaPipe does. Five points of
the mesh align better than BlazeFace's keypoints (docs/accuracy.md), and its presence says whether a face is
there.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelContractBroken
from edge.inference.alignment import Affine, warp
from edge.inference.runtime import Runner
from edge.types import BgrImage, Detection, Landmarks, ModelHash

MESH_POINTS = 468
# Eyelids: upper and lower contour. "Right" is the person's right, which lies left in an unmirrored picture.
RIGHT_EYELIDS = (33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173)
LEFT_EYELIDS = (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398)
NOSE_TIP, RIGHT_MOUTH, LEFT_MOUTH = 4, 61, 291
RIGHT_EYE_CORNER, LEFT_EYE_CORNER = 33, 263
REGION_SCALE = 1.5
"""Side of the square over the longer side of the box: MediaPipe's; 1.3 to 1.7 measured no better."""

# Where O-Net wants its square, as shares of the longer side of the mesh's bounding box: medians over lfw-dev.
_POINTS_CENTRE = np.array([-0.005, -0.057])
_POINTS_SIDE = 1.151

_RIGHT = np.array(RIGHT_EYELIDS)
_LEFT = np.array(LEFT_EYELIDS)


def five_points(mesh: NDArray[np.float32]) -> NDArray[np.float32]:
    """Eye centres, nose tip and mouth corners of a (468, 3) mesh, in the order of `Landmarks.five`."""
    flat = mesh[:, :2]
    return np.stack(
        [
            flat[_RIGHT].mean(axis=0),
            flat[_LEFT].mean(axis=0),
            flat[NOSE_TIP],
            flat[RIGHT_MOUTH],
            flat[LEFT_MOUTH],
        ]
    )


class PointRegressor:
    """MTCNN's O-Net (Zhang et al. 2016): the five points as the embedders saw them in their training.

    Args:
        runner: A loaded model of role "landmarks" with ten outputs: five x, then five y, fractions of its
        square.
    """

    def __init__(self, runner: Runner) -> None:
        sizes = [math.prod(output.shape) for output in runner.spec.outputs]
        if 10 not in sizes:
            raise ModelContractBroken(
                f"{runner.spec.name} has outputs of {sizes} values, none of them five points",
                next_step="clockface models list",
            )
        self._runner = runner
        self._at = sizes.index(10)
        self._size_px = runner.spec.input.width
        self._crop = np.zeros((self._size_px, self._size_px, 3), np.uint8)

    @property
    def model_hash(self) -> ModelHash:
        """Of the model."""
        return self._runner.spec.model_hash

    def five(self, image: BgrImage, mesh: NDArray[np.float32]) -> NDArray[np.float32]:
        """The five points, (5, 2) float32 pixels, of the face that the mesh lies on; eyes made level."""
        turn = _eye_line(five_points(mesh))
        cosine, sine = math.cos(turn), math.sin(turn)
        axes = np.array([[cosine, sine], [-sine, cosine]])
        level = mesh[:, :2] @ axes.T
        low, high = level.min(axis=0), level.max(axis=0)
        extent = max(float((high - low).max()), 1.0)
        centre = axes.T @ ((low + high) / 2 + extent * _POINTS_CENTRE)
        side = _POINTS_SIDE * extent
        matrix = _square_to_input(centre, side=side, turn=turn, size_px=self._size_px)
        # This network takes pictures with x and y exchanged: so are the rows of the map into it.
        warp(image, np.ascontiguousarray(_centres(matrix)[::-1]), out=self._crop)
        self._runner.load_image(self._crop)
        raw = self._runner.run()[self._at].reshape(2, 5).T * self._size_px
        scale = self._size_px / side
        return ((raw - matrix[:, 2]) @ (matrix[:, :2] / scale**2)).astype(np.float32)

    def close(self) -> None:
        """Free the model."""
        self._runner.close()


def _eye_line(five: NDArray[np.float32]) -> float:
    """Angle of the line from the right to the left eye, radians, clockwise positive."""
    return math.atan2(float(five[1, 1] - five[0, 1]), float(five[1, 0] - five[0, 0]))


class MeshLandmarker:
    """The face mesh.

    Args:
        runner: A loaded model of role "landmarks".
        points: A second opinion on the five points; the mean of both aligns better than either, or None.
        passes: 2 looks once more at the square that the first mesh gives; it costs a second run.
    """

    def __init__(self, runner: Runner, *, points: PointRegressor | None = None, passes: int = 1) -> None:
        sizes = [math.prod(output.shape) for output in runner.spec.outputs]
        if sorted(sizes) != [1, MESH_POINTS * 3]:
            raise ModelContractBroken(
                f"{runner.spec.name} has outputs of {sizes} values, which is no face mesh",
                next_step="clockface models list",
            )
        self._runner = runner
        self._mesh_at = sizes.index(MESH_POINTS * 3)
        self._size_px = runner.spec.input.width
        self._crop = np.zeros((self._size_px, self._size_px, 3), np.uint8)
        self._points = points
        self._passes = passes

    @property
    def recipe(self) -> str:
        """Names the models and how they are used: part of every recognition chain that aligns by them."""
        points = "mesh" if self._points is None else f"mesh+{self._points.model_hash}"
        return f"{self._runner.spec.model_hash}/{self._passes}/{points}"

    def locate(self, image: BgrImage, detection: Detection) -> Landmarks:
        """Locate the mesh and the five points of one face of this picture, in its pixels."""
        box, eyes = detection.box, detection.keypoints[1] - detection.keypoints[0]
        centre = np.array(box.centre)
        side = REGION_SCALE * max(box.width, box.height, 1.0)
        mesh, presence = self._look(image, centre=centre, side=side, turn=math.atan2(eyes[1], eyes[0]))
        for _ in range(1, self._passes):
            mesh, presence = self._look_again(image, mesh)
        five = five_points(mesh)
        if self._points is not None:
            five = (five + self._points.five(image, mesh)) / np.float32(2)
        return Landmarks(five=five, mesh=mesh, presence=presence)

    def close(self) -> None:
        """Free the models."""
        self._runner.close()
        if self._points is not None:
            self._points.close()

    def _look_again(self, image: BgrImage, mesh: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
        """MediaPipe's tracking rule: the square around all points, turned by the outer eye corners."""
        flat = mesh[:, :2]
        eyes = flat[LEFT_EYE_CORNER] - flat[RIGHT_EYE_CORNER]
        turn = math.atan2(eyes[1], eyes[0])
        cosine, sine = math.cos(turn), math.sin(turn)
        axes = np.array([[cosine, sine], [-sine, cosine]])
        level = flat @ axes.T
        low, high = level.min(axis=0), level.max(axis=0)
        side = REGION_SCALE * max(float((high - low).max()), 1.0)
        return self._look(image, centre=axes.T @ ((low + high) / 2), side=side, turn=turn)

    def _look(
        self, image: BgrImage, *, centre: NDArray[np.float64], side: float, turn: float
    ) -> tuple[NDArray[np.float32], float]:
        """Run the model on one turned square; the mesh in pixels of the picture, and its presence."""
        matrix = _square_to_input(centre, side=side, turn=turn, size_px=self._size_px)
        warp(image, _centres(matrix), out=self._crop, border=cv2.BORDER_REPLICATE)
        self._runner.load_image(self._crop)
        outputs = self._runner.run()
        raw = outputs[self._mesh_at].reshape(MESH_POINTS, 3)
        scale = self._size_px / side
        mesh = np.empty((MESH_POINTS, 3), np.float32)
        # A similarity's inverse is its transpose over the scale squared.
        mesh[:, :2] = (raw[:, :2] - matrix[:, 2]) @ (matrix[:, :2] / scale**2)
        mesh[:, 2] = raw[:, 2] / scale
        logit = float(outputs[1 - self._mesh_at].reshape(-1)[0])
        return mesh, 1 / (1 + math.exp(-min(max(logit, -80.0), 80.0)))


def _square_to_input(centre: NDArray[np.float64], *, side: float, turn: float, size_px: int) -> Affine:
    scale = size_px / side
    cosine, sine = scale * math.cos(turn), scale * math.sin(turn)
    turned = np.array([[cosine, sine], [-sine, cosine]])
    return np.concatenate([turned, (size_px / 2 - turned @ centre)[:, None]], axis=1)


def _centres(matrix: Affine) -> Affine:
    """The same map for OpenCV, which counts from the first pixel's centre instead of from its corner."""
    shifted = matrix.copy()
    shifted[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    return shifted
