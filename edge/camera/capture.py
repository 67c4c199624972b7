"""clockface-capture: reads a network camera and hands its pictures to edge over a unix socket.

The only process with a camera's network, so that the one with faces and keys has none. It holds no key, no
ledger and no model, decodes what a stranger sends, and may be killed at any time: edge reports the camera as
lost and connects again.
"""

import argparse
import os
import signal
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType

import cv2

from clockface.errors import ClockfaceError, ConfigError
from clockface.notify import Notifier, notifier_from
from edge.camera.crash_file import CrashFile
from edge.camera.live import LiveCamera
from edge.camera.network import FFMPEG_OPTIONS, NetworkSource, check_url
from edge.camera.serve import FrameServer
from edge.camera.view import View
from edge.camera.vitals import Patience

MAX_URL_FILE_BYTES = 4096


def read_url(path: Path) -> str:
    """Read the camera's address from a file that nobody else may read: it may hold a password.

    Raises:
        ConfigError: The file is missing, open to others, or holds no address.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            raw = file.read(MAX_URL_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"the file with the camera's address cannot be read: {error.strerror}", where=str(path)
        ) from error
    if stat.S_IMODE(status.st_mode) & _forbidden(owner=status.st_uid):
        raise ConfigError(
            "the file with the camera's address is open to others",
            where=str(path),
            next_step=f"chmod 600 {path}",
        )
    if len(raw) > MAX_URL_FILE_BYTES:
        raise ConfigError("the file with the camera's address is too long", where=str(path))
    return check_url(raw.decode("ascii", "replace").strip())


def _forbidden(*, owner: int) -> int:
    """Mode bits that the file may not have. systemd's credentials are root's; their ACL shows as group read."""
    group = stat.S_IWGRP | stat.S_IXGRP if owner == 0 else stat.S_IRWXG
    return group | stat.S_IRWXO


def run(options: argparse.Namespace, *, notifier: Notifier, stopped: Callable[[], bool]) -> None:
    """Serve the camera's pictures until `stopped`.

    Raises:
        ClockfaceError: The address or the socket cannot be used. A camera that is gone is no error: it is
            opened again for ever.
    """
    url = read_url(options.url_file)
    camera = LiveCamera(
        lambda: NetworkSource(url, max_width_px=options.max_width_px, wait_s=options.wait_s),
        view=View(),
        patience=Patience(freeze_after_s=options.wait_s, reopen_max_s=options.reopen_max_s),
    )

    def tick() -> bool:
        notifier.watchdog()
        return not stopped()

    server = FrameServer(options.socket, camera=camera, tick=tick, crashes=CrashFile(options.socket))
    try:
        server.open()
        notifier.ready("listening for edge")
        server.serve()
    finally:
        notifier.stopping()
        server.close()
        camera.close()


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="clockface-capture", description="Read a network camera and hand its pictures to the edge daemon."
    )
    parser.add_argument(
        "--url-file",
        type=Path,
        required=True,
        help="file with the address (rtsp://user:password@host/path); mode 0600",
    )
    parser.add_argument(
        "--socket", type=Path, required=True, help="unix socket to listen on, as in camera.socket"
    )
    parser.add_argument(
        "--max-width-px", type=_whole_px, default=1280, help="wider pictures are made smaller (1280)"
    )
    parser.add_argument(
        "--wait-s", type=_seconds, default=5.0, help="without a picture for this long, connect again (5)"
    )
    parser.add_argument(
        "--reopen-max-s", type=_seconds, default=30.0, help="longest pause between attempts (30)"
    )
    return parser.parse_args(argv)


def silence_opencv() -> None:
    """Keep OpenCV from writing warnings: they repeat addresses. OpenCV 5 moved the switch of OpenCV 4."""
    if hasattr(cv2, "setLogLevel"):
        cv2.setLogLevel(0)
    else:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def main() -> int:
    """Run from the command line; the exit code is the error's."""
    return start(sys.argv[1:], environment=os.environ)


def start(argv: Sequence[str], *, environment: Mapping[str, str]) -> int:
    """Set the process up and run it."""
    options = parse(argv)
    os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = FFMPEG_OPTIONS
    silence_opencv()
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    notifier = notifier_from(environment)
    try:
        run(options, notifier=notifier, stopped=lambda: stopping)
    except ClockfaceError as error:
        print(f"clockface-capture: {error}", file=sys.stderr)  # noqa: T201 - its one word to the journal
        return error.exit_code
    except Exception as error:
        CrashFile(options.socket).put(error)  # the next one tells edge
        raise
    finally:
        notifier.close()
    return 0


def _whole_px(text: str) -> int:
    value = int(text)
    if not 160 <= value <= 3840:
        raise argparse.ArgumentTypeError("must be from 160 to 3840 pixels")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 1.0 <= value <= 600.0:
        raise argparse.ArgumentTypeError("must be from 1 to 600 seconds")
    return value


if __name__ == "__main__":
    sys.exit(main())
