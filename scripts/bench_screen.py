"""Measures the screen: from an announcement to the browser's paint, and what the screen's process weighs.

Run it from the root, after `scripts/setup dev`: `.venv/bin/python -m scripts.bench_screen [ROUNDS]`. Edge is
the local API's own server with announcements made here; screen process and Chromium are real.
"""

import sys
import tempfile
import time
from pathlib import Path

from edge.api.server import ApiServer
from edge.api.stage import Stage
from edge.config import ApiConfig
from tests.edge.api.small_edge import SmallEdge
from tests.edge.kiosk import given
from tests.edge.kiosk.browser import Browser, browser, until
from tests.edge.kiosk.screen_process import screen

PAINTED = """
    const {painted, number, paintedAt} = document.body.dataset;
    const there = document.getElementById("headline").textContent.includes(arguments[0]);
    return there && painted === number ? Number(paintedAt) : null;
"""


def greeted_ms(stage: Stage, page: Browser, name: str) -> float:
    """Announce a committed record; returns the milliseconds until its greeting was painted."""
    began_ms = time.time() * 1000
    stage.announce(given.recorded(name))
    painted_ms = until(lambda: page.script(PAINTED, f"{name}\u2069"), what="the greeting")
    return float(painted_ms) - began_ms


def main() -> int:
    """Measure and print."""
    rounds = int(sys.argv[1]) if sys.argv[1:] else 100
    stage = Stage()
    with tempfile.TemporaryDirectory(prefix="cf-") as folder, browser() as page:
        run = Path(folder)
        server = ApiServer(service=SmallEdge(), stage=stage, run=run, config=ApiConfig())
        server.start()
        with screen(run, run / "s") as shown:
            stage.announce(given.attract())
            page.open(shown.address)
            page.shows("attract")
            took = sorted(greeted_ms(stage, page, f"Person{index}") for index in range(rounds))
            status = Path(f"/proc/{shown.process.pid}/status").read_text().split("VmRSS:")[1].split()[0]
        server.close()
    print(f"announcement to paint, {rounds} greetings: median {took[rounds // 2]:.0f} ms, ", end="")
    print(f"p95 {took[rounds * 95 // 100]:.0f} ms, most {took[-1]:.0f} ms")
    print(f"screen process: {int(status) / 1024:.0f} MiB resident")
    return 0


if __name__ == "__main__":
    sys.exit(main())
