"""The screen with everything real: recorded faces, the daemon, the screen's process, Chromium."""

from pathlib import Path

from tests.edge.device import Device, astronaut, enrol, nobody, recording, standing, walk_up
from tests.edge.kiosk.browser import Browser, needs_browser, until
from tests.edge.kiosk.screen_process import screen

pytestmark = needs_browser

SHADES = """
    const canvas = document.getElementById("mirror");
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return new Set(pixels.filter((_, index) => index % 4 === 0)).size;
"""


def test_a_person_walks_up_and_is_greeted_only_with_a_committed_record(folder: Path, browser: Browser) -> None:
    portrait = astronaut()
    recording = walk_up(folder / "faces", portrait)
    device = Device(folder, camera={"replay_path": str(recording), "replay_pace": "realtime"}).provision()
    with device.running(), screen(device.run, folder / "s") as shown:
        browser.open(shown.address)
        browser.shows("not_recognised", code="unknown")
        assert browser.text("headline") == "Not recognised"
        enrol(device, portrait, name="Eileen Collins", number="1")
        browser.shows("recorded")
        assert "Eileen" in browser.text("headline")
        assert "Collins" not in browser.text("headline")
        with device.client() as staff:
            assert staff.punches().punches


def test_who_is_asked_to_come_closer_sees_themselves(folder: Path, browser: Browser) -> None:
    faces = recording(folder / "faces", nobody(8), standing(astronaut(), 36))
    device = Device(
        folder,
        camera={"replay_path": str(faces), "replay_pace": "realtime"},
        quality={"min_face_px": 170.0},
    ).provision()
    with device.running(), screen(device.run, folder / "s") as shown:
        browser.open(shown.address)
        browser.shows("guidance", code="come_closer")
        until(lambda: browser.body("mirror") == "on", what="the mirror")
        assert browser.script(SHADES) > 20  # a picture, not a plain disc
        browser.shows("attract")
        until(lambda: browser.body("mirror") == "off", what="the end of the mirror")
        assert browser.script(SHADES) == 1
