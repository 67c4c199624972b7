"""Runs the real daemon for hours on recorded faces: memory, open files, latency, and bytes written to the disk.

People walk up again and again, are recognised and recorded. After a warm-up each figure's later half is held
against its earlier half. Trust boundary: none; everything is in a temporary folder.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import demo_recordings
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
MOST_HOURS = 72.0
WARM_UP = 0.1  # of the whole: caches fill, rings get full
MOST_GROWTH = 1.05  # resident memory, later half over earlier
MOST_SLOWER = 1.5  # medians of a machine that has other work to do
CONFIG = """\
[device]
site = "soak"
name = "kiosk"
timezone = "Europe/Madrid"

[paths]
state = "{folder}/state"
run = "{folder}/run"

[camera]
source = "replay"
replay_path = "{clip}"
replay_loop = true

[attendance]
repeat_s = 5.0
sole_kiosk = true
"""


@dataclass(frozen=True)
class Sample:
    """One look.

    Args:
        at_s: Since the daemon was ready.
        resident_mb: Its memory.
        files: Open descriptors.
        threads: Of the process.
        embed_ms: Median of the embedder's last runs.
        events: In the ledger.
        written: Bytes that it caused to be written to the disk.
        ledger: Size of the ledger with its WAL, bytes.
    """

    at_s: float
    resident_mb: float
    files: int
    threads: int
    embed_ms: float
    events: int
    written: int
    ledger: int


def main() -> int:
    """Run, look, judge."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--every", type=float, default=30.0, metavar="SECONDS")
    asked = parser.parse_args()
    if not 0 < asked.hours <= MOST_HOURS:
        parser.error(f"hours must be above 0 and at most {MOST_HOURS:.0f}")
    console = Console(highlight=False, width=110)
    with tempfile.TemporaryDirectory(prefix="clockface-soak-") as name:
        samples = _run(Path(name), seconds=asked.hours * 3600, every_s=asked.every, console=console)
    return _judge(samples, console)


def _run(folder: Path, *, seconds: float, every_s: float, console: Console) -> list[Sample]:
    material = demo_recordings.make(folder, cache=ROOT / ".cache" / "packages")
    config = folder / "clockface.toml"
    config.write_text(CONFIG.format(folder=folder, clip=material.morning), encoding="utf-8")
    command = [sys.executable, "-m", "edge", "--config", str(config)]
    _do(command, "init")
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen([*command, "run"], stdout=log, stderr=log)
        try:
            _until_ready(command)
            consent = ("--consent-how", "paper", "--consent-text-version", "1", "--consent-language", "en")
            photo = ("--photo", str(material.man_photos[0]))
            _do(command, "enroll", "--name", "Andrew Park", "--number", "1001", *photo, *consent)
            began, samples = time.monotonic(), []
            while (now_s := time.monotonic() - began) < seconds and daemon.poll() is None:
                samples.append(_look(command, daemon.pid, folder / "state", now_s))
                console.print(f"  {samples[-1]}", markup=False, style="dim")
                time.sleep(min(every_s, max(seconds - now_s, 0.1)))
            if daemon.poll() is not None:
                raise SystemExit(f"soak: the daemon ended:\n{(folder / 'log').read_text()[-2000:]}")
            return samples
        finally:
            daemon.terminate()
            daemon.wait(timeout=30)


def _look(command: list[str], pid: int, state: Path, now_s: float) -> Sample:
    status = json.loads(_do(command, "status", "--json"))
    proc = Path(f"/proc/{pid}")
    told = (line.split(":") for line in (proc / "io").read_text(encoding="ascii").splitlines())
    written = {name: int(value) for name, value in told}
    embed = [each["median_ms"] for each in status["stages"] if each["stage"] == "embed"]
    return Sample(
        at_s=round(now_s),
        resident_mb=status["resident_mb"],
        files=len(list((proc / "fd").iterdir())),
        threads=len(list((proc / "task").iterdir())),
        embed_ms=embed[0] if embed else 0.0,
        events=status["ledger"]["events"],
        written=written["write_bytes"] - written["cancelled_write_bytes"],
        ledger=sum(each.stat().st_size for each in state.glob("ledger.db*")),
    )


def _judge(samples: list[Sample], console: Console) -> int:
    warm = samples[max(1, round(len(samples) * WARM_UP)) :]
    if len(warm) < 4:
        raise SystemExit(
            "soak: too few looks to judge. Next: scripts/soak with more --hours or a shorter --every"
        )
    early, late = warm[: len(warm) // 2], warm[len(warm) // 2 :]
    table = Table("", "earlier half", "later half", "allowed", "", box=None, header_style="bold")
    well = True
    for name, most in (
        ("resident_mb", MOST_GROWTH),
        ("files", 1.0),
        ("threads", 1.0),
        ("embed_ms", MOST_SLOWER),
    ):
        before, after = (statistics.median(getattr(each, name) for each in half) for half in (early, late))
        fits = after <= before * most
        well &= fits
        table.add_row(name, f"{before:.1f}", f"{after:.1f}", f"x {most}", "ok" if fits else "GROWS")
    console.print(table)
    hours = (warm[-1].at_s - warm[0].at_s) / 3600
    events = warm[-1].events - warm[0].events
    written = warm[-1].written - warm[0].written
    a_day, an_event = written / 2**20 / hours * 24, written / max(events, 1) / 1024
    console.print(
        f"{warm[-1].at_s / 3600:.2f} h, {events / hours:.0f} events an hour; {an_event:.1f} KiB "
        f"written an event, {a_day:.0f} MiB a day at this pace; ledger {warm[-1].ledger / 2**20:.1f} MiB"
    )
    return 0 if well else 1


def _until_ready(command: list[str]) -> None:
    deadline = time.monotonic() + 120
    while subprocess.run([*command, "status"], capture_output=True, check=False, cwd=ROOT).returncode:
        if time.monotonic() > deadline:
            raise SystemExit("soak: the daemon does not answer within two minutes")
        time.sleep(1)


def _do(command: list[str], *arguments: str) -> str:
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, check=False, cwd=ROOT, timeout=300
    )
    if done.returncode != 0:
        raise SystemExit(f"soak: clockface {arguments[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
