"""A live look through the camera before a kiosk is hung up: frame rate, light, focus, and a face that is found.

Opens the camera, so the daemon must not run. Trust boundary: no picture leaves this module, only figures.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from edge.camera.probe import CameraReport, probe
from edge.config.camera import CameraConfig
from edge.doctor.camera import LEAST_BRIGHTNESS
from edge.errors import CameraError
from edge.ports import Camera, Detector

LEAST_SHARE_OF_FPS = 0.6  # of the rate that was asked for
LEAST_FOCUS = 20.0  # variance of the Laplacian at 320 pixels; a lens cap or a smeared lens lies below


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen.

    Args:
        report: The camera's figures.
        face: Whether a face was found; None if none was looked for.
        remarks: What staff should mend, with what to do; empty when well.
    """

    report: CameraReport
    face: bool | None
    remarks: tuple[str, ...]

    @property
    def line(self) -> str:
        """The figures, on one line."""
        found = self.report
        if not found.opened:
            return f"no picture: {found.problem or 'the camera gives no reason'}"
        face = {True: ", a face was found", False: ", no face was found", None: ""}[self.face]
        return (
            f"{found.width_px}x{found.height_px}, {found.fps:.1f} frames/s, brightness {found.brightness:.2f}, "
            f"sharpness {found.focus:.0f}{face}"
        )


def look(
    config: CameraConfig,
    *,
    opener: Callable[[CameraConfig], Camera],
    detector: Detector | None,
    face_within_s: float,
    now_s: Callable[[], float],
) -> Look:
    """Look for two seconds at the pictures, then for a face as long as is asked.

    Args:
        config: The section [camera].
        opener: Opens the camera.
        detector: Finds faces; None looks for none.
        face_within_s: How long a face is waited for, seconds.
        now_s: Reads CLOCK_BOOTTIME.
    """
    report = probe(config, opener=opener, now_s=now_s)
    face = None
    if report.opened and detector is not None and face_within_s > 0:
        face = _face(config, opener=opener, detector=detector, until_s=now_s() + face_within_s, now_s=now_s)
    return Look(report, face, tuple(_remarks(config, report, face=face)))


def _face(
    config: CameraConfig,
    *,
    opener: Callable[[CameraConfig], Camera],
    detector: Detector,
    until_s: float,
    now_s: Callable[[], float],
) -> bool:
    try:
        camera = opener(config)
    except CameraError:
        return False
    try:
        while now_s() < until_s:
            frame = camera.read(timeout_s=0.2)
            if frame is not None and detector.detect(frame.image):
                return True
        return False
    finally:
        camera.close()


def _remarks(config: CameraConfig, report: CameraReport, *, face: bool | None) -> list[str]:
    found = []
    if not report.opened:
        return ["connect the camera, then ls -l /dev/v4l/by-id /dev/video*; another source: camera.source"]
    if 0 < report.fps < LEAST_SHARE_OF_FPS * config.fps and config.source != "replay":
        found.append(f"{report.fps:.1f} of {config.fps:.0f} frames/s come: more light, or a smaller picture")
    if report.brightness < LEAST_BRIGHTNESS:
        found.append("nearly black: uncover the lens, switch the light on")
    if not math.isnan(report.focus) and report.focus < LEAST_FOCUS:
        found.append("blurred, or nothing to see: take the film off the lens, clean it, turn its focus ring")
    if face is False:
        found.append("no face was found: stand half a metre to a metre in front of it, then repeat")
    return found
