"""Network cameras (RTSP, and MJPEG over HTTP) through OpenCV's FFmpeg. Used by the capture process only.

Its input is a stranger's: the address is limited to a few protocols, nested ones included, every wait is
bounded, and no message carries the address, because it may hold a password.
"""

from collections.abc import Callable
from urllib.parse import urlsplit

import cv2

from clockface.errors import ConfigError
from edge.camera.source import Shot, boottime_s
from edge.errors import CameraLost, CameraUnavailable
from edge.types.faces import BgrImage

SCHEMES = frozenset({"rtsp", "rtsps", "http", "https"})
# Read by OpenCV from the environment when a stream is opened. TCP, because lost datagrams are torn faces. The
# list of protocols keeps a hostile camera from pointing FFmpeg at files (a playlist, a redirection).
FFMPEG_OPTIONS = (
    "rtsp_transport;tcp|fflags;nobuffer"
    "|protocol_whitelist;rtsp,rtsps,rtp,tcp,tls,udp,http,https,httpproxy,crypto"
)
MAX_URL_LENGTH = 2000


def check_url(url: str) -> str:
    """Make sure that an address is one of a network camera.

    Raises:
        ConfigError: It is not; the message does not repeat it.
    """
    parts = None
    if len(url) <= MAX_URL_LENGTH and url.isascii() and url.isprintable() and " " not in url:
        try:
            parts = urlsplit(url)
        except ValueError:
            parts = None
    if parts is None or parts.scheme not in SCHEMES or not parts.hostname:
        raise ConfigError(
            "the camera's address is not an rtsp://, rtsps://, http:// or https:// address of a host",
            next_step="write it into the file of --url-file, on one line",
        )
    return url


class NetworkSource:
    """Implements `edge.camera.source.Source` for an address.

    Args:
        url: See `check_url`.
        max_width_px: Wider pictures are made smaller, before they travel on.
        open_within_s: How long the camera may take to answer.
        wait_s: How long to wait for one picture.
        now_s: Reads CLOCK_BOOTTIME.
    """

    def __init__(
        self,
        url: str,
        *,
        max_width_px: int,
        open_within_s: float = 10.0,
        wait_s: float,
        now_s: Callable[[], float] = boottime_s,
    ) -> None:
        self._url = check_url(url)
        self._max_width_px = max_width_px
        self._open_within_s = open_within_s
        self._wait_s = wait_s
        self._now_s = now_s
        self._video: cv2.VideoCapture | None = None

    def open(self) -> None:
        """Connect to the camera."""
        self.close()
        timeouts = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            round(self._open_within_s * 1000),
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            round(self._wait_s * 1000),
        ]
        video = cv2.VideoCapture(self._url, cv2.CAP_FFMPEG, timeouts)
        if not video.isOpened():
            video.release()
            raise CameraUnavailable(
                "the network camera does not answer, refuses us, or sends no video",
                next_step="check address, user and password in the file of --url-file",
            )
        self._video = video

    def grab(self, *, within_s: float) -> Shot:  # noqa: ARG002 - FFmpeg is told when it is opened
        """Wait for the next picture. A network camera tells no usable time: it is stamped on arrival."""
        if self._video is None:
            raise CameraLost("the network camera is not open")
        there, image = self._video.read()
        now_s = self._now_s()
        if not there:
            raise CameraLost("the network camera's stream broke off")
        return Shot(image=self._fit(image), captured_s=now_s)

    def close(self) -> None:
        """Disconnect."""
        if self._video is not None:
            self._video.release()
            self._video = None

    def _fit(self, image: BgrImage) -> BgrImage:
        height, width = image.shape[:2]
        if width <= self._max_width_px:
            return image
        size = (self._max_width_px, max(1, round(height * self._max_width_px / width)))
        smaller: BgrImage = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return smaller
