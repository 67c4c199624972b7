"""Measures what each kiosk browser weighs: the real page, `scripts/kiosk-browser`, and no display.

Run from the root: `.venv/bin/python -m scripts.bench_browsers [chromium] [cog]`. As root it runs the browser as
`nobody`, so that it keeps its sandbox, which is looked for. cage draws in memory (headless, pixman).
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from edge.api.server import ApiServer
from edge.api.stage import Stage
from edge.camera.preview import Picture, Preview
from edge.config.camera import PreviewConfig
from edge.config.device import ApiConfig
from edge.kiosk.screen.ticket import START_FILE
from edge.types.faces import Coaching, Frame
from tests.edge.api.small_edge import SmallEdge
from tests.edge.kiosk import given
from tests.edge.kiosk.browser import NOBODY, until
from tests.edge.kiosk.screen_process import screen

ROOT: Final = Path(__file__).parents[1]
SETTLE_S: Final = 15.0
MIB: Final = 1024.0


class CountedPreview(Preview):
    """Tells whether somebody looks."""

    asked = 0

    def picture(self) -> Picture | None:
        """The newest picture."""
        self.asked += 1
        return super().picture()


@dataclass(frozen=True)
class Weight:
    """What a tree of processes weighs.

    Args:
        processes: How many.
        pss_mib: Proportional, which is what they take together.
        rss_mib: Resident, shared pages counted in each.
        confined: How many run under a seccomp filter.
    """

    processes: int
    pss_mib: float
    rss_mib: float
    confined: int


def tree(root: int) -> list[int]:
    """A process and all that it started."""
    parents = {}
    for each in Path("/proc").iterdir():
        if each.name.isdigit():
            try:
                parents[int(each.name)] = int((each / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it has just ended
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def weigh(root: int) -> Weight:
    """What a tree of processes weighs now."""
    pss = rss = confined = count = 0
    for pid in tree(root):
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        if "\nPss:" not in rollup:
            continue
        count += 1
        pss += int(rollup.split("\nPss:")[1].split()[0])
        rss += int(rollup.split("\nRss:")[1].split()[0])
        confined += status.split("\nSeccomp:")[1].split()[0] == "2"
    return Weight(count, pss / MIB, rss / MIB, confined)


@contextmanager
def kiosk(name: str, start: Path, home: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The browser as the unit starts it, on a display in memory."""
    user: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    environment = {
        "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TMPDIR": str(home), "RUNTIME_DIRECTORY": str(home),
        "CLOCKFACE_START": str(start), "CLOCKFACE_BROWSER": name, "WLR_BACKENDS": "headless",
        "WLR_RENDERER": "pixman", "WLR_LIBINPUT_NO_DEVICES": "1",
    }  # fmt: skip
    process = subprocess.Popen(
        [str(ROOT / "scripts" / "kiosk-browser")],
        cwd=home,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        **user,
    )
    try:
        yield process
    finally:
        try:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


def measure(name: str, *, run: Path, stage: Stage, preview: CountedPreview) -> tuple[Weight, Weight]:
    """What a browser weighs with the clock alone, and with the mirror at its full pace."""
    frames = [np.full((480, 640, 3), shade, np.uint8) for shade in range(60, 200, 10)]
    with tempfile.TemporaryDirectory(prefix="cf-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        home.chmod(0o700)
        with screen(run, run / name) as shown:
            start = home / START_FILE
            shutil.copy(shown.folder / START_FILE, start)
            if os.geteuid() == 0:
                for path in (home, start):
                    os.chown(path, NOBODY, NOBODY)
            stage.announce(given.guidance(Coaching.LOOK_HERE))
            preview.offer(Frame(frames[0], 0.0, 0))
            asked = preview.asked
            with kiosk(name, start, home) as process:
                until(lambda: preview.asked > asked, what=f"the page in {name}", patience_s=60)
                stage.announce(given.attract())
                time.sleep(SETTLE_S)
                clock = weigh(process.pid)
                stage.announce(given.guidance(Coaching.LOOK_HERE))
                for index in range(round(SETTLE_S * 15)):
                    preview.offer(Frame(frames[index % len(frames)], float(index), index + 1))
                    time.sleep(1 / 15)
                return clock, weigh(process.pid)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench_browsers", description=__doc__)
    parser.add_argument("browsers", nargs="*", default=["chromium", "cog"])
    stage, preview = Stage(), CountedPreview(PreviewConfig(), mirrored=False)
    with tempfile.TemporaryDirectory(prefix="cf-") as folder:
        run = Path(folder)
        server = ApiServer(service=SmallEdge(), stage=stage, run=run, config=ApiConfig(), preview=preview)
        server.start()
        for name in parser.parse_args().browsers:
            for what, weight in zip(
                ("clock", "mirror"), measure(name, run=run, stage=stage, preview=preview), strict=True
            ):
                print(f"cage and {name}, {what}: {weight.pss_mib:.0f} MiB (proportional), ", end="")
                print(f"{weight.rss_mib:.0f} MiB (resident), {weight.processes} processes, ", end="")
                print(f"{weight.confined} of them under seccomp")
        server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
