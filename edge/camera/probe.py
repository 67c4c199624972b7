"""What a camera really delivers: for doctor and provisioning, which must not believe the configuration.

Opens the configured camera for a moment, so the daemon must not hold it; says why if it cannot. No picture
leaves this module, only figures.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from edge.camera.select import open_camera
from edge.camera.source import boottime_s
from edge.config.camera import CameraConfig
from edge.errors import CameraError
from edge.ports import Camera
from edge.types.camera import CameraState
from edge.types.faces import BgrImage, Frame

OPEN_WITHIN_S = 15.0
FOCUS_WIDTH_PX = 320  # one width for all cameras, so that the figure can be compared


@dataclass(frozen=True, slots=True)
class CameraReport:
    """What a probe found.

    Args:
        opened: Whether at least one picture came.
        frames: How many came.
        fps: Measured between the first and the last picture; 0 with fewer than two.
        width_px: Of the pictures after rotation and region; 0 without one.
        height_px: Likewise.
        brightness: Mean grey level of the last picture in [0, 1]; NaN without one.
        focus: Variance of the Laplacian of the last picture at 320 pixels' width; no unit, higher is sharper;
            NaN without one.
        problem: What failed, with the next step; empty when well.
    """

    opened: bool
    frames: int
    fps: float
    width_px: int
    height_px: int
    brightness: float
    focus: float
    problem: str


def probe(
    config: CameraConfig,
    *,
    for_s: float = 2.0,
    now_s: Callable[[], float] = boottime_s,
    opener: Callable[[CameraConfig], Camera] = open_camera,
) -> CameraReport:
    """Open the camera, look at its pictures for a while and close it again. Never raises a CameraError.

    Args:
        config: The section [camera].
        for_s: How long to look from the first picture on, seconds. A camera that does not come is given up with
            its first failure, at the latest after 15 s.
        now_s: Reads CLOCK_BOOTTIME.
        opener: Opens the camera.
    """
    try:
        camera = opener(config)
    except CameraError as error:
        return _report([], str(error))
    try:
        frames, problem = _watch(camera, for_s=for_s, now_s=now_s)
    finally:
        camera.close()
    return _report(frames, problem)


def focus_of(image: BgrImage) -> float:
    """Variance of the Laplacian of the grey picture at a width of 320 pixels (Pech-Pacheco et al., 2000)."""
    height, width = image.shape[:2]
    size = (FOCUS_WIDTH_PX, max(1, round(height * FOCUS_WIDTH_PX / width)))
    grey = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


def _watch(camera: Camera, *, for_s: float, now_s: Callable[[], float]) -> tuple[list[Frame], str]:
    """First, last and number of frames are all that is kept."""
    frames: list[Frame] = []
    until_s = now_s() + OPEN_WITHIN_S
    while now_s() < until_s:
        frame = camera.read(timeout_s=0.1)
        if frame is not None:
            if not frames:
                until_s = now_s() + for_s
            frames = [*frames[:1], frame]
            continue
        health = camera.health()
        if health.state in {CameraState.LOST, CameraState.FROZEN, CameraState.ENDED}:
            return frames, health.problem
    return frames, camera.health().problem if frames else "the camera opened and gave no picture"


def _report(frames: list[Frame], problem: str) -> CameraReport:
    if not frames:
        return CameraReport(
            opened=False,
            frames=0,
            fps=0.0,
            width_px=0,
            height_px=0,
            brightness=math.nan,
            focus=math.nan,
            problem=problem,
        )
    first, last = frames[0], frames[-1]
    count, elapsed_s = last.index - first.index + 1, last.captured_s - first.captured_s
    height, width = last.image.shape[:2]
    return CameraReport(
        opened=True,
        frames=count,
        fps=(count - 1) / elapsed_s if elapsed_s > 0 else 0.0,
        width_px=width,
        height_px=height,
        brightness=float(np.mean(last.image)) / 255.0,
        focus=focus_of(last.image),
        problem=problem,
    )
