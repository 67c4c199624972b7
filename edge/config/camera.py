"""The camera, how the kiosk rests, and the mirror on the screen."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from clockface.config import Section, SocketPath


class RegionConfig(Section):
    """The part of the picture that is looked at, as fractions of its width and height, before rotation."""

    left: float = Field(default=0.0, ge=0.0, lt=1.0, description="Left edge, fraction of the width.")
    top: float = Field(default=0.0, ge=0.0, lt=1.0, description="Upper edge, fraction of the height.")
    width: float = Field(default=1.0, gt=0.0, le=1.0, description="Width, fraction of the width.")
    height: float = Field(default=1.0, gt=0.0, le=1.0, description="Height, fraction of the height.")

    @model_validator(mode="after")
    def _inside(self) -> "RegionConfig":
        if self.left + self.width > 1.0 + 1e-9 or self.top + self.height > 1.0 + 1e-9:
            raise ValueError(
                "the region reaches over the picture's edge: left + width and top + height must be at most 1"
            )
        return self


class CameraConfig(Section):
    """Which camera, and how it is read."""

    source: Literal["v4l2", "picamera2", "gstreamer", "remote", "replay"] = Field(
        default="v4l2",
        description="v4l2: USB and V4L2 cameras; picamera2: Raspberry Pi CSI; gstreamer: Jetson CSI or "
        "any pipeline; "
        "remote: frames of clockface-capture (network cameras); replay: a recording.",
    )
    device: str = Field(
        default="/dev/video0",
        description="v4l2: device path or index; a path of /dev/v4l/by-id stays the same "
        "when the camera is plugged elsewhere. picamera2, and gstreamer without a pipeline: camera number.",
    )
    width_px: int = Field(default=640, ge=160, le=4096, description="Width asked of the camera, pixels.")
    height_px: int = Field(default=480, ge=120, le=4096, description="Height asked of the camera, pixels.")
    fps: float = Field(default=15.0, ge=1.0, le=120.0, description="Frames a second asked of the camera.")
    pipeline: str = Field(
        default="",
        max_length=2000,
        description="gstreamer: the pipeline up to but without the appsink; empty means nvarguscamerasrc "
        "(Jetson CSI).",
    )
    socket: SocketPath | None = Field(default=None, description="remote: the unix socket of clockface-capture.")
    replay_path: Path | None = Field(default=None, description="replay: a video file or a folder of pictures.")
    replay_pace: Literal["realtime", "fast"] = Field(
        default="realtime",
        description="replay: at the recording's own speed, or every frame as fast as it is taken.",
    )
    replay_loop: bool = Field(default=False, description="replay: begin again at the end.")
    rotation_deg: Literal[0, 90, 180, 270] = Field(
        default=0, description="Clockwise rotation of the picture, degrees."
    )
    mirror: bool = Field(default=False, description="Flip the picture left to right after rotation.")
    exposure_us: int | None = Field(
        default=None, ge=50, le=1_000_000, description="Fixed exposure in microseconds; unset means automatic."
    )
    region: RegionConfig = Field(
        default=RegionConfig(), description="The part of the picture that is looked at."
    )
    freeze_after_s: float = Field(
        default=3.0,
        ge=0.5,
        le=60.0,
        description="Without a new frame, or with the same one, for this long: frozen, reopened. At least "
        "the time of two and a half frames.",
    )
    reopen_max_s: float = Field(
        default=30.0,
        ge=1.0,
        le=600.0,
        description="Longest pause between attempts to open a camera that is gone, seconds.",
    )

    @model_validator(mode="after")
    def _complete(self) -> "CameraConfig":
        if self.source == "replay" and self.replay_path is None:
            raise ValueError("source = replay needs replay_path")
        if self.source == "remote" and self.socket is None:
            raise ValueError("source = remote needs socket")
        if self.exposure_us is not None and (self.source in {"replay", "remote"} or self.pipeline):
            raise ValueError(
                "exposure_us changes nothing for source = replay or remote, or with a pipeline of your own: "
                "unset it, or write the exposure into the pipeline"
            )
        return self


class IdleConfig(Section):
    """How the kiosk rests while nobody is there: frames in which nothing moves are not judged."""

    after_s: float = Field(
        default=10.0,
        ge=0.0,
        le=3600.0,
        description="Without a face and without motion for this long, seconds: rest; 0: never rest.",
    )
    look_every_s: float = Field(
        default=0.5,
        ge=0.1,
        le=5.0,
        description="While resting one frame is judged this often, whatever it shows, seconds.",
    )
    levels: float = Field(
        default=8.0,
        ge=2.0,
        le=64.0,
        description="By how many of 256 grey levels a 1,200th of the picture must differ to count as moved; "
        "three of them end the rest, with the same frame.",
    )


class PreviewConfig(Section):
    """The mirror on the screen: pictures for the screen's socket, made only while somebody watches."""

    offered: bool = Field(default=True, description="Whether the screen may show people themselves.")
    size_px: int = Field(default=320, ge=96, le=640, description="Longer side of the picture, pixels.")
    fps: float = Field(default=15.0, ge=1.0, le=30.0, description="Most pictures a second.")
