"""Whether pictures come: asked of the daemon, which owns the camera, or tried where no daemon runs."""

from collections.abc import Callable

from edge.api.protocol.status import CameraStatus
from edge.camera.devices import VideoDevice, list_devices
from edge.camera.probe import probe
from edge.config.camera import CameraConfig
from edge.doctor.daemon import Daemon
from edge.doctor.findings import Finding, fail, not_available, ok, warn
from edge.ports import Camera

LOOK_FOR_S = 1.0
LEAST_BRIGHTNESS = 0.04  # mean grey level below which a face cannot be seen: near video black (16 of 255)
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
    report = probe(config, for_s=LOOK_FOR_S, opener=lambda _config: camera)
    if not report.opened:
        there = f"; {present(list_devices())}" if config.source == "v4l2" else ""
        return fail(f"{config.source} gave no picture: {report.problem or 'it gives no reason'}{there}", LOOK)
    rate = f", about {report.fps:.0f} frames/s" if report.fps > 0 else ""
    found = (
        f"{config.source} gives pictures of {report.width_px}x{report.height_px}{rate}, "
        f"brightness {report.brightness:.2f}, sharpness {report.focus:.0f}"
    )
    if report.problem:
        return warn(f"{found}; {report.problem}", LOOK)
    if report.brightness < LEAST_BRIGHTNESS:
        return warn(
            f"{found}: nearly black", "uncover the lens, switch the light on, or unset camera.exposure_us"
        )
    if config.rotation_deg in (0, 180) and (report.width_px, report.height_px) != _asked(config):
        return warn(
            f"{found}; {config.width_px}x{config.height_px} was asked for",
            "set camera.width_px and height_px to a size that it has",
        )
    return ok(found)


def present(devices: tuple[VideoDevice, ...]) -> str:
    """Which V4L2 devices there are to choose from; those that are known to deliver no pictures are left out."""
    named = [f"{device.path} ({device.name})" for device in devices if device.captures is not False]
    return f"there are: {', '.join(named)}" if named else "there is no V4L2 camera"


def _asked(config: CameraConfig) -> tuple[int, int]:
    return round(config.width_px * config.region.width), round(config.height_px * config.region.height)
