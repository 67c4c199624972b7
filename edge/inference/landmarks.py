"""Locates a face's parts with the 468-point face mesh, and from it the five points that alignment uses.

The mesh looks at a square around the box, turned so that the eyes are level, as MediaPipe does. Five points of
the mesh align better than BlazeFace's keypoints (docs/accuracy.md), and its presence says whether a face is
there.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelContractBroken
from edge.inference.alignment import Affine, warp
from edge.inference.runtime import Runner
from edge.types.faces import BgrImage, Detection, Landmarks
from edge.types.identity import ModelHash

MESH_POINTS = 468
# Eyelids: upper and lower contour. "Right" is the person's right, which lies left in an unmirrored picture.
RIGHT_EYELIDS = (33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173)
LEFT_EYELIDS = (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398)
NOSE_TIP, RIGHT_MOUTH, LEFT_MOUTH = 4, 61, 291
RIGHT_EYE_CORNER, LEFT_EYE_CORNER = 33, 263
REGION_SCALE = 1.5
"""Side of the square over the longer side of the box: MediaPipe's; 1.3 to 1.7 measured no better."""

# Where O-Net wants its square, as shares of the longer side of the mesh's bounding box: medians over lfw-dev.
_POINTS_CENTRE = (-0.005, -0.057)
_POINTS_SIDE = 1.151


def _five_weights() -> NDArray[np.float32]:
    """(5, 468): the mean of the eyelid points twice, and three points alone."""
    weights = np.zeros((5, MESH_POINTS), np.float32)
    for row, points in enumerate((RIGHT_EYELIDS, LEFT_EYELIDS, (NOSE_TIP,), (RIGHT_MOUTH,), (LEFT_MOUTH,))):
        weights[row, list(points)] = 1 / len(points)
    return weights


_FIVE = _five_weights()


