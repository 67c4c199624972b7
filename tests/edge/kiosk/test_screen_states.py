"""Every state in every language, in a real browser: what is shown, how it reads, and axe has nothing to say."""

from pathlib import Path

import pytest

from edge.kiosk.screen.catalogue import tongues
from edge.types.announcements import Announcement
from edge.types.faces import Coaching
from edge.types.verdicts import Outcome
from tests.edge.kiosk import given
from tests.edge.kiosk.browser import Browser, axe, needs_browser, until
from tests.edge.kiosk.screen_process import screen
from tests.edge.kiosk.staged import Staged, fits, looks_well, opened, shown

pytestmark = needs_browser

STATES: dict[str, tuple[Announcement, str, str]] = {  # announcement, state, code
    "attract": (given.attract(), "attract", ""),
    **{each.value: (given.guidance(each), "guidance", each.value) for each in Coaching},
    "in": (given.recorded("Amina"), "recorded", ""),
    "out": (given.recorded("Amina", "out"), "recorded", ""),
    "nameless": (given.recorded(None, "unstated"), "recorded", ""),
    "again": (given.recorded("Amina", again=True), "already_recorded", ""),
    "unknown": (given.refused(), "not_recognised", "unknown"),
    "unsure": (given.refused(Outcome.UNSURE), "not_recognised", "unsure"),
    "not_live": (given.refused(Outcome.NOT_LIVE), "not_recognised", "not_live"),
    "poor_quality": (given.refused(Outcome.POOR_QUALITY), "not_recognised", "poor_quality"),
    "choose": (given.choose(), "choose", ""),
    "several": (given.several(), "several_people", ""),
    "not_stored": (given.not_stored(), "not_stored", "LedgerDiskFull"),
    "voided": (given.voided(), "voided", ""),
    **{
        code: (given.badge_refused(code), "badge_refused", code)
        for code in ("badge_not_accepted", "pin_not_set", "code_not_set")
    },
    "pin_wait": (given.badge_refused("pin_wait", seconds=240), "badge_refused", "pin_wait"),
    "message": (given.recorded("Amina", messages=("Please see the nurse.",)), "recorded", ""),
}
STANDING = {"camera_lost", "camera_opening", "office", "ModelError"}


@pytest.mark.parametrize("tag", list(tongues()))
def test_every_state_reads_well_in_every_language(staged: Staged, browser: Browser, tag: str) -> None:
    tongue = tongues()[tag]
    shown(staged, browser, language={"device": tag}, notice={"controller": "Example Ltd"})
    assert "Example Ltd" in browser.text("notice")
    assert browser.script("return document.documentElement.lang") == tag
    direction = browser.script("return getComputedStyle(document.body).direction")
    assert direction == ("rtl" if tongue.rtl else "ltr")
    for name, (announcement, state, code) in STATES.items():
        staged.say(announcement)
        browser.shows(state, code=code)
        assert browser.text("headline"), name
        assert fits(browser), f"{name}: {browser.text('headline')}"
        assert axe(browser) == [], name
    staged.say(given.attract())
    browser.shows("attract")
    for code in sorted(STANDING):
        staged.say(given.out(code))
        browser.shows("out_of_service", code=code)
        assert fits(browser), code
        assert axe(browser) == [], code


@pytest.mark.parametrize("tag", list(tongues()))
def test_every_dialog_reads_well_in_every_language(staged: Staged, browser: Browser, tag: str) -> None:
    notice = {"controller": "Example Ltd", "contact": "Room 12", "kept": "Two years"}
    theme = "dark" if tag in {"ar", "de"} else "light"
    shown(staged, browser, language={"device": tag}, notice=notice, look={"theme": theme})
    until(lambda: browser.script("return document.querySelectorAll('#bar button').length") == 4, what="bar")
    for key, sheet in (
        ("about", "about"),
        ("language", "language"),
        ("choose", "choose"),
        ("number", "pad"),
    ):
        browser.script("document.querySelector(`#bar [data-key=${arguments[0]}]`).click()", key)
        opened(browser, sheet)
        looks_well(browser, key)
        browser.keys("Escape")
        opened(browser, "")
    staged.say(given.recorded("Amina"))
    browser.shows("recorded")
    browser.script("document.querySelector('#actions [data-key=missing]').click()")
    opened(browser, "missing")
    looks_well(browser, "missing")
    staged.say(given.enter_pin())
    opened(browser, "pad")
    looks_well(browser, "pin")
    staged.say(given.badge_refused("pin_not_accepted", seconds=60))
    browser.shows("badge_refused")


