"""The mirror: small JPEG pictures of the newest frame, made only while somebody watches, never queued.

The loop leaves a reference to each frame; scaling and encoding happen on the watcher's behalf, in its thread
and at its pace. As in a mirror, whatever the camera's own setting. A picture is handed to the screen's socket
and nowhere else.
"""

from dataclasses import dataclass
from typing import Any, Final

import cv2

from edge.config.camera import PreviewConfig
from edge.types.faces import Box, Frame
from edge.types.verdicts import Scene

_QUALITY: Final = 75  # at 320 pixels: about 8 KB, and no block to be seen from a step away
_OLD_S: Final = 0.5  # a face found so long before the frame is not where it was
_SAMPLE: Final = 16  # every so many pixels are enough for the brightness of a room


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One encoded picture.

    Args:
        jpeg: The bytes.
        index: Of the frame that it shows.
        face: Of the face that is judged: left, top, width, height as fractions of the picture; None without.
    """

    jpeg: bytes
    index: int
    face: tuple[float, float, float, float] | None = None


class Preview:
    """Where the loop leaves its newest frame, and watchers fetch pictures of it.

    Args:
        config: Size and pace.
        mirrored: Whether frames are mirrored already (`camera.mirror`).
    """

    def __init__(self, config: PreviewConfig, *, mirrored: bool) -> None:
        self.config = config
        self._mirrored = mirrored
        self._newest: Frame | None = None
        self._scene: Scene | None = None

    def offer(self, frame: Frame) -> None:
        """Leave the newest frame; free."""
        self._newest = frame

    def look(self, scene: Scene) -> None:
        """Note whose face is judged; free."""
        self._scene = scene

    @property
    def index(self) -> int:
        """Of the newest frame; -1 before the first."""
        newest = self._newest
        return -1 if newest is None else newest.index

    def picture(self) -> Picture | None:
        """The newest frame, small, mirrored and encoded; None before the first one."""
        frame = self._newest
        if frame is None:
            return None
        small: Any = frame.image
        height, width = small.shape[:2]
        scene = self._scene
        near = scene is not None and abs(frame.captured_s - scene.captured_s) < _OLD_S
        box = scene.outline if scene is not None and near else None
        scale = self.config.size_px / max(height, width)
        if scale < 1.0:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            small = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
        if not self._mirrored:
            small = cv2.flip(small, 1)
        done, raw = cv2.imencode(".jpg", small, (cv2.IMWRITE_JPEG_QUALITY, _QUALITY))
        face = None if box is None else _fractions(box, width=width, height=height, flip=not self._mirrored)
        return Picture(raw.tobytes(), frame.index, face) if done else None

    def brightness(self) -> float | None:
        """Mean grey level of the newest frame in [0, 1]: how bright the room is, as the camera exposes it."""
        frame = self._newest
        return None if frame is None else float(frame.image[::_SAMPLE, ::_SAMPLE].mean()) / 255.0


def _fractions(box: Box, *, width: int, height: int, flip: bool) -> tuple[float, float, float, float]:
    left = width - box.left - box.width if flip else box.left
    return left / width, box.top / height, box.width / width, box.height / height
