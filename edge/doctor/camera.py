"""Whether pictures come: asked of the daemon, which owns the camera, or tried where no daemon runs."""

from collections.abc import Callable

from edge.api.protocol import CameraStatus
from edge.config import CameraConfig
from edge.doctor.daemon import Daemon
from edge.doctor.findings import Finding, fail, not_available, ok, warn
from edge.ports import Camera

PATIENCE_S = 8.0  # a USB camera may take seconds to its first picture
PICTURES = 5
LOOK = "ls -l /dev/v4l/by-id /dev/video*; clockface config show; dmesg | tail"


def check_camera(
    config: CameraConfig, daemon: Daemon, *, open_camera: Callable[[CameraConfig], Camera]
) -> Finding:
    """The camera's state, by whoever may look."""
    if daemon.status is not None:
        return _told(daemon.status.camera)
    if not daemon.down:
        return not_available("the daemon owns the camera and does not answer")
    camera = open_camera(config)
    try:
        return _tried(config, camera)
    finally:
        camera.close()


def _told(camera: CameraStatus) -> Finding:
    found = f"{camera.source} {camera.state}, {camera.fps:.1f} frames/s, reopened {camera.reopened} times"
    if camera.problem:
        found += f"; last problem: {camera.problem}"
    if camera.state in ("frozen", "lost"):
        return fail(found, LOOK)
    if camera.state == "ended":
        return warn(found, "the recording has ended: set camera.replay_loop, or use a camera")
    if camera.state == "opening" or camera.reopened > 0:
        return warn(found, LOOK)
    return ok(found)


def _tried(config: CameraConfig, camera: Camera) -> Finding:
    sizes, times = [], []
    for _ in range(PICTURES):
        frame = camera.read(timeout_s=PATIENCE_S)
        if frame is None:
            break
        sizes.append(frame.image.shape[:2])
        times.append(frame.captured_s)
    if not sizes:
        problem = camera.health().problem or "it gives no reason"
        return fail(f"{config.source} gave no picture within {PATIENCE_S:.0f} s: {problem}", LOOK)
    height, width = sizes[-1]
    took_s = times[-1] - times[0]
    rate = f", about {(len(times) - 1) / took_s:.0f} frames/s" if took_s > 0 else ""
    found = f"{config.source} gives pictures of {width}x{height}{rate}"
    if config.rotation_deg in (0, 180) and (width, height) != _asked(config):
        return warn(
            f"{found}; {config.width_px}x{config.height_px} was asked for",
            "set camera.width_px and height_px to a size that it has",
        )
    return ok(found)


def _asked(config: CameraConfig) -> tuple[int, int]:
    return round(config.width_px * config.region.width), round(config.height_px * config.region.height)