@pytest.mark.parametrize(("width", "height"), [(480, 320), (320, 480), (800, 480), (1080, 1920), (1920, 1080)])
@pytest.mark.parametrize(("tag", "theme"), [("de", "light"), ("ar", "dark")])
def test_it_fits_every_display(
    staged: Staged, browser: Browser, width: int, height: int, tag: str, theme: str
) -> None:
    shown(staged, browser, language={"device": tag}, look={"theme": theme})
    browser.size(width, height)
    for name in ("attract", "in", "poor_quality", "choose", "not_stored"):
        announcement, state, code = STATES[name]
        staged.say(announcement)
        browser.shows(state, code=code)
        what = f"{name} at {width} x {height}: {browser.text('headline')}"
        until(lambda: fits(browser), what=what, patience_s=3)  # the page has just been laid out anew
    assert axe(browser) == []


def test_a_person_is_greeted_in_their_own_language(staged: Staged, browser: Browser) -> None:
    shown(staged, browser)
    staged.say(given.recorded("أمينة", language="ar"))
    browser.shows("recorded")
    assert browser.script("return document.documentElement.dir") == "rtl"
    assert browser.text("headline") == "أهلاً \u2068أمينة\u2069"
    staged.say(given.attract())
    browser.shows("attract")
    assert browser.script("return document.documentElement.dir") == "ltr"


@pytest.mark.parametrize(
    "name",
    ["<img src=x onerror=alert(1)>", "</h1><script>document.body.dataset.state='owned'</script>", "&lt;b&gt;",
     "{name}", "\u202eevil", "أمينة", "W" * 100, "Wolfeschlegelsteinhausenbergerdorff " * 3],
)  # fmt: skip
def test_a_name_is_shown_as_it_is_and_never_read_as_markup(staged: Staged, browser: Browser, name: str) -> None:
    shown(staged, browser)
    staged.say(given.recorded(name[:100]))
    browser.shows("recorded")
    kept = name[:100].replace("\u202e", "")
    assert browser.text("headline") == f"Welcome, \u2068{kept}\u2069"
    assert browser.script("return document.querySelectorAll('h1 *, img, body script').length") == 0
    assert fits(browser)


@pytest.mark.parametrize("how", ["touch", "keyboard"])
def test_in_or_out_is_chosen_by_touch_and_by_keyboard(staged: Staged, browser: Browser, how: str) -> None:
    staged.edge.choices.clear()
    shown(staged, browser)
    browser.size(800, 480, touch=True)
    staged.say(given.choose())
    browser.shows("choose")
    if how == "touch":
        browser.touch("#choices button:last-child")
    else:
        browser.keys("Tab", "Tab", "Tab", "Tab", "Enter")  # two work codes, in, out
    until(lambda: staged.edge.choices, what="the choice")
    assert [choice.direction for choice in staged.edge.choices] == ["out"]
    staged.say(given.recorded("Amina", "out"))
    browser.shows("recorded")


def test_what_can_be_touched_is_large_enough(staged: Staged, browser: Browser) -> None:
    shown(staged, browser)
    browser.size(480, 320, touch=True)
    staged.say(given.choose())
    browser.shows("choose")
    sizes = browser.script("""
        const boxes = [...document.querySelectorAll("button")]
          .filter((each) => each.checkVisibility()).map((each) => each.getBoundingClientRect());
        return boxes.map((box) => [box.width, box.height]);
    """)
    assert len(sizes) == 4
    assert all(width >= 44 and height >= 44 for width, height in sizes)


