"""Recordings in place of a camera: a video file or a folder of pictures.

In real time a recording behaves like a live camera (`ReplaySource` under `LiveCamera`); fast, it is read
synchronously, every picture exactly once (`FastReplay`). The files are the operator's own, decoded by OpenCV;
their names may be people's names and appear in no message but the one that says that the path cannot be read.
"""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import cv2

from edge.camera.picture import fault
from edge.camera.source import Ended, Shot, boottime_s
from edge.camera.view import View
from edge.errors import CameraUnavailable
from edge.types.camera import CameraHealth, CameraState
from edge.types.faces import BgrImage, Frame

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".tif", ".tiff"})
LEAST_FPS, GREATEST_FPS = 0.1, 240.0


class Recording(Protocol):
    """Pictures in their order."""

    @property
    def fps(self) -> float:
        """Pictures a second at the recording's own speed."""
        ...

    def next(self) -> BgrImage | Ended:
        """The next picture, (h, w, 3) uint8 BGR, owned by the caller."""
        ...

    def rewind(self) -> None:
        """Begin again."""
        ...

    def close(self) -> None:
        """Close the files. May be called twice."""
        ...


class VideoRecording:
    """A video file, through OpenCV's FFmpeg.

    Args:
        path: The file.
        default_fps: Used where the file states no sane rate.

    Raises:
        CameraUnavailable: The file cannot be read as a video.
    """

    def __init__(self, path: Path, *, default_fps: float) -> None:
        self._path = path
        self._default_fps = default_fps
        self._read = 0
        self._video = self._open()

    @property
    def fps(self) -> float:
        """The file's rate; the configured one where the file states none."""
        fps = float(self._video.get(cv2.CAP_PROP_FPS))
        return fps if math.isfinite(fps) and LEAST_FPS <= fps <= GREATEST_FPS else self._default_fps

    def next(self) -> BgrImage | Ended:
        """The next picture; the remark says if the file broke off early."""
        image: BgrImage
        there, image = self._video.read()
        if there:
            self._read += 1
            return image
        return Ended(self._remark())

    def rewind(self) -> None:
        """Open the file anew: seeking is not exact in every container."""
        self._video.release()
        self._video = self._open()
        self._read = 0

    def close(self) -> None:
        """Close the file."""
        self._video.release()

    def _open(self) -> cv2.VideoCapture:
        video = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG)
        if not video.isOpened():
            raise CameraUnavailable(
                "the recording cannot be read as a video",
                where=str(self._path),
                next_step=f"ffprobe {self._path}",
            )
        return video

    def _remark(self) -> str:
        stated = self._video.get(cv2.CAP_PROP_FRAME_COUNT)  # an estimate in some containers
        if math.isfinite(stated) and self._read < 0.9 * stated:
            return f"the recording broke off after {self._read} of {int(stated)} pictures"
        return ""


class FolderRecording:
    """The pictures of a folder in the order of their names.

    Args:
        path: The folder; other files in it are passed over.
        fps: Pictures a second: a folder has no speed of its own.

    Raises:
        CameraUnavailable: There is no picture in it.
    """

    def __init__(self, path: Path, *, fps: float) -> None:
        self.fps = fps
        self._files = sorted(
            file for file in path.iterdir() if file.suffix.lower() in PICTURES and file.is_file()
        )
        self._at = self._unreadable = 0
        if not self._files:
            raise CameraUnavailable("the folder holds no pictures", where=str(path), next_step=f"ls {path}")

    def next(self) -> BgrImage | Ended:
        """The next picture that can be decoded; the remark counts those that cannot."""
        while self._at < len(self._files):
            image: BgrImage | None = cv2.imread(str(self._files[self._at]), cv2.IMREAD_COLOR)
            self._at += 1
            if image is not None:
                return image
            self._unreadable += 1
        total = len(self._files)
        return Ended(f"{self._unreadable} of {total} pictures cannot be decoded" if self._unreadable else "")

    def rewind(self) -> None:
        """Begin again with the first picture."""
        self._at = self._unreadable = 0

    def close(self) -> None:
        """Nothing is held open."""


