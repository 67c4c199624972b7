"""Who can reach the page: only the browser that read start.html; every other way in ends in the same 404."""

import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from clockface.errors import ConfigError
from edge.kiosk.screen.ticket import START_FILE, ticket, write_start
from tests.edge.kiosk.browser import Browser, needs_browser
from tests.edge.kiosk.screen_process import ScreenProcess, screen


@pytest.fixture(scope="module")
def shown() -> Iterator[ScreenProcess]:
    with TemporaryDirectory(prefix="cf-") as folder, screen(Path(folder), Path(folder) / "s") as process:
        yield process


def get(shown: ScreenProcess, path: str = "", **headers: str) -> httpx.Response:
    return httpx.get(shown.address + path, headers={k.replace("_", "-"): v for k, v in headers.items()})


def test_the_page_comes_with_a_policy_that_allows_nothing_inline_and_nothing_from_elsewhere(
    shown: ScreenProcess,
) -> None:
    answer = get(shown)
    policy = answer.headers["content-security-policy"]
    assert answer.status_code == 200
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert " style=" not in answer.text
    assert " on" not in "".join(part.partition(">")[0] for part in answer.text.split("<"))


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.example"},
        {"Host": "localhost:80"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Dest": "iframe", "Sec_Fetch_Mode": "navigate"},
        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors", "Sec_Fetch_Dest": "script"},
        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "cors", "Sec_Fetch_Dest": "empty"},
    ],
)
@pytest.mark.parametrize("path", ["", "main.js", "feed", "mirror"])
def test_nobody_else_gets_in(shown: ScreenProcess, path: str, headers: dict[str, str]) -> None:
    answer = get(shown, path, **headers)
    assert (answer.status_code, answer.text) == (404, "nothing here\n")


@pytest.mark.parametrize(
    "path", ["/", "/feed", "/" + "A" * 43 + "/", "/x/feed", "/../", "/%00/", "/" + "a" * 5000 + "/"]
)
def test_without_the_secret_there_is_nothing(shown: ScreenProcess, path: str) -> None:
    assert httpx.get(shown.origin + path).status_code in {400, 404}


@pytest.mark.parametrize("name", ["feed", "mirror"])
def test_a_web_socket_without_our_origin_is_refused(shown: ScreenProcess, name: str) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}  # fmt: skip
    assert httpx.get(shown.address + name, headers=upgrade).status_code == 404


@pytest.mark.parametrize("name", ["..%2fserver.py", "server.py", ".hidden", "index.html%00.js"])
def test_only_the_page_s_own_files_are_served(shown: ScreenProcess, name: str) -> None:
    assert get(shown, name).status_code in {400, 404}


class Elsewhere(BaseHTTPRequestHandler):
    """Another page in the same browser, that nothing holds back."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


HOSTILE = """
    const [address, done] = arguments;
    const fetched = fetch(address).then(() => "read", () => "refused");
    const heard = new Promise((resolve) => {
      const socket = new WebSocket(address.replace("http:", "ws:") + "feed");
      socket.onopen = () => resolve("open"); socket.onerror = () => resolve("refused");
    });
    const ran = new Promise((resolve) => {
      const script = document.createElement("script");
      script.src = address + "main.js"; script.type = "module";
      script.onload = () => resolve("ran"); script.onerror = () => resolve("refused");
      document.head.append(script);
    });
    Promise.all([fetched, heard, ran]).then(done);
"""


@needs_browser
def test_a_page_elsewhere_in_the_browser_reaches_nothing_though_it_knew_the_address(
    shown: ScreenProcess, one_browser: Browser
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        one_browser.open(f"http://127.0.0.1:{server.server_port}/")
        outcome = one_browser.driver.execute_async_script(HOSTILE, shown.address)
        one_browser.open("about:blank")
        one_browser.complaints()
        server.shutdown()
    assert outcome == ["refused", "refused", "refused"]


def test_the_secret_is_readable_by_its_owner_alone_and_outlives_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "screen"
    first = ticket(folder)
    assert ticket(folder) == first
    assert stat.S_IMODE((folder / "ticket").stat().st_mode) == 0o600
    (folder / "ticket").chmod(0o644)
    assert ticket(folder) != first  # others could have read it
    start = write_start(folder, "http://127.0.0.1:1/x/", group="")
    assert start.name == START_FILE
    assert stat.S_IMODE(start.stat().st_mode) == 0o600


def test_a_group_that_is_not_there_is_an_error_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="groupadd --system no-such-group-here"):
        write_start(tmp_path, "http://127.0.0.1:1/x/", group="no-such-group-here")