def test_a_reload_in_mid_greeting_greets_again(staged: Staged, browser: Browser) -> None:
    process = shown(staged, browser, look={"greeting_s": 20.0})
    staged.say(given.recorded("Amina"))
    browser.shows("recorded")
    browser.open(process.address)
    browser.shows("recorded")
    assert "Amina" in browser.text("headline")


def test_a_restart_of_the_screen_s_process_is_survived_by_the_open_page(
    staged: Staged, browser: Browser
) -> None:
    with screen(staged.run, staged.run / "r") as first:
        staged.say(given.attract())
        browser.open(first.address)
        browser.shows("attract")
        address = first.address
        port = int(first.origin.rpartition(":")[2])
        first.terminate()
    with screen(staged.run, staged.run / "r", port=port) as second:
        assert second.address == address
        browser.shows("attract")
        staged.say(given.several())
        browser.shows("several_people")


def test_a_restart_of_edge_is_said_and_survived(browser: Browser, folder: Path) -> None:
    first = Staged(folder)
    try:
        with screen(folder, folder / "s") as process:
            first.say(given.attract())
            browser.open(process.address)
            browser.shows("attract")
            first.say(given.recorded("Amina"))
            browser.shows("recorded")
            first.server.close()
            browser.shows("starting")
            assert browser.text("headline") == "One moment"
            second = Staged(folder)
            second.say(given.attract())
            browser.shows("attract")
            second.server.close()
    finally:
        first.server.close()


def test_the_office_s_messages_and_the_kiosk_s_name_are_shown(staged: Staged, browser: Browser) -> None:
    shown(staged, browser)
    staged.say(given.message("Fire drill at noon", "Gate 2 is closed"))
    until(lambda: browser.text("messages") == "Fire drill at noonGate 2 is closed", what="the messages")
    staged.say(given.message())
    until(lambda: browser.text("messages") == "", what="their end")
    staged.say(given.identify(1))
    browser.shows("identify")
    assert "kiosk" in browser.text("headline")
    browser.shows("attract")


@pytest.mark.parametrize(("turn", "controls"), [(90, "middle"), (180, "low"), (270, "low"), (0, "low")])
def test_a_turned_display_and_a_low_one_show_everything(
    staged: Staged, browser: Browser, turn: int, controls: str
) -> None:
    shown(staged, browser, look={"rotation_deg": turn, "controls": controls})
    staged.say(given.recorded("Amina"))
    browser.shows("recorded")
    assert fits(browser)
    assert browser.body("turn") == str(turn)
    top = browser.script("return document.getElementById('headline').getBoundingClientRect().top / innerHeight")
    assert (controls, turn) != ("low", 0) or top >= 0.45
    staged.say(given.attract())
    browser.shows("attract")
    assert fits(browser)


def test_who_wants_less_motion_gets_none(staged: Staged, browser: Browser) -> None:
    shown(staged, browser)
    browser.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
    staged.say(given.guidance(Coaching.LOOK_HERE))
    browser.shows("guidance")
    assert browser.script("return document.getAnimations().length") == 0
    browser.cdp("Emulation.setEmulatedMedia", features=[])
    assert browser.script("return document.getAnimations().length") > 0


def test_axe_does_speak_about_a_page_that_is_not_well(staged: Staged, browser: Browser) -> None:
    shown(staged, browser)
    browser.script("document.getElementById('notice').style.color = '#ccc'")
    assert any("color-contrast" in line for line in axe(browser))


def test_the_first_paint_needs_nothing_from_elsewhere(staged: Staged, browser: Browser) -> None:
    process = shown(staged, browser)
    assert browser.script("return performance.getEntriesByName('first-contentful-paint').length") == 1
    fetched = browser.script("return performance.getEntriesByType('resource').map((each) => each.name)")
    assert fetched
    assert all(name.startswith(process.address) for name in fetched)
