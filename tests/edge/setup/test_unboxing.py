"""The transcript of docs/operations.md, replayed for real: office, broker, daemon, courier."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.daemon.room import Level, level_of
from scripts.demo_office import Office, free_port
from tests.edge.device import ROOT, astronaut, nobody, recording, standing

PAGE = ROOT / "docs" / "operations.md"
MODULES = {"clockface": "edge", "clockface-office": "sync.office", "clockface-sync": "sync"}
COMMAND_S = 120.0


def transcript() -> list[tuple[str, list[str]]]:
    """Each command of the page with the lines that must come."""
    (block,) = re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    found: list[tuple[str, list[str]]] = []
    for line in block.splitlines():
        prompt = re.match(r"(?:kiosk|office)\$ (.*)", line)
        if prompt:
            found.append((prompt[1], []))
        else:
            found[-1][1].append(line)
    return found


class Premises:
    """A kiosk's and an office's folder, and commands as they are typed there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fingerprints: dict[str, str] = {}
        self.running: list[subprocess.Popen[bytes]] = []
        self.office = Office(folder, free_port(), lambda *_: None)
        answers = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[0]
        camera = f'source = "replay"\nreplay_path = "{folder / "pictures"}"\nreplay_loop = true\nfps = 15'
        assert 'source = "v4l2"' in answers
        paths = f'[paths]\nstate = "{folder / "state"}"\nrun = "{folder / "run"}"\ntls = "{folder / "tls"}"\n'
        text = answers.replace('source = "v4l2"', camera) + paths + '[liveness]\npolicy = "off"\n'
        (folder / "answers.toml").write_text(text, encoding="utf-8")
        recording(folder / "pictures", nobody(4), standing(astronaut(), 8))

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CLOCKFACE_")}
        return kept | {
            "PYTHONPATH": str(ROOT),
            "CLOCKFACE_CONFIG": str(self.folder / "clockface.toml"),
            "CLOCKFACE_SYNC_CONFIG": str(self.folder / "sync.toml"),
            "CLOCKFACE_OFFICE_CONFIG": str(self.office.config),
        }

    def type(self, command: str) -> str:
        """What a command prints; one that ends with & stays running."""
        for name, fingerprint in self.fingerprints.items():
            command = command.replace(name, f'"{fingerprint}"')
        program, *arguments = shlex.split(command.removesuffix("&"))
        argv = [sys.executable, "-m", MODULES[program], *arguments]
        if command.endswith("&"):
            with (self.folder / f"{program}.log").open("ab") as log:
                self.running.append(
                    subprocess.Popen(argv, cwd=self.folder, env=self.environment(), stdout=log, stderr=log)
                )
            self.settled()
            return ""
        done = subprocess.run(
            argv,
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
        self.learn(done.stdout)
        return done.stdout + done.stderr

    def learn(self, output: str) -> None:
        for name, pattern in (
            ("KIOSKS-FINGERPRINT", r"This device's fingerprint: ([0-9a-f ]{39})"),
            ("OFFICES-FINGERPRINT", r"office's fingerprint: ([0-9a-f ]{39})"),
        ):
            if told := re.search(pattern, output):
                self.fingerprints[name] = told[1]

    def settled(self) -> None:
        """Until the daemon has made its socket."""
        until = time.monotonic() + 30
        while not (self.folder / "run" / "staff.sock").exists() and time.monotonic() < until:
            time.sleep(0.1)

    def close(self) -> None:
        for process in reversed(self.running):
            process.terminate()
            process.wait(30)


@pytest.fixture
def premises() -> Iterator[Premises]:
    with tempfile.TemporaryDirectory(prefix="cf-") as folder:
        made = Premises(Path(folder))
        try:
            yield made
        finally:
            made.close()


def test_facility_staff_come_from_the_box_to_a_confirmed_test_event(
    premises: Premises, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = shutil.disk_usage(tempfile.gettempdir())
    if level_of(used=disk.used, free=disk.free) is not Level.ROOMY:
        pytest.skip("the disk of this machine is 80 % full: the kiosk says so, and doctor fails as it must")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    premises.office.set_up()
    commands = transcript()
    assert len(commands) < 10
    began = time.monotonic()
    with premises.office.open():
        for command, expected in commands:
            printed = premises.type(command)
            lines = [" ".join(line.split()) for line in printed.splitlines()]
            for line in expected:
                wanted = " ".join(line.split())
                assert any(each.startswith(wanted) for each in lines), (command, wanted, printed)
    assert time.monotonic() - began < 300
