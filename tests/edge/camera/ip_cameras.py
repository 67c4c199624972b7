"""Network cameras for tests: MJPEG over HTTP, and RTSP where GStreamer's server library is installed."""

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import pytest

from edge.camera.gstreamer import Gst
from tests.edge.camera.scenes import picture

WIDTH, HEIGHT = 320, 240


class MjpegHandler(BaseHTTPRequestHandler):
    """What most cheap cameras do: one JPEG after the other in one endless answer."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        with contextlib.suppress(OSError):
            for number in itertools.count():
                jpeg = cv2.imencode(".jpg", picture(number, width=WIDTH, height=HEIGHT))[1].tobytes()
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                self.wfile.write(head.encode() + jpeg + b"\r\n")
                time.sleep(0.02)  # the camera's own pace

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Say nothing."""


@contextmanager
def http_camera() -> Iterator[str]:
    """A camera at an http address with a password in it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), MjpegHandler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://user:secret@127.0.0.1:{server.server_address[1]}/video.mjpg"
    finally:
        server.shutdown()
        thread.join(10.0)
        server.server_close()


@contextmanager
def rtsp_camera(gst: Gst) -> Iterator[str]:
    """A camera at an rtsp address: JPEG over RTP over TCP."""
    import gi
    from gi.repository import GLib

    try:
        gi.require_version("GstRtspServer", "1.0")
    except ValueError:
        pytest.skip("no RTSP server library: sudo apt install gir1.2-gst-rtsp-server-1.0")
    from gi.repository import GstRtspServer as library  # noqa: N813

    context = GLib.MainContext.new()
    server = library.RTSPServer.new()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = library.RTSPMediaFactory.new()
    factory.set_launch(
        f"( videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width={WIDTH},height={HEIGHT}"
        ",framerate=25/1 ! jpegenc ! rtpjpegpay name=pay0 )"
    )
    server.get_mount_points().add_factory("/door", factory)
    server.attach(context)
    loop = GLib.MainLoop.new(context, False)
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        yield f"rtsp://user:secret@127.0.0.1:{server.get_bound_port()}/door"
    finally:
        loop.quit()
        thread.join(10.0)