def five_points(mesh: NDArray[np.float32]) -> NDArray[np.float32]:
    """Eye centres, nose tip and mouth corners of a (468, 3) mesh, in the order of `Landmarks.five`; (5, 2)."""
    return _FIVE @ mesh[:, :2]


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

    def five(
        self, image: BgrImage, mesh: NDArray[np.float32], *, mesh_five: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The five points, (5, 2) float32 pixels, of the face that the mesh lies on; eyes made level.

        Args:
            image: A picture in which the face is at most 300 pixels wide: it is not averaged when it is shrunk.
            mesh: (468, 3) in its pixels.
            mesh_five: `five_points(mesh)`, which the caller has already.
        """
        turn = _eye_line(mesh_five)
        (x, y), extent = _level_extent(mesh[:, :2], turn)
        cosine, sine = math.cos(turn), math.sin(turn)
        aside_x, aside_y = extent * _POINTS_CENTRE[0], extent * _POINTS_CENTRE[1]
        square = _Square(
            centre=(x + cosine * aside_x - sine * aside_y, y + sine * aside_x + cosine * aside_y),
            side=_POINTS_SIDE * extent,
            turn=turn,
        )
        # This network takes pictures with x and y exchanged: so are the rows of the map into it.
        exchanged = square.to_input(self._size_px)[::-1].copy()
        cv2.warpAffine(image, exchanged, (self._size_px, self._size_px), dst=self._crop, flags=cv2.INTER_LINEAR)
        self._runner.load_image(self._crop)
        raw = self._runner.run()[self._at].reshape(2, 5).T * np.float32(self._size_px)
        return square.to_picture(raw, size_px=self._size_px)

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
        points = "mesh" if self._points is None else f"mesh+crop+{self._points.model_hash}"
        return f"{self._runner.spec.model_hash}/{self._passes}/{points}"

    def locate(self, image: BgrImage, detection: Detection) -> Landmarks:
        """Locate the mesh and the five points of one face of this picture, in its pixels."""
        box, eyes = detection.box, detection.keypoints[1] - detection.keypoints[0]
        square = _Square(
            centre=box.centre,
            side=REGION_SCALE * max(box.width, box.height, 1.0),
            turn=math.atan2(eyes[1], eyes[0]),
        )
        mesh, presence = self._look(image, square)
        for _ in range(1, self._passes):
            square = _around(square.to_picture(mesh, size_px=self._size_px))
            mesh, presence = self._look(image, square)
        five = five_points(mesh)
        if self._points is not None:
            five = (five + self._points.five(self._crop, mesh, mesh_five=five)) / np.float32(2)
        return Landmarks(
            five=square.to_picture(five, size_px=self._size_px),
            mesh=square.to_picture(mesh, size_px=self._size_px),
            presence=presence,
        )

    def close(self) -> None:
        """Free the models."""
        self._runner.close()
        if self._points is not None:
            self._points.close()

    def _look(self, image: BgrImage, square: "_Square") -> tuple[NDArray[np.float32], float]:
        """Run the model on one turned square; the mesh in pixels of the crop, and its presence."""
        matrix = square.to_input(self._size_px)
        warp(image, matrix, out=self._crop, border=cv2.BORDER_REPLICATE)
        self._runner.load_image(self._crop)
        outputs = self._runner.run()
        logit = float(outputs[1 - self._mesh_at].reshape(-1)[0])
        return outputs[self._mesh_at].reshape(MESH_POINTS, 3), 1 / (1 + math.exp(-min(max(logit, -80.0), 80.0)))


@dataclass(frozen=True, slots=True)
class _Square:
    """A turned square of the picture: what a model is shown.

    Its few numbers are Python's: on two or three numbers an array operation costs ten times as much.
    """

    centre: tuple[float, float]
    side: float
    turn: float

    def to_input(self, size_px: int) -> Affine:
        """From pixels of the picture to pixels of the model's input.

        As OpenCV counts, from the first pixel's centre; points of a mesh are counted from its corner.
        """
        scale, (x, y) = size_px / self.side, self.centre
        cosine, sine = scale * math.cos(self.turn), scale * math.sin(self.turn)
        x, y, middle = x - 0.5, y - 0.5, size_px / 2 - 0.5
        return np.array(
            [[cosine, sine, middle - cosine * x - sine * y], [-sine, cosine, middle + sine * x - cosine * y]]
        )

    def to_picture(self, points: NDArray[np.float32], *, size_px: int) -> NDArray[np.float32]:
        """(n, 2) or (n, 3) points of the model's input in pixels of the picture; a new array."""
        scale, (x, y), half = self.side / size_px, self.centre, size_px / 2
        cosine, sine = scale * math.cos(self.turn), scale * math.sin(self.turn)
        back = np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, scale]])
        shift = np.array([x - half * (cosine - sine), y - half * (sine + cosine), 0.0])
        axes = points.shape[1]
        placed: NDArray[np.float64] = points @ back[:axes, :axes] + shift[:axes]
        return placed.astype(np.float32)


def _around(mesh: NDArray[np.float32]) -> _Square:
    """MediaPipe's tracking rule: the square around all points, turned by the outer eye corners."""
    flat = mesh[:, :2]
    eyes = flat[LEFT_EYE_CORNER] - flat[RIGHT_EYE_CORNER]
    turn = math.atan2(eyes[1], eyes[0])
    middle, extent = _level_extent(flat, turn)
    return _Square(centre=middle, side=REGION_SCALE * extent, turn=turn)


def _level_extent(flat: NDArray[np.float32], turn: float) -> tuple[tuple[float, float], float]:
    """Centre and longer side of the points' bounding box, as it lies when turned by `turn`."""
    cosine, sine = math.cos(turn), math.sin(turn)
    # One row for x and one for y: along a row numpy finds the least of 468 ten times as fast as down a column.
    level = np.array([[cosine, sine], [-sine, cosine]]) @ flat.T
    least, most = np.minimum.reduce(level, axis=1), np.maximum.reduce(level, axis=1)
    (left, top), (right, bottom) = least.tolist(), most.tolist()
    x, y = (left + right) / 2, (top + bottom) / 2
    return (cosine * x - sine * y, sine * x + cosine * y), max(right - left, bottom - top, 1.0)
