"""A real browser for tests: Debian's Chromium, headless, driven through its own driver.

Where the tests run as root, driver and browser run as `nobody`, so that Chromium keeps its sandbox.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.remote_connection import ChromeRemoteConnection

from scripts.axe_core import axe_core

NOBODY = 65534
PATIENCE_S = 30.0
DRIVER, CHROMIUM = shutil.which("chromedriver"), shutil.which("chromium")

needs_browser = pytest.mark.skipif(
    not (DRIVER and CHROMIUM), reason="chromium and chromium-driver are not installed here (scripts/setup dev)"
)


def until(found: Callable[[], Any], *, what: str, patience_s: float = PATIENCE_S) -> Any:
    """Wait until something is so; returns it."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.02)
    raise AssertionError(f"did not come in {patience_s:g} s: {what}")


class Browser:
    """A browser's window."""

    def __init__(self, driver: webdriver.Remote, process_id: int) -> None:
        self.driver = driver
        self.process_id = process_id  # of the driver, whose child the browser is

    def open(self, address: str) -> None:
        self.driver.get(address)

    def size(self, width: int, height: int, *, touch: bool = False) -> None:
        """The display: exactly so many pixels."""
        self.cdp(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        self.cdp("Emulation.setTouchEmulationEnabled", enabled=touch)
        until(lambda: self.script("return [innerWidth, innerHeight]") == [width, height], what="the new size")

    def cdp(self, command: str, **arguments: Any) -> Any:
        return self.driver.execute("executeCdpCommand", {"cmd": command, "params": arguments})["value"]

    def script(self, text: str, *arguments: Any) -> Any:
        return self.driver.execute_script(text, *arguments)

    def body(self, name: str) -> str:
        """A data attribute of the page's body."""
        return str(self.script("return document.body.dataset[arguments[0]] ?? ''", name))

    def text(self, element: str) -> str:
        return str(self.script("return document.getElementById(arguments[0]).textContent", element))

    def shows(self, state: str, *, code: str | None = None) -> None:
        """Wait until the page shows a state, painted."""

        def painted() -> bool:
            here = self.script("return {...document.body.dataset}")
            return here.get("state") == state and code in (None, here.get("code")) and (
                here.get("painted") == here.get("number")
            )  # fmt: skip

        until(painted, what=f"{state} {code or ''}; it shows {self.body('state')} {self.body('code')}")

    def complaints(self) -> list[str]:
        """What the console has: errors of scripts, refusals of the policy, failed requests."""
        entries = self.driver.execute("getLog", {"type": "browser"})["value"]
        severe = [entry["message"] for entry in entries if entry["level"] == "SEVERE"]
        return [text for text in severe if "WebSocket connection" not in text]  # the process was gone: tested

    def touch(self, selector: str) -> None:
        """A finger on the middle of an element."""
        x, y = self.script(
            "const r = document.querySelector(arguments[0]).getBoundingClientRect();"
            "return [r.x + r.width / 2, r.y + r.height / 2]",
            selector,
        )
        self.cdp("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self.cdp("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def keys(self, *names: str) -> None:
        codes = {"Tab": 9, "Enter": 13, "Escape": 27}
        for name in names:
            text = {"text": "\r"} if name == "Enter" else {}
            for kind in ("keyDown", "keyUp"):
                self.cdp(
                    "Input.dispatchKeyEvent",
                    type=kind,
                    key=name,
                    code=name,
                    windowsVirtualKeyCode=codes[name],
                    **text,
                )

    def type(self, text: str) -> None:
        """Characters, as a keyboard or keypad sends them."""
        for each in text:
            for kind in ("keyDown", "keyUp"):
                self.cdp("Input.dispatchKeyEvent", type=kind, key=each, text=each if kind == "keyDown" else "")

    def picture(self, path: Path) -> None:
        path.write_bytes(self.driver.get_screenshot_as_png())


def axe(browser: "Browser") -> list[str]:
    """What axe-core finds against WCAG 2.2 A and AA and its good practice: a line a violation."""
    if not browser.script("return typeof axe === 'object'"):
        browser.script(axe_core())
    found = browser.driver.execute_async_script("""
        const done = arguments[arguments.length - 1];
        const told = (v) => `${v.id}: ${v.nodes.map((n) => n.target + " " + n.failureSummary)}`;
        axe.run(document, {resultTypes: ["violations"]}).then(
          (r) => done(r.violations.map(told)), (e) => done([String(e)]));
    """)
    return [str(line) for line in found]


def _unprivileged() -> dict[str, Any]:
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


@contextmanager
def browser(*switches: str) -> Iterator[Browser]:
    """A browser of its own, ended with everything that it started."""
    assert DRIVER
    assert CHROMIUM
    with tempfile.TemporaryDirectory(prefix="cf-browser-", ignore_cleanup_errors=True) as home:
        Path(home).chmod(0o777)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        process = subprocess.Popen(
            [DRIVER, f"--port={port}", "--log-level=OFF"],
            cwd=home,
            env={"HOME": home, "TMPDIR": home, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **_unprivileged(),
        )
        driver = None
        try:
            until(lambda: _answers(port), what="chromedriver")
            executor = ChromeRemoteConnection(f"http://127.0.0.1:{port}", keep_alive=True)
            driver = webdriver.Remote(command_executor=executor, options=_options(*switches))
            yield Browser(driver, process.pid)
        finally:
            if driver is not None:
                driver.quit()
            process.terminate()
            process.wait(PATIENCE_S)


def _options(*switches: str) -> Options:
    options = Options()
    options.binary_location = str(CHROMIUM)
    for switch in ("--headless=new", "--window-size=1024,600", "--hide-scrollbars", *switches):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return options


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1.0).close()
    except OSError:
        return False
    return True
