"""The screen with everything real: recorded faces, the daemon, the screen's process, Chromium."""

from pathlib import Path

from edge.api.protocol.badges import BadgeAsked, PinSet
from edge.api.protocol.people import PersonProfile
from tests.edge.badge.pictures import held_up
from tests.edge.device import Device, astronaut, enrol, nobody, recording, standing, walk_up
from tests.edge.kiosk.browser import Browser, axe, needs_browser, until
from tests.edge.kiosk.screen_process import screen

pytestmark = needs_browser

SHADES = """
    const canvas = document.getElementById("mirror");
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return new Set(pixels.filter((_, index) => index % 4 === 0)).size;
"""
FOLLOWS = "return document.querySelector('.outline').dataset.follows"
PIN = "8052"


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
        until(lambda: browser.script(FOLLOWS) == "yes", what="an outline on the face")
        assert browser.script(SHADES) > 20  # a picture, not a plain disc
        browser.shows("attract")
        until(lambda: browser.body("mirror") == "off", what="the end of the mirror")
        assert browser.script(SHADES) == 1


def test_a_badge_is_held_up_its_pin_typed_and_the_record_taken_back_and_made_again(
    folder: Path, browser: Browser
) -> None:
    pictures = folder / "r"
    camera = {"replay_path": str(pictures), "replay_pace": "realtime"}
    device = Device(folder, camera=camera).provision()
    recording(pictures, nobody(1))
    with device.running() as daemon, device.client() as staff:
        ann = staff.add_person(PersonProfile(name="Ann Droid", number="4711", greeting="Ann")).person_id
        token = staff.issue_badge(BadgeAsked(person_id=ann)).token
        staff.set_pin(ann, PinSet(pin=PIN))
        daemon.terminate()
    (pictures / "0000.jpg").unlink()
    pictures.rmdir()
    recording(pictures, nobody(10), [held_up(token)] * 15, nobody(60))
    browser.size(800, 480, touch=True)
    with device.running(), screen(device.run, folder / "s") as shown:
        browser.open(shown.address)
        browser.shows("enter_pin")
        assert axe(browser) == []
        for key in (*"8053", "ok"):
            browser.touch(f"#pad-keys [data-key='{key}']")
        until(lambda: "did not fit" in browser.text("pad-alert"), what="the refusal")
        for key in (*PIN, "ok"):
            browser.touch(f"#pad-keys [data-key='{key}']")
        browser.shows("recorded")
        assert browser.text("headline") == "Welcome, \u2068Ann\u2069"
        browser.touch("#actions [data-key='not_me']")
        browser.shows("voided")
        with device.client() as staff:
            assert list(staff.all_punches()) == []
        browser.shows("enter_pin")  # the recording begins again
        browser.type(PIN)
        browser.keys("Enter")
        browser.shows("recorded")
        browser.touch("#actions [data-key='missing']")
        browser.touch("[data-step='day'][data-by='1']")
        browser.touch("#missing-send")
        until(lambda: "on its way" in browser.text("missing-alert"), what="the office's turn")
        with device.client() as staff:
            assert [each.method for each in staff.all_punches()] == ["badge"]
            assert staff.verify_ledger().problems == ()
    assert PIN not in device.log.read_text() + shown.log.read_text()
