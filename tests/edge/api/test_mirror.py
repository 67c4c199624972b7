"""The preview's stream: only on the screen's socket, the newest frame only, two watchers at most."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from edge.api.protocol.exchange import PREVIEW_TYPE
from edge.api.protocol.stage import RoomView
from edge.api.server import ApiServer
from edge.api.stage import Stage
from edge.camera.preview import Preview
from edge.config.camera import PreviewConfig
from edge.config.device import ApiConfig
from edge.types.faces import Frame
from tests.edge.api.small_edge import SmallEdge


def preview(*, offered: bool = True) -> Preview:
    made = Preview(PreviewConfig(offered=offered, fps=30), mirrored=False)
    made.offer(Frame(image=np.full((48, 64, 3), 51, np.uint8), captured_s=0.0, index=0))
    return made


@contextlib.contextmanager
def served(run: Path, pictures: Preview | None) -> Iterator[None]:
    server = ApiServer(service=SmallEdge(), stage=Stage(), run=run, config=ApiConfig(), preview=pictures)
    server.start()
    try:
        yield
    finally:
        server.close()


def client(run: Path, role: str = "screen") -> httpx.Client:
    return httpx.Client(transport=httpx.HTTPTransport(uds=str(run / f"{role}.sock")), base_url="http://e/v1")


def test_each_part_is_a_picture_of_a_newer_frame(run: Path) -> None:
    pictures = preview()
    with served(run, pictures), client(run) as http, http.stream("GET", "/preview") as response:
        assert response.headers["content-type"] == PREVIEW_TYPE
        raw = response.iter_raw()
        first = next(raw)
        assert b"\xff\xd8\xff" in first
        pictures.offer(Frame(image=np.full((48, 64, 3), 90, np.uint8), captured_s=1.0, index=1))
        assert b"\xff\xd8\xff" in next(raw)


def test_the_room_s_brightness_is_told(run: Path) -> None:
    with served(run, preview()), client(run) as http:
        assert RoomView.model_validate_json(http.get("/room").content).brightness == pytest.approx(0.2)
    with served(run, None), client(run) as http:
        assert http.get("/room").json() == {"brightness": None}


@pytest.mark.parametrize("pictures", [None, preview(offered=False)])
def test_a_kiosk_that_offers_no_preview_says_so(run: Path, pictures: Preview | None) -> None:
    with served(run, pictures), client(run) as http:
        answer = http.get("/preview")
        assert answer.status_code == 400
        assert "offers no preview" in answer.json()["title"]


@pytest.mark.parametrize("role", ["staff", "sync"])
def test_no_other_role_sees_it(run: Path, role: str) -> None:
    with served(run, preview()), client(run, role) as http:
        assert http.get("/preview").status_code == 403
        assert http.get("/room").status_code == 403


def test_a_third_watcher_is_refused_and_a_place_becomes_free_again(run: Path) -> None:
    watching = contextlib.ExitStack()
    with served(run, preview()), client(run) as http, watching:
        for _ in range(2):
            watching.enter_context(http.stream("GET", "/preview"))
        assert "too many" in http.get("/preview").json()["title"]
        watching.close()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with http.stream("GET", "/preview") as again:
                if again.status_code == 200:
                    return
        raise AssertionError("no place became free")
