"""Walk-ups leave nothing behind in page and process; an hour of them: scripts/soak_screen.py."""

from pathlib import Path

from edge.types.faces import Coaching
from tests.edge.kiosk import given
from tests.edge.kiosk.browser import Browser, needs_browser
from tests.edge.kiosk.screen_process import ScreenProcess
from tests.edge.kiosk.staged import Staged, opened, shown

pytestmark = needs_browser
WARM, MORE = 10, 60
MOST_NODES = 50  # of thousands: what garbage collection has not come to
MOST_HEAP_BYTES = 400_000
MOST_RESIDENT_KB = 6_000


def walk_ups(staged: Staged, browser: Browser, times: int) -> None:
    """Guided, asked for a PIN, recorded under a name that is new, gone."""
    for index in range(times):
        staged.say(given.guidance(Coaching.LOOK_HERE))
        staged.say(given.enter_pin(f"{index:032x}"))
        opened(browser, "pad")
        staged.say(given.recorded(f"Person {index}", messages=(f"Message {index}",)))
        browser.shows("recorded")
        staged.say(given.attract())


def weight(browser: Browser, process: ScreenProcess) -> tuple[float, float, int]:
    """Nodes and heap of the page after its rubbish was collected, and what the process holds."""
    browser.cdp("HeapProfiler.collectGarbage")
    metrics = {each["name"]: each["value"] for each in browser.cdp("Performance.getMetrics")["metrics"]}
    resident = Path(f"/proc/{process.process.pid}/status").read_text().split("VmRSS:")[1].split()[0]
    return metrics["Nodes"], metrics["JSHeapUsedSize"], int(resident)


def test_walk_ups_leave_nothing_behind(staged: Staged, browser: Browser) -> None:
    browser.cdp("Performance.enable")
    process = shown(staged, browser)
    walk_ups(staged, browser, WARM)
    before = weight(browser, process)
    walk_ups(staged, browser, MORE)
    nodes, heap, resident = (late - early for late, early in zip(weight(browser, process), before, strict=True))
    browser.cdp("Performance.disable")
    assert nodes < MOST_NODES
    assert heap < MOST_HEAP_BYTES
    assert resident < MOST_RESIDENT_KB
