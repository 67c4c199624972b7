"""Traces the screen: from the camera's time stamp to the browser's paint, and what screen and mirror cost.

Run from the root, after `scripts/setup dev`: `.venv/bin/python -m scripts.bench_screen [--walk-ups N]`. Daemon,
screen process and Chromium are real; the camera replays one public-domain portrait, again and again.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

import httpx

from edge.api.protocol.exchange import PREFIX, Role
from edge.api.server import ApiServer
from edge.api.stage import Stage
from edge.config.device import ApiConfig
from scripts.bench_badges import measure as badge_measure
from tests.edge.api.small_edge import SmallEdge
from tests.edge.device import Device, astronaut, enrol, nobody, recording, standing
from tests.edge.kiosk import given
from tests.edge.kiosk.browser import Browser, browser, until
from tests.edge.kiosk.screen_process import screen

TRACE: Final = """
    window.trace = [];
    new MutationObserver(() => {
      const {state, captured, paintedAt} = document.body.dataset;
      if (state === "recorded") window.trace.push([Number(captured), Number(paintedAt)]);
    }).observe(document.body, {attributes: true, attributeFilter: ["data-painted-at"]});
"""
PAINTED: Final = """
    const {painted, number, paintedAt, state} = document.body.dataset;
    return painted === number && state === arguments[0] ? Number(paintedAt) : null;
"""
PREVIEW_S: Final = 10.0
TICKS: Final = os.sysconf("SC_CLK_TCK")


def said(values: Sequence[float]) -> str:
    """Median and p95 of milliseconds."""
    ordered = sorted(values)
    return f"median {ordered[len(ordered) // 2]:.0f} ms, p95 {ordered[len(ordered) * 95 // 100]:.0f} ms"


def resident_mib(pid: int) -> float:
    """What a process holds in memory."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) / 1024


def cpu_s(pid: int) -> float:
    """Processor time that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def trace(page: Browser, folder: Path, walk_ups: int) -> None:
    """Walk-ups with everything real: camera stamp, record, paint."""
    portrait = astronaut()
    frames = recording(folder / "faces", nobody(20), standing(portrait, 20))
    camera = {"replay_path": str(frames), "replay_pace": "realtime"}
    device = Device(folder, camera=camera).provision()
    with device.running(), screen(device.run, folder / "s", look={"greeting_s": 1.0}) as shown:
        enrol(device, portrait, name="Eileen Collins", number="1")
        page.open(shown.address)
        page.script(TRACE)
        watcher = device.watch()
        until(lambda: len(watcher.confirmed) >= walk_ups, what="the walk-ups", patience_s=10.0 * walk_ups)
        until(lambda: len(dict(page.script("return window.trace"))) >= walk_ups, what="the last paint")
        painted = dict(reversed(page.script("return window.trace")))  # the first paint of each counts
        boot_ms = time.time() * 1000 - time.clock_gettime(time.CLOCK_BOOTTIME) * 1000
        lines = [line for line in watcher.lines if line.notice == "recorded" and line.recorded and line.verdict]
        pairs: list[tuple[Any, float]] = [
            (line, painted[line.verdict.decided_s])
            for line in lines
            if line.verdict and line.verdict.decided_s in painted
        ]
        print(f"{len(pairs)} of {len(lines)} walk-ups were painted as recorded")
        stamps = [at_ms - line.verdict.decided_s * 1000 - boot_ms for line, at_ms in pairs]
        records = [at_ms - line.recorded.at.timestamp() * 1000 for line, at_ms in pairs]
        print(f"stamp of the frame that decided, to paint: {said(stamps)}")
        print(f"record made (commit included), to paint: {said(records)}")
        print(f"screen process: {resident_mib(shown.process.pid):.0f} MiB resident")


def preview(folder: Path) -> None:
    """The daemon's processor time without and with somebody at the mirror, in turn."""
    frames = recording(folder / "faces", standing(astronaut(), 30))
    camera = {"replay_path": str(frames), "replay_pace": "realtime"}
    with Device(folder, camera=camera).provision().running() as daemon:
        pid, spent = daemon.process.pid, {False: 0.0, True: 0.0}
        time.sleep(3.0)
        for watched in (False, True, True, False, False, True):
            over = Event()
            reader = Thread(target=_read, args=(folder / "run", over), daemon=True)
            if watched:
                reader.start()
            time.sleep(1.0)
            began_s = cpu_s(pid)
            time.sleep(PREVIEW_S)
            spent[watched] += cpu_s(pid) - began_s
            over.set()
            if watched:
                reader.join(5.0)
        share = (spent[True] - spent[False]) / (3 * PREVIEW_S)
        print(f"mirror at 15 pictures a second: {share:.1%} of one core of the daemon's", end=" ")
        print(f"({spent[False] / (3 * PREVIEW_S):.0%} without it)")


def _read(run: Path, over: Event) -> None:
    transport = httpx.HTTPTransport(uds=str(run / Role.SCREEN.socket_name))
    with (
        httpx.Client(transport=transport, timeout=10.0) as client,
        client.stream("GET", f"http://edge{PREFIX}/preview") as answer,
    ):
        for _ in answer.iter_raw():
            if over.is_set():
                return


def prompt(page: Browser, folder: Path, times: int) -> None:
    """A badge in view to the question, and the question to the pad's paint."""
    (folder / "ledger").mkdir()
    waits, _ = badge_measure(times, folder / "ledger")
    stage, painted = Stage(), []
    server = ApiServer(service=SmallEdge(), stage=stage, run=folder, config=ApiConfig())
    server.start()
    with screen(folder, folder / "s") as shown:
        page.open(shown.address)
        for index in range(times):
            stage.announce(given.recorded("Amina"))
            until(lambda: page.script(PAINTED, "recorded"), what="a greeting")
            began_ms = time.time() * 1000
            stage.announce(given.enter_pin(f"{index:032x}"))
            painted.append(until(lambda: page.script(PAINTED, "enter_pin"), what="the pad") - began_ms)
    server.close()
    print(f"badge in view to the question: {said([wait * 1000 for wait in waits])} of {times}")
    print(f"the question to the pad painted: {said(painted)}")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench_screen", description=__doc__)
    parser.add_argument("--walk-ups", type=int, default=40, help="how many (about 3 s each)")
    parser.add_argument("--only", choices=("trace", "prompt", "mirror"), help="one of the three")
    asked = parser.parse_args()
    if asked.only in {None, "trace", "prompt"}:
        with browser() as page:
            for name, measure, times in (
                ("trace", trace, asked.walk_ups),
                ("prompt", prompt, max(5, asked.walk_ups // 4)),
            ):
                if asked.only in {None, name}:
                    with tempfile.TemporaryDirectory(prefix="cf-") as folder:
                        measure(page, Path(folder), times)
    if asked.only in {None, "mirror"}:
        with tempfile.TemporaryDirectory(prefix="cf-") as folder:
            preview(Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
