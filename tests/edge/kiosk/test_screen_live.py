"""The screen with everything real: recorded faces, the daemon, the screen's process, Chromium."""

from pathlib import Path

from tests.edge.device import Device, astronaut, enrol, walk_up
from tests.edge.kiosk.browser import Browser, needs_browser
from tests.edge.kiosk.screen_process import screen

pytestmark = needs_browser


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
