"""Takes the pictures of the screen in docs/images: the real page in Chromium, a drawn figure in the mirror.

Run from the root, after `scripts/setup dev`: `scripts/screenshots [FOLDER]`. No real person is in any of them.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from edge.api.server import ApiServer
from edge.api.stage import Stage
from edge.camera.preview import Preview
from edge.config.camera import PreviewConfig
from edge.config.device import ApiConfig
from edge.types.announcements import Announcement
from edge.types.faces import BgrImage, Box, Coaching, Frame
from edge.types.verdicts import Scene
from tests.edge.kiosk import given
from tests.edge.kiosk.browser import Browser, browser, until
from tests.edge.kiosk.screen_process import screen
from tests.edge.kiosk.staged import OfferingEdge

FOLDER: Final = Path(__file__).parents[1] / "docs" / "images"
QUALITY: Final = 86
NOTICE: Final = {"controller": "Example Ltd", "contact": "Room 12"}


@dataclass(frozen=True)
class Shot:
    """One picture.

    Args:
        name: Of the file.
        said: What edge announces.
        state: What the page then shows.
        language: Of the device.
        size: Pixels, width and height.
        theme: light or dark.
        act: What is done before the picture is taken.
    """

    name: str
    said: Announcement
    state: str
    language: str = "en"
    size: tuple[int, int] = (1024, 600)
    theme: str = "light"
    act: Callable[[Browser], Any] = field(default=lambda _: None)


def typed(page: Browser) -> None:
    """Two digits on the pad."""
    for key in "80":
        page.script("document.querySelector(`#pad-keys [data-key='${arguments[0]}']`).click()", key)


def mirrored(page: Browser) -> None:
    """The mirror is on."""
    until(lambda: page.body("mirror") == "on", what="the mirror")


def about(page: Browser) -> None:
    """The notice is open."""
    page.script("document.querySelector('#bar [data-key=about]').click()")


SHOTS: Final = (
    Shot("waiting", given.attract(), "attract"),
    Shot("welcome", given.recorded("Amina"), "recorded"),
    Shot("look-here", given.guidance(Coaching.LOOK_HERE), "guidance", theme="dark", act=mirrored),
    Shot("pin", given.enter_pin(), "enter_pin", language="de", theme="dark", act=typed),
    Shot("goodbye-arabic", given.recorded("أمينة", "out"), "recorded", language="ar", size=(600, 1024)),
    Shot(
        "closer-hindi",
        given.guidance(Coaching.COME_CLOSER),
        "guidance",
        language="hi",
        size=(600, 1024),
        act=mirrored,
    ),
    Shot("not-recognised-chinese", given.refused(), "not_recognised", language="zh", size=(480, 320)),
    Shot("your-data-spanish", given.attract(), "attract", language="es", size=(800, 480), act=about),
)


def figure() -> tuple[BgrImage, Box]:
    """Somebody drawn in five flat shapes, and where the face is."""
    picture = np.full((480, 640, 3), (206, 214, 214), np.uint8)
    cv2.ellipse(picture, (320, 520), (190, 190), 0, 180, 360, (96, 84, 60), -1, cv2.LINE_AA)
    cv2.rectangle(picture, (288, 290), (352, 380), (124, 156, 196), -1)
    cv2.ellipse(picture, (320, 214), (92, 118), 0, 0, 360, (140, 174, 214), -1, cv2.LINE_AA)
    cv2.ellipse(picture, (320, 172), (98, 88), 0, 180, 360, (44, 46, 52), -1, cv2.LINE_AA)
    for x in (286, 354):
        cv2.ellipse(picture, (x, 218), (8, 9), 0, 0, 360, (44, 46, 52), -1, cv2.LINE_AA)
    cv2.ellipse(picture, (320, 262), (26, 14), 0, 20, 160, (84, 96, 150), 5, cv2.LINE_AA)
    return picture, Box(232.0, 110.0, 176.0, 212.0)


@contextlib.contextmanager
def staged(run: Path) -> Iterator[tuple[Stage, Preview]]:
    """An edge that says what the picture needs."""
    stage, preview = Stage(), Preview(PreviewConfig(size_px=640), mirrored=False)
    picture, face = figure()
    preview.offer(Frame(picture, 0.0, 0))
    preview.look(Scene(captured_s=0.0, faces=1, outline=face, coaching=Coaching.LOOK_HERE))
    server = ApiServer(service=OfferingEdge(), stage=stage, run=run, config=ApiConfig(), preview=preview)
    server.start()
    try:
        yield stage, preview
    finally:
        server.close()


def take(shot: Shot, *, page: Browser, run: Path, stage: Stage, preview: Preview, folder: Path) -> None:
    """Show it, wait until all of it is painted and at rest, and write it."""
    with screen(
        run, run / shot.name, language={"device": shot.language}, look={"theme": shot.theme}, notice=NOTICE
    ) as shown:
        stage.announce(given.attract())
        page.size(*shot.size)
        page.open(shown.address)
        page.shows("attract")
        until(lambda: page.script("return document.querySelectorAll('#bar button').length") == 4, what="bar")
        picture, face = figure()
        scene = Scene(captured_s=0.0, faces=1, outline=face, coaching=None)
        preview.look(replace(scene))
        stage.announce(shot.said)
        page.shows(shot.state)
        for index in range(1, 12):
            preview.offer(Frame(picture, 0.0, preview.index + index))
            page.driver.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0], 80))")
        shot.act(page)
        page.driver.execute_async_script("document.fonts.ready.then(() => setTimeout(arguments[0], 500))")
        shot_png = np.frombuffer(page.driver.get_screenshot_as_png(), np.uint8)
        raw: Any = cv2.imdecode(shot_png, cv2.IMREAD_COLOR)
        cv2.imwrite(str(folder / f"{shot.name}.webp"), raw, (cv2.IMWRITE_WEBP_QUALITY, QUALITY))


def main() -> int:
    """Take all of them."""
    parser = argparse.ArgumentParser(prog="scripts/screenshots", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cf-") as made, browser("--force-prefers-reduced-motion") as page:
        run = Path(made)
        with staged(run) as (stage, preview):
            for shot in SHOTS:
                take(shot, page=page, run=run, stage=stage, preview=preview, folder=folder)
                print(folder / f"{shot.name}.webp")
        complaints = page.complaints()
    print("\n".join(complaints), file=sys.stderr)
    return int(bool(complaints))


if __name__ == "__main__":
    sys.exit(main())
