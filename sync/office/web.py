"""Metrics and health over HTTP, for this machine: plain numbers, read only.

Loopback unless the configuration says otherwise; whoever reaches it learns how the office does, and nothing of
people. Trust boundary: requests are anybody's; only two paths answer, and neither takes a parameter.
"""

import json
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

Health = Callable[[], dict[str, bool]]
TIMEOUT_S: Final = 5.0


class _Quiet(WSGIRequestHandler):
    timeout = TIMEOUT_S

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its signature
        """Say nothing: a request's line is anybody's text."""


class Web:
    """Serves until closed.

    Args:
        host: IP address.
        port: 0 takes a free one.
        health: Parts by name and whether each is well.
    """

    def __init__(self, *, host: str, port: int, registry: CollectorRegistry, health: Health) -> None:
        metrics = make_wsgi_app(registry)

        def answer(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
            path = environ.get("PATH_INFO")
            if path == "/metrics":
                return list(metrics(environ, start))
            if path == "/health":
                return _health(health(), start)
            start("404 Not Found", [("Content-Type", "text/plain")])
            return [b"metrics are at /metrics, health at /health\n"]

        self._server: WSGIServer = make_server(host, port, answer, handler_class=_Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, name="web", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_port)

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(TIMEOUT_S)


def _health(parts: dict[str, bool], start: Any) -> Iterable[bytes]:
    well = all(parts.values())
    start("200 OK" if well else "503 Service Unavailable", [("Content-Type", "application/json")])
    return [json.dumps({"well": well, **parts}).encode() + b"\n"]