def open_recording(path: Path, *, fps: float) -> Recording:
    """Open a video file or a folder of pictures.

    Args:
        path: The file or folder.
        fps: For folders, and for videos that state no rate.

    Raises:
        CameraUnavailable: It is not there, or holds no picture.
    """
    try:
        if path.is_dir():
            return FolderRecording(path, fps=fps)
        with path.open("rb"):
            return VideoRecording(path, default_fps=fps)
    except OSError as error:
        raise CameraUnavailable(
            f"the recording cannot be opened: {error.strerror}", where=str(path), next_step=f"ls -l {path}"
        ) from error


class ReplaySource:
    """A recording at its own speed, for `LiveCamera`.

    Args:
        path: File or folder.
        fps: See `open_recording`.
        loop: Begin again at the end.
        now_s: Reads CLOCK_BOOTTIME.
        sleep: Waits for seconds; never asked for more than one picture's time.
    """

    def __init__(
        self,
        path: Path,
        *,
        fps: float,
        loop: bool,
        now_s: Callable[[], float] = boottime_s,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path, self._fps, self._loop = path, fps, loop
        self._now_s, self._sleep = now_s, sleep
        self._recording: Recording | None = None
        self._due_s = 0.0

    def open(self) -> None:
        """Open the recording; its first picture is due at once."""
        self.close()
        self._recording = open_recording(self._path, fps=self._fps)
        self._due_s = self._now_s()

    def grab(self, *, within_s: float) -> Shot | Ended:  # noqa: ARG002 - a file keeps its own time
        """Wait until the next picture is due."""
        if self._recording is None:
            raise CameraUnavailable("the recording is not open", where=str(self._path))
        image = next_picture(self._recording, loop=self._loop)
        if isinstance(image, Ended):
            return image
        period_s = 1.0 / self._recording.fps
        now_s = self._now_s()
        if self._due_s > now_s:
            self._sleep(min(self._due_s - now_s, period_s))
        # After a stall the recording goes on from here rather than hurrying to catch up.
        self._due_s = max(self._due_s, now_s - period_s) + period_s
        return Shot(image=image, captured_s=self._now_s())

    def close(self) -> None:
        """Close the recording."""
        if self._recording is not None:
            self._recording.close()
            self._recording = None


class FastReplay:
    """A recording as fast as it is read: implements `edge.ports.Camera` without a thread, dropping nothing.

    `captured_s` is the recording's own time from 0 on; it runs on through loops. After the end `read` returns
    None at once and `health` says ENDED.

    Args:
        recording: Where the pictures come from.
        loop: Begin again at the end.
        view: Region, rotation, mirror.
        now_s: Reads CLOCK_BOOTTIME.
    """

    def __init__(
        self, recording: Recording, *, loop: bool, view: View, now_s: Callable[[], float] = boottime_s
    ) -> None:
        self._recording, self._loop, self._view, self._now_s = recording, loop, view, now_s
        self._fps = recording.fps
        self._frames = 0
        self._began_s = self._since_s = now_s()
        self._state, self._problem = CameraState.STREAMING, ""

    def read(self, *, timeout_s: float) -> Frame | None:  # noqa: ARG002 - a file does not keep anybody waiting
        """Take the next picture of the recording; None once it has ended or was closed."""
        if self._state is CameraState.ENDED:
            return None
        image = next_picture(self._recording, loop=self._loop)
        why = image.remark if isinstance(image, Ended) else fault(image)
        if isinstance(image, Ended) or why:
            self._end(why)
            return None
        index = self._frames
        self._frames += 1
        return Frame(image=self._view.apply(image), captured_s=index / self._fps, index=index)

    def health(self) -> CameraHealth:
        """STREAMING until the recording ends; `fps` is what was really read."""
        elapsed_s = max(1e-6, self._now_s() - self._began_s)
        return CameraHealth(
            state=self._state,
            since_s=self._since_s,
            frames=self._frames,
            fps=self._frames / elapsed_s if self._state is CameraState.STREAMING else 0.0,
            reopened=0,
            problem=self._problem,
        )

    def close(self) -> None:
        """Close the recording, which ends it."""
        self._recording.close()
        if self._state is not CameraState.ENDED:
            self._end("")

    def _end(self, problem: str) -> None:
        self._state, self._since_s, self._problem = CameraState.ENDED, self._now_s(), problem


def next_picture(recording: Recording, *, loop: bool) -> BgrImage | Ended:
    """The next picture, from the beginning again if looped; a recording without any picture ends."""
    image = recording.next()
    if loop and isinstance(image, Ended):
        recording.rewind()
        image = recording.next()
    return image
