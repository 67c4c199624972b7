"""Finds faces with BlazeFace: the frame goes into a small square, and only anchors that fired are decoded.

It exists to be cheap, since it is all that runs while nobody, or somebody already recognised, is in view.
Frames are untrusted pixels; a model's output that is not finite counts as no face.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import ModelContractBroken, ModelError
from edge.inference.runtime import Runner
from edge.types.faces import BgrImage, Box, Detection

_STRIDES = {896: (8, 16, 16, 16), 2304: (4,)}
"""Strides of the layers by number of anchors: short range at 128 px, full at 192 px (MediaPipe)."""
_ZOOM_BELOW = {896: 0.165, 2304: 0.0}
"""Faces narrower than this share of the picture's longer side get a second look.

At 640x480 the short range is right down to a true width of 100 px, but says 100 for 83 and 93 for 73 (123 faces
of lfw-dev); the full range is right.
"""
_ZOOM = 2.5
_MAX_ZOOMS = 2  # each costs a run
_SAME_FACE_IOU = 0.3  # MediaPipe's min_suppression_threshold
_TINY = np.float32(1e-6)  # square pixels: a box of no width divides by this
_INSIDE = 0.65  # a box that lies this much within a better one is the same face seen at another scale


def anchor_centres(size_px: int, strides: tuple[int, ...]) -> NDArray[np.float32]:
    """Centres of BlazeFace's anchors as fractions of the input's side.

    Layers of one stride follow each other in each cell, two anchors a layer; full range, with a single layer,
    has one a cell (interpolated_scale_aspect_ratio 0). Their width does not matter: boxes are in units of the
    input.

    Returns:
        (n, 2) float32, x and y.
    """
    per_layer = 1 if len(strides) == 1 else 2
    parts = []
    for stride in dict.fromkeys(strides):
        cells = size_px // stride
        axis = (np.arange(cells, dtype=np.float32) + np.float32(0.5)) / np.float32(cells)
        grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
        parts.append(np.repeat(grid, per_layer * strides.count(stride), axis=0))
    return np.concatenate(parts)


@dataclass(frozen=True, slots=True)
class Letterbox:
    """How a frame lies in the model's square: scaled without distortion, centred, black at the sides.

    Args:
        width, height: Of the scaled frame in the square, pixels.
        left, top: Of its corner in the square, pixels.
        x_scale, y_scale: From pixels of the square to pixels of the frame.
    """

    width: int
    height: int
    left: int
    top: int
    x_scale: float
    y_scale: float

    @classmethod
    def fit(cls, frame_width: int, frame_height: int, size_px: int) -> "Letterbox":
        """Place a frame of this size in a square of `size_px`."""
        scale = size_px / max(frame_width, frame_height)
        width, height = max(1, round(frame_width * scale)), max(1, round(frame_height * scale))
        left, top = (size_px - width) // 2, (size_px - height) // 2
        return cls(width, height, left, top, frame_width / width, frame_height / height)


@dataclass(frozen=True, slots=True)
class _View:
    """A picture's way into the model's square, with its buffers.

    The picture is halved until linear interpolation skips none of its pixels: halving is what OpenCV does
    fastest (0.09 ms for 640x480 to 128x96, where averaging at once takes 0.23 ms).
    """

    fit: Letterbox
    square: BgrImage
    halves: tuple[BgrImage, ...]

    @classmethod
    def of(cls, width: int, height: int, size_px: int) -> "_View":
        fit, halves = Letterbox.fit(width, height, size_px), []
        while width >= 2 * fit.width and height >= 2 * fit.height:
            width, height = width // 2, height // 2
            halves.append(np.empty((height, width, 3), np.uint8))
        return cls(fit, np.zeros((size_px, size_px, 3), np.uint8), tuple(halves))

    def draw(self, image: BgrImage) -> BgrImage:
        """The picture in the square, (size, size, 3) uint8 BGR; overwritten by the next."""
        for half in self.halves:
            cv2.resize(image, (half.shape[1], half.shape[0]), dst=half, interpolation=cv2.INTER_AREA)
            image = half
        fit = self.fit
        window = self.square[fit.top : fit.top + fit.height, fit.left : fit.left + fit.width]
        cv2.resize(image, (fit.width, fit.height), dst=window, interpolation=cv2.INTER_LINEAR)
        return self.square


def _require_picture(image: BgrImage) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ModelError(f"a picture must be (h, w, 3) uint8, this one is {image.shape} {image.dtype}")


class BlazeFace:
    """BlazeFace, short or full range.

    Args:
        runner: A loaded model of role "detector".
        min_score: Least confidence of a face, 0 to 1.

    Raises:
        ModelContractBroken: The model has a number of anchors that no known BlazeFace has.
    """

    def __init__(self, runner: Runner, *, min_score: float) -> None:
        spec = runner.spec
        shapes = [output.shape for output in spec.outputs]
        if len(shapes) != 2 or shapes[0][1] not in _STRIDES or {s[-1] for s in shapes} != {16, 1}:
            raise ModelContractBroken(
                f"{spec.name} has outputs {shapes}, which is no BlazeFace", next_step="clockface models list"
            )
        self._runner = runner
        self._boxes_at = 0 if shapes[0][-1] == 16 else 1
        self._size_px = spec.input.width
        self._anchors = anchor_centres(self._size_px, _STRIDES[shapes[0][1]]) * np.float32(self._size_px)
        self._min_logit = math.log(min_score / (1 - min_score))
        self._view = _View.of(self._size_px, self._size_px, self._size_px)
        self._zoom_below = _ZOOM_BELOW[shapes[0][1]]
        self._frame_shape: tuple[int, ...] = ()

    def detect(self, image: BgrImage) -> tuple[Detection, ...]:
        """Find faces in a (h, w, 3) uint8 BGR picture, best score first; boxes may reach over its edge.

        The boxes of small faces are corrected by a second look at their surroundings: at the edge of what the
        model sees they are too large by half, and everything after them is wrong.
        """
        if image.shape != self._frame_shape:
            _require_picture(image)
            self._frame_shape = image.shape
            self._view = _View.of(image.shape[1], image.shape[0], self._size_px)
        found = self._find(image, self._view)
        smallest = self._zoom_below * max(image.shape[:2])
        return tuple(
            self._look_closer(image, face) if rank < _MAX_ZOOMS and face.box.width < smallest else face
            for rank, face in enumerate(found)
        )

    def close(self) -> None:
        """Free the model."""
        self._runner.close()

    def _find(self, image: BgrImage, view: "_View") -> tuple[Detection, ...]:
        """One run of the model on a whole picture."""
        self._runner.load_image(view.draw(image))
        outputs = self._runner.run()
        logits = outputs[1 - self._boxes_at].reshape(-1)
        fired = (logits > self._min_logit).nonzero()[0]
        if not fired.size:
            return ()
        scores = (1 / (1 + np.exp(-np.minimum(logits[fired], 80.0)))).astype(np.float32)
        points = self._decode(outputs[self._boxes_at].reshape(-1, 8, 2)[fired], self._anchors[fired], view.fit)
        sound = np.isfinite(points)
        if not sound.all():
            whole = sound.all(axis=(1, 2))
            points, scores = points[whole], scores[whole]
        return _merge(points, scores)

    def _look_closer(self, image: BgrImage, face: Detection) -> Detection:
        """The same face as seen in a square of 2.5 times its box, if it is seen there."""
        (x, y), reach = face.box.centre, _ZOOM * max(face.box.width, face.box.height) / 2
        left, top = max(0, int(x - reach)), max(0, int(y - reach))
        part = image[top : max(top, int(y + reach)), left : max(left, int(x + reach))]
        if not part.size:
            return face
        found = self._find(part, _View.of(part.shape[1], part.shape[0], self._size_px))
        centre = (x - left, y - top)
        nearest = min(found, key=lambda one: math.dist(one.box.centre, centre), default=None)
        if nearest is None or math.dist(nearest.box.centre, centre) > face.box.width / 2:
            return face
        box = nearest.box
        moved = Box(box.left + left, box.top + top, box.width, box.height)
        return Detection(moved, face.score, nearest.keypoints + np.array([left, top], np.float32))

    @staticmethod
    def _decode(raw: NDArray[np.float32], centres: NDArray[np.float32], fit: Letterbox) -> NDArray[np.float32]:
        """Regressions of n anchors to (n, 8, 2) in frame pixels: upper left, lower right, six keypoints."""
        points = raw + centres[:, None, :]
        half = raw[:, 1] / 2
        points[:, 1] = points[:, 0] + half
        points[:, 0] -= half
        points -= np.array((fit.left, fit.top), np.float32)
        points *= np.array((fit.x_scale, fit.y_scale), np.float32)
        return points


def _merge(points: NDArray[np.float32], scores: NDArray[np.float32]) -> tuple[Detection, ...]:
    """Join the anchors that saw the same face: the mean weighted by score, as MediaPipe does."""
    found: list[Detection] = []
    order = np.argsort(-scores, kind="stable")
    points, scores = points[order], scores[order]
    while scores.size:
        shared, areas = _shared_areas(points)
        same = shared / np.maximum(areas + areas[0] - shared, _TINY) > _SAME_FACE_IOU
        same[0] = True
        weights = scores[same]
        weights /= weights.sum()
        mean = (points[same] * weights[:, None, None]).sum(axis=0)
        found.append(_detection(mean, float(scores[0])))
        if same.all():
            break
        left = ~(same | (shared / np.maximum(np.minimum(areas, areas[0]), _TINY) > _INSIDE))
        points, scores = points[left], scores[left]
    return tuple(found)


def _shared_areas(points: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the first of (n, 8, 2) shares with each of them, and the area of each; square pixels."""
    low, high = points[:, 0], points[:, 1]
    return _areas(np.minimum(high, high[0]) - np.maximum(low, low[0])), _areas(high - low)


def _areas(sides: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of rectangles with these sides, (n, 2); a negative side makes nothing."""
    sides = np.maximum(sides, 0)
    return sides[:, 0] * sides[:, 1]


def _detection(points: NDArray[np.float32], score: float) -> Detection:
    (left, top), (right, bottom) = points[0].tolist(), points[1].tolist()
    return Detection(Box(left, top, right - left, bottom - top), score, points[2:])
