"""An https server on loopback that keeps what is posted to it, with a certificate made for the run."""

import gzip
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.sync.mosquitto import Credentials

WAIT_S = 20.0


class HttpsSink:
    """What it got, and how it answers."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []  # path, headers, body
        self.status = 200
        self.port = 0

    def dsn(self, *, key: str = "fedcbafedcba", project: int = 7) -> str:
        """Its address as a Sentry DSN."""
        return f"https://{key}@localhost:{self.port}/{project}"

    def await_got(self, count: int) -> None:
        """Wait, bounded, until so many have come."""
        until = time.monotonic() + WAIT_S
        while len(self.got) < count:
            assert time.monotonic() < until, f"{len(self.got)} of {count} posts after {WAIT_S} s"
            time.sleep(0.005)

    def everything(self) -> bytes:
        """All that has come, unpacked."""
        parts = []
        for path, headers, body in self.got:
            parts += [path.encode(), repr(headers).encode(), _unpacked(body)]
        return b"\n".join(parts)


def _unpacked(body: bytes) -> bytes:
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


@contextmanager
def https_sink(files: Credentials) -> Iterator[HttpsSink]:
    """Serve until the end of the block."""
    sink = HttpsSink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sink.got.append((self.path, dict(self.headers), body))
            self.send_response(sink.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    sink.port = server.server_address[1]
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    serving.start()
    try:
        yield sink
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
