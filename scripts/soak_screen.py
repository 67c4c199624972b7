"""Walk-ups for as long as asked: whether daemon, screen process or browser grow.

Run from the root: `.venv/bin/python -m scripts.soak_screen --minutes 60`. A person walks up every three seconds
before the real daemon; the real page greets them in Chromium. Ends with 1 if anything grew by more than its
bound after the first third, in which caches fill.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from scripts.bench_browsers import weigh
from scripts.bench_screen import resident_mib
from tests.edge.device import Device, astronaut, enrol, nobody, recording, standing
from tests.edge.kiosk.browser import Browser, browser
from tests.edge.kiosk.screen_process import screen

SAMPLE_S: Final = 5.0
MOST_MIB: Final = {"daemon": 8.0, "screen": 8.0, "page": 8.0, "browser": 60.0}


def heap_mib(page: Browser) -> float:
    """What the page's script holds after its rubbish was collected."""
    page.cdp("HeapProfiler.collectGarbage")
    return float(page.script("return performance.memory.usedJSHeapSize")) / 2**20


def main() -> int:
    """Walk up, weigh, print."""
    parser = argparse.ArgumentParser(prog="python -m scripts.soak_screen", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    minutes = parser.parse_args().minutes
    samples: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="cf-") as made, browser("--enable-precise-memory-info") as page:
        folder, portrait = Path(made), astronaut()
        frames = recording(folder / "faces", nobody(25), standing(portrait, 20))
        camera = {"replay_path": str(frames), "replay_pace": "realtime"}
        device = Device(folder, camera=camera).provision()
        with device.running() as daemon, screen(device.run, folder / "s", look={"greeting_s": 1.0}) as shown:
            enrol(device, portrait, name="Eileen Collins", number="1")
            page.open(shown.address)
            until_s = time.monotonic() + minutes * 60
            while time.monotonic() < until_s:
                time.sleep(SAMPLE_S)
                samples.append(
                    {
                        "daemon": resident_mib(daemon.process.pid),
                        "screen": resident_mib(shown.process.pid),
                        "page": heap_mib(page),
                        "browser": weigh(page.process_id).pss_mib,
                    }
                )
            with device.client() as staff:
                records = len(staff.punches().punches)
        complaints = page.complaints()
    print(f"{minutes:g} minutes, at least {records} records; errors in the page: {complaints or 'none'}")
    return max(int(bool(complaints)), *(grown(samples, name) for name in MOST_MIB))


def grown(samples: list[dict[str, float]], name: str) -> int:
    """Print what one of them weighed at the end of each third; 1 if the last is too far over the first."""
    third = max(1, len(samples) // 3)
    ends = [
        sorted(each[name] for each in samples[index * third : (index + 1) * third])[third // 2]
        for index in range(3)
    ]
    growth = ends[2] - ends[0]
    print(f"{name}: {' then '.join(f'{end:.1f}' for end in ends)} MiB (median of each third), {growth:+.1f}")
    return int(growth > MOST_MIB[name])


if __name__ == "__main__":
    sys.exit(main())
