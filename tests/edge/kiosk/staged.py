"""A screen whose edge says what the test wants: real API server and screen process, announcements made here."""

import contextlib
from pathlib import Path
from typing import Any

from edge.api.protocol.status import Status
from edge.api.server import ApiServer
from edge.api.stage import Stage
from edge.config.device import ApiConfig
from edge.types.announcements import Announcement
from tests.edge.api.small_edge import SmallEdge
from tests.edge.kiosk import given
from tests.edge.kiosk.browser import Browser, axe, until
from tests.edge.kiosk.screen_process import ScreenProcess, screen


class OfferingEdge(SmallEdge):
    """Lets people choose in or out, and some work codes."""

    def status(self) -> Status:
        offered = {"directions": True, "work_codes": ("Break", "Site visit")}
        return super().status().model_copy(update=offered)


class Staged:
    """A screen whose edge says what the test wants."""

    def __init__(self, run: Path) -> None:
        self.run, self.edge, self.stage = run, OfferingEdge(), Stage()
        self.server = ApiServer(service=self.edge, stage=self.stage, run=run, config=ApiConfig())
        self.server.start()
        self._stack = contextlib.ExitStack()
        self._screen: tuple[dict[str, dict[str, Any]], ScreenProcess] | None = None

    def screen(self, sections: dict[str, dict[str, Any]]) -> ScreenProcess:
        """The screen's process with this configuration: the one that runs, if it has it."""
        if self._screen is None or self._screen[0] != sections:
            self._stack.close()
            self._screen = sections, self._stack.enter_context(screen(self.run, self.run / "s", **sections))
        return self._screen[1]

    def close(self) -> None:
        """End screen and edge."""
        self._stack.close()
        self.server.close()

    def say(self, announcement: Announcement) -> None:
        self.stage.announce(announcement)


def shown(
    staged: Staged, browser: Browser, *, state: str = "attract", **sections: dict[str, Any]
) -> ScreenProcess:
    """A new page of a screen with this configuration, on which nobody was yet."""
    sections.setdefault("look", {}).setdefault("greeting_s", 1.0)
    process = staged.screen(sections)
    staged.say(given.attract())
    browser.open(process.address)
    browser.shows(state)
    return process


def fits(browser: Browser) -> bool:
    """Whether all texts lie inside the display, and none over another."""
    return bool(
        browser.script("""
        const boxes = ["headline", "line", "chosen", "codes", "choices", "actions", "messages", "office",
                       "notice", "bar"]
          .map((id) => document.getElementById(id)).filter((e) => e.offsetParent && e.textContent.trim())
          .map((e) => e.getBoundingClientRect());
        const inside = boxes.every((b) => b.left >= -1 && b.top >= -1
          && b.right <= innerWidth + 1 && b.bottom <= innerHeight + 1);
        const apart = boxes.every((a, i) => boxes.slice(i + 1).every((b) =>
          a.bottom <= b.top + 1 || b.bottom <= a.top + 1 || a.right <= b.left + 1 || b.right <= a.left + 1));
        return inside && apart;
    """)
    )


OPEN = "return document.querySelector('dialog[open]')?.id ?? ''"
SHEET_FITS = """
    const sheet = document.querySelector("dialog[open]");
    const boxes = [...sheet.querySelectorAll("h2, p, button, input, output")]
      .filter((e) => e.checkVisibility() && !e.closest("#about-list"))
      .map((e) => e.getBoundingClientRect());
    return boxes.every((b) => b.left >= -1 && b.top >= -1
      && b.right <= innerWidth + 1 && b.bottom <= innerHeight + 1);
"""


def sheet_fits(browser: Browser) -> bool:
    """Whether everything of the open dialog lies inside the display."""
    return bool(browser.script(SHEET_FITS))


def opened(browser: Browser, sheet: str) -> None:
    """Wait until this dialog is open; empty: none."""
    until(lambda: browser.script(OPEN) == sheet, what=f"the dialog {sheet!r}")


def looks_well(browser: Browser, name: str) -> None:
    """The open dialog, for axe and on displays of every form."""
    assert axe(browser) == [], name
    for size in ((480, 320), (320, 480), (1024, 600)):
        browser.size(*size)
        until(lambda: sheet_fits(browser), what=f"{name} inside {size}", patience_s=3)
