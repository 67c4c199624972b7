"""What goes wrong on a wall: kills, hangs, full disks, jumping clocks, power cuts; one function a row."""

import os
import subprocess
import time
from pathlib import Path
from typing import Final

from scripts.appliance_proof.machine import ProofFailed
from scripts.appliance_proof.site import EDGE, SCREEN, SYNC, Site

SHIM: Final = Path(__file__).with_name("moved_clock.c")
WATCHDOG_S: Final = {EDGE: 30.0, SYNC: 90.0}
ABORT_S: Final = {EDGE: 20.0, SYNC: 15.0}  # TimeoutStopSec: how long a hung process may take over SIGABRT
MAY_TAKE_S: Final = 15.0
MOST_STOP_S: Final = 3.0
WITHOUT_ROOM_S: Final = 20.0


def hung(site: Site) -> str:
    """SIGSTOP: alive, and silent."""
    stopped = {unit: site.kiosk.signal(unit, "STOP") for unit in (EDGE, SYNC)}
    began, took = time.monotonic(), {}
    for unit, pid in stopped.items():
        within = WATCHDOG_S[unit] + ABORT_S[unit] + MAY_TAKE_S
        site.kiosk.until(
            lambda unit=unit, pid=pid: site.kiosk.active(unit) and site.kiosk.pid(unit) not in (0, pid),  # type: ignore[misc]
            f"{unit} is killed and back",
            within_s=within,
        )
        took[unit] = time.monotonic() - began
    site.ready()
    reasons = site.kiosk.ask("journalctl", "-q", "-o", "cat", "-u", EDGE, "-u", SYNC, "-g", "Watchdog timeout")
    if len(reasons.strip().splitlines()) < 2:
        raise ProofFailed("systemd does not say that it was the watchdog")
    return f"edge back after {took[EDGE]:.0f} s, sync after {took[SYNC]:.0f} s; {site.verified()}"


def killed(site: Site) -> str:
    """Kill -9, both at once."""
    site.next_record()
    before = {unit: site.kiosk.signal(unit, "KILL") for unit in (EDGE, SYNC)}
    site.kiosk.until(lambda: site.kiosk.pid(EDGE) not in (0, before[EDGE]), "edge is back", within_s=MAY_TAKE_S)
    took = site.ready()
    site.next_record()
    return f"ready again after {took + 0.0:.1f} s more; {site.verified()}; {site.delivered()}"


def stopped(site: Site) -> str:
    """A graceful stop within seconds, and everything comes again."""
    began = time.monotonic()
    site.kiosk.do("systemctl", "stop", "clockface.target")
    gone = lambda: all(site.kiosk.show(unit, "ActiveState") == "inactive" for unit in (EDGE, SYNC, SCREEN))  # noqa: E731
    site.kiosk.until(gone, "edge, sync and screen are stopped", within_s=20, every_s=0.05)
    took = time.monotonic() - began
    site.kiosk.do("systemctl", "start", "clockface.target")
    site.ready()
    if took > MOST_STOP_S:
        raise ProofFailed(f"it took {took:.1f} s")
    return f"stopped in {took:.1f} s; {site.verified()}"


def full_disk(site: Site) -> str:
    """No room: nothing is confirmed that is not stored; and it goes on when there is room."""
    kiosk = site.kiosk
    site.next_record()
    restarts, pid = kiosk.show(EDGE, "NRestarts"), kiosk.pid(EDGE)
    before = len(kiosk.punches())
    kiosk.until(lambda: _without_room(kiosk.disk), "the disk is full", within_s=20, every_s=0.05)
    try:
        time.sleep(WITHOUT_ROOM_S)
        during = len(kiosk.punches()) - before
        told = kiosk.ask("journalctl", "-q", "-o", "cat", "-u", EDGE, "-g", "LedgerDiskFull").strip()
    finally:
        subprocess.run(["mount", "-o", "remount,size=256M", str(kiosk.disk)], check=True)
    site.next_record()
    if (kiosk.show(EDGE, "NRestarts"), kiosk.pid(EDGE)) != (restarts, pid):
        raise ProofFailed("edge was started again")
    if not told:
        raise ProofFailed(f"{during} confirmed without room in {WITHOUT_ROOM_S:.0f} s, and the log is silent")
    return (
        f"{during} confirmed in {WITHOUT_ROOM_S:.0f} s without room, and the log says why; then recorded "
        f"again by itself; {site.verified()}; {site.delivered()}"
    )


def _without_room(disk: Path) -> bool:
    """Shrink a tmpfs to what it holds; False where somebody wrote between the question and the order."""
    status = os.statvfs(disk)
    size = (status.f_blocks - status.f_bfree) * status.f_frsize
    done = subprocess.run(["mount", "-o", f"remount,size={size}", str(disk)], capture_output=True, check=False)
    return done.returncode == 0


def power_cut(site: Site) -> str:
    """Every process ended in the middle of writing; three times."""
    kept = set()
    for _ in range(3):
        site.next_record()
        kept |= {(each["epoch"], each["seq"]) for each in site.kiosk.punches()}
        site.kiosk.cut_power()
        site.kiosk.boot()
        site.ready()
        now = {(each["epoch"], each["seq"]) for each in site.kiosk.punches()}
        if not kept <= now:
            raise ProofFailed(f"confirmed records are gone: {sorted(kept - now)}")
        site.verified()
    return f"3 cuts, {len(kept)} confirmed records stand; {site.verified()}; {site.delivered()}"


def clock_jump(site: Site) -> str:
    """A month back, then two days ahead."""
    kiosk = site.kiosk
    place = kiosk.root / "usr/lib/proof"
    place.mkdir(exist_ok=True)
    shim = ["gcc", "-O2", "-shared", "-fPIC", "-o", str(place / "moved_clock.so"), str(SHIM)]
    try:
        subprocess.run(shim, check=True, capture_output=True)
    except FileNotFoundError:
        raise ProofFailed("gcc is not installed. Next: apt-get install gcc libc6-dev") from None
    moved = place / "clock"
    moved.write_text("0\n", encoding="ascii")
    drop_in = kiosk.root / "etc/systemd/system/clockface-edge.service.d/clock.conf"
    drop_in.parent.mkdir(exist_ok=True)
    drop_in.write_text("[Service]\nEnvironment=LD_PRELOAD=/usr/lib/proof/moved_clock.so\n", encoding="ascii")
    try:
        kiosk.do("systemctl", "daemon-reload")
        kiosk.do("systemctl", "restart", EDGE)
        site.ready()
        for days in (-30, 2):
            moved.write_text(f"{days * 86400:d}\n", encoding="ascii")
            site.next_record()
    finally:
        drop_in.unlink()
        kiosk.do("systemctl", "daemon-reload")
        kiosk.do("systemctl", "restart", EDGE)
    site.ready()
    return f"records went on; {site.verified()}; {site.delivered()}"


def reboot(site: Site) -> str:
    """Everything comes by itself."""
    took = site.kiosk.reboot()
    site.ready()
    began = int(site.kiosk.show(EDGE, "ExecMainStartTimestampMonotonic"))
    ready = int(site.kiosk.show(EDGE, "ActiveEnterTimestampMonotonic"))
    site.next_record()
    return f"up in {took:.1f} s, edge READY {(ready - began) / 1e6:.1f} s after its start; {site.verified()}"
