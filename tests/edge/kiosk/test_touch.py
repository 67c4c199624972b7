"""What people do at the screen, in a real browser: PIN pad, not me, missing records, choices, languages."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from edge.api.protocol.intents import PinTaken
from tests.edge.kiosk import given
from tests.edge.kiosk.browser import Browser, needs_browser, until
from tests.edge.kiosk.screen_process import ScreenProcess, screen
from tests.edge.kiosk.staged import OPEN, Staged, opened, sheet_fits, shown

pytestmark = needs_browser
FOCUS = "return document.activeElement?.id ?? ''"


@pytest.fixture(scope="module")
def wall(staged: Staged) -> Iterator[ScreenProcess]:
    """One screen for all that touch it."""
    with screen(staged.run, staged.run / "wall", look={"greeting_s": 1.0}) as process:
        yield process


@pytest.fixture
def page(staged: Staged, wall: ScreenProcess, browser: Browser) -> Browser:
    """A page for touch; every way is offered, every PIN accepted, and nothing is left of the test before."""
    counter = staged.edge.without_face
    for noted in (
        counter.entered,
        counter.cancelled,
        counter.corrections,
        counter.disowned,
        staged.edge.choices,
    ):
        noted.clear()
    counter.held, counter.answer = 0, PinTaken(outcome="accepted")
    browser.size(800, 480, touch=True)
    staged.say(given.attract())
    staged.stage.dismiss()  # as if edge had been away: what stood on the screen is gone
    browser.open(wall.address)
    browser.shows("attract")
    until(lambda: browser.script("return document.querySelectorAll('#bar button').length") == 4, what="bar")
    return browser


def tap(browser: Browser, *keys: str) -> None:
    for key in keys:
        browser.touch(f"#pad-keys [data-key='{key}']")


def says(browser: Browser, element: str, text: str) -> None:
    until(lambda: browser.text(element) == text, what=f"{text!r}; it says {browser.text(element)!r}")


def ask(staged: Staged, browser: Browser, **more: Any) -> None:
    staged.say(given.enter_pin(**more))
    opened(browser, "pad")


def test_a_pin_is_typed_by_touch_and_its_digits_are_never_shown(staged: Staged, page: Browser) -> None:
    ask(staged, page)
    tap(page, "8", "0", "9", "delete", "5", "2")
    assert page.script("return document.getElementById('pad-field').type") == "password"
    assert "8052" not in page.script("return document.body.innerText")
    assert page.script(FOCUS) == "pad-field"
    tap(page, "ok")
    until(lambda: staged.edge.without_face.entered, what="the PIN")
    entered = staged.edge.without_face.entered[0]
    assert (entered.pin, entered.prompt_id, entered.number) == ("8052", given.PROMPT, None)
    assert page.script("return document.getElementById('pad-field').value") == ""
    staged.say(given.recorded("Amina"))
    opened(page, "")
    page.shows("recorded")


def test_a_pin_is_typed_on_a_keypad_and_in_the_digits_of_any_keyboard(staged: Staged, page: Browser) -> None:
    ask(staged, page, asks="code")
    assert page.text("pad-title") == "Your code"
    page.type("\u0668\u0660\u096b217x")
    page.keys("Enter")
    until(lambda: staged.edge.without_face.entered, what="the code")
    assert staged.edge.without_face.entered[0].pin == "805217"


def test_a_wrong_pin_a_lock_out_and_a_closed_kiosk_are_said_calmly(staged: Staged, page: Browser) -> None:
    counter = staged.edge.without_face
    counter.answer = PinTaken(outcome="refused")
    ask(staged, page)
    tap(page, *"8052", "ok")
    says(page, "pad-alert", "That did not fit. Please try again.")
    counter.answer = PinTaken(outcome="closed")
    tap(page, *"8052", "ok")
    says(page, "pad-alert", "The office has closed this kiosk for now.")
    counter.answer = PinTaken(outcome="refused", wait_s=30.0)
    tap(page, *"8052", "ok")
    staged.say(given.badge_refused("pin_not_accepted", seconds=30))
    opened(page, "")
    page.shows("badge_refused", code="pin_wait")
    assert page.text("time") in {"0:30", "0:29", "0:28"}
    assert "Once more in:" in page.text("text")
    assert len(counter.entered) == 3


def test_a_number_and_its_pin_look_the_same_for_a_number_that_nobody_has(staged: Staged, page: Browser) -> None:
    counter = staged.edge.without_face
    page.touch("#bar [data-key='number']")
    opened(page, "pad")
    tap(page, *"4711", "ok")
    says(page, "pad-title", "Your PIN")
    assert not counter.entered  # nothing is asked of edge before both are there
    counter.answer = PinTaken(outcome="refused")
    tap(page, *"8052", "ok")
    says(page, "pad-alert", "That did not fit. Please try again.")
    says(page, "pad-title", "Employee number")
    counter.answer = PinTaken(outcome="wait", wait_s=2.0)
    tap(page, *"4711", "ok", *"8052", "ok")
    says(page, "pad-alert", "Too many tries. Once more in:")
    assert page.text("pad-wait").startswith("0:0")
    tap(page, "1")
    assert page.script("return document.getElementById('pad-field').value") == ""
    says(page, "pad-wait", "")
    assert [each.number for each in counter.entered] == ["4711", "4711"]
    page.touch("#pad-cancel")
    opened(page, "")


def test_typing_a_digit_before_anything_else_begins_with_the_number(staged: Staged, page: Browser) -> None:
    page.type("4")
    opened(page, "pad")
    assert page.script("return document.getElementById('pad-field').value") == "4"
    page.keys("Escape")
    opened(page, "")
    staged.say(given.attract(ways=("badge",)))
    until(lambda: not page.script("return document.querySelector('#bar [data-key=number]')"), what="no number")
    page.type("4")
    assert page.script(OPEN) == ""


def test_who_is_slow_is_told_in_time_and_gets_more_of_it(staged: Staged, page: Browser) -> None:
    ask(staged, page, seconds=15)
    says(page, "pad-alert", "Still there? Touch any key, and there is more time.")
    tap(page, "8")
    until(lambda: staged.edge.without_face.held, what="a hold")
    says(page, "pad-alert", "")


def test_cancel_tells_edge_and_ends_the_question(staged: Staged, page: Browser) -> None:
    ask(staged, page)
    tap(page, "8")
    page.touch("#pad-cancel")
    until(lambda: staged.edge.without_face.cancelled == [given.PROMPT], what="the cancellation")
    page.shows("attract")


def test_that_was_not_me_voids_the_record_that_was_shown(staged: Staged, page: Browser) -> None:
    staged.say(given.recorded("Amina"))
    page.shows("recorded")
    page.touch("#actions [data-key='not_me']")
    until(lambda: staged.edge.without_face.disowned, what="the disavowal")
    assert [each.seq for each in staged.edge.without_face.disowned] == [7]
    staged.say(given.voided())
    page.shows("voided")
    assert not page.script("return document.querySelectorAll('#actions button').length")


def test_a_missing_record_is_asked_for_in_the_site_s_time(staged: Staged, page: Browser) -> None:
    staged.say(given.recorded("Amina"))
    page.shows("recorded")
    page.touch("#actions [data-key='missing']")
    opened(page, "missing")
    page.touch("[data-step='day'][data-by='1']")
    assert page.text("missing-day") == "yesterday"
    for _ in range(2):
        page.touch("[data-step='hour'][data-by='-1']")
    page.touch("#missing-directions [data-key='out']")
    hour, minute = page.text("missing-hour"), page.text("missing-minute")
    staged.say(given.attract())  # who turns to the screen is not before the camera any more
    page.touch("#missing-send")
    says(page, "missing-alert", "It is on its way to the office.")
    asked = staged.edge.without_face.corrections[0]
    assert (asked.direction, asked.seq, asked.at.strftime("%H:%M")) == ("out", 7, f"{hour}:{minute}")
    page.touch("#missing-cancel")
    opened(page, "")


def test_in_or_out_and_a_work_code_are_chosen_before_one_is_recognised(staged: Staged, page: Browser) -> None:
    page.touch("#bar [data-key='choose']")
    opened(page, "choose")
    page.touch("#choose-directions [data-key='out']")
    page.touch("#choose-codes [data-key='Break']")
    page.touch("#choose-send")
    opened(page, "")
    assert [(each.direction, each.work_code) for each in staged.edge.choices] == [("out", "Break")]
    says(page, "chosen", "Out, \u2068Break\u2069 is noted. Now look at the camera.")
    staged.say(given.choose())
    page.shows("choose")
    page.touch("#codes [data-key='Site visit']")
    page.touch("#choices [data-key='in']")
    until(lambda: len(staged.edge.choices) == 2, what="the second choice")
    assert (staged.edge.choices[1].direction, staged.edge.choices[1].work_code) == ("in", "Site visit")


def test_a_language_is_touched_and_the_notice_is_read_in_it(staged: Staged, page: Browser) -> None:
    page.touch("#bar [data-key='language']")
    opened(page, "language")
    page.touch("#tongues [lang='ar']")
    opened(page, "")
    until(lambda: page.script("return document.documentElement.dir") == "rtl", what="Arabic")
    page.touch("#bar [data-key='about']")
    opened(page, "about")
    assert page.text("about-title") == "\u0628\u064a\u0627\u0646\u0627\u062a\u0643"
    page.keys("Escape")
    page.touch("#bar [data-key='language']")
    page.touch("#tongues [lang='en']")  # for the tests that follow
    until(lambda: page.script("return document.documentElement.lang") == "en", what="English")


def test_who_walks_off_leaves_no_dialog_to_the_next(staged: Staged, page: Browser) -> None:
    page.touch("#bar [data-key='about']")
    opened(page, "about")
    staged.say(given.recorded("Amina"))
    opened(page, "")
    assert page.text("headline") == "Welcome, \u2068Amina\u2069"


@pytest.mark.parametrize(("turn", "controls"), [(90, "middle"), (270, "low"), (0, "low")])
def test_dialogs_turn_with_the_display_and_lie_low_where_that_is_asked(
    staged: Staged, browser: Browser, turn: int, controls: str
) -> None:
    shown(staged, browser, look={"rotation_deg": turn, "controls": controls})
    ask(staged, browser)
    assert sheet_fits(browser)
    if controls == "low" and not turn:
        tops = browser.script("""
            return [...document.querySelectorAll("#pad-keys button, #pad-cancel, #pad-field")]
              .map((each) => each.getBoundingClientRect().top / innerHeight);
        """)
        assert min(tops) >= 0.4
    browser.touch("#pad-keys [data-key='7']")
    assert browser.script("return document.getElementById('pad-field').value") == "7"
    browser.keys("Escape")
    browser.shows("attract")


def test_a_display_without_touch_shows_no_buttons_and_takes_a_keypad(staged: Staged, browser: Browser) -> None:
    staged.edge.without_face.entered.clear()
    shown(staged, browser, look={"touch": False})
    assert browser.script("return document.querySelectorAll('#bar button').length") == 0
    ask(staged, browser)
    assert not browser.script("return document.querySelector('#pad-keys button').checkVisibility()")
    browser.type("8052")
    browser.keys("Enter")
    until(lambda: staged.edge.without_face.entered, what="the PIN")


def test_a_hall_at_night_is_dark_until_somebody_comes(staged: Staged, browser: Browser) -> None:
    shown(staged, browser, state="asleep", sleep={"after_s": 0.5})
    assert browser.script("return getComputedStyle(document.getElementById('wall')).backgroundColor") == (
        "rgb(0, 0, 0)"
    )
    assert browser.text("headline") == ""
    browser.touch("body")
    browser.shows("attract")


UNSAYABLE = (
    "", "{}", "[]", '{"do":"pin"}', '{"do":"pin","pin":"8052"}', '{"do":"pin","pin":"12","number":"1"}',
    '{"do":"speak","language":"xx"}', '{"do":"not_me","epoch":"x","seq":1}', '{"direction":"in"}',
    '{"do":"touched","more":1}', "x" * 5000,
    json.dumps({"do": "missing", "epoch": "000001-9f86d081884c7d65", "seq": 7, "direction": "in",
                "days_ago": 99, "hour": 1, "minute": 1}),
)  # fmt: skip
SAY = """
    const [address, said, done] = arguments;
    const socket = new WebSocket(address.replace("http:", "ws:") + "feed");
    socket.onopen = () => socket.send(said);
    socket.onclose = () => done("closed");
"""


def test_what_the_page_cannot_say_closes_its_line_and_reaches_nobody(staged: Staged, browser: Browser) -> None:
    staged.edge.without_face.entered.clear()
    process = shown(staged, browser)
    for said in UNSAYABLE:
        answer = browser.driver.execute_async_script(SAY, process.address, said)
        assert answer == "closed", said
    assert not staged.edge.without_face.entered
    assert "8052" not in process.log.read_text()
