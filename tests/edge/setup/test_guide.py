"""`clockface provision` with a person at a terminal: asks, explains, shows, is interrupted and goes on."""

import io
import json
import os
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.cli.provision_guide import EXIT_WAITING
from edge.errors import BundleRefused
from edge.store.keys import load_keyring
from sync.wire.documents import open_document
from sync.wire.fields import format_time
from sync.wire.provisioning import DeviceRequest
from tests.clockface.cli.test_config import run
from tests.edge.cli.test_provision import HERE, Authority
from tests.edge.device import ROOT, astronaut, recording, standing
from tests.edge.setup.terminal import Terminal

ANSWERS = (  # question, what is typed first and the complaint, what is typed then
    ("Site (", "Madrid!", "that does not fit: Site (lower-case letters", "madrid"),
    ("This kiosk's name", "", "", "kiosk-7"),
    ("Where it hangs", "", "", "Main entrance, ground floor"),
    ("Time zone", "Mars/Base", "IANA", "Europe/Madrid"),
    ("Language of the screen", "tlh", "'en'", "es"),
    ("Camera [", "eye", "'v4l2'", "replay"),
)


class Machine:
    """A fresh machine in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state, self.tls = folder, folder / "state", folder / "tls"
        self.config, self.stick = folder / "clockface.toml", folder / "stick"
        self.pictures = recording(folder / "pictures", standing(astronaut(), 8))

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CLOCKFACE_")}
        paths = {"STATE": self.state, "RUN": self.folder / "run"}
        return kept | {
            "PYTHONPATH": str(ROOT),
            "TERM": "xterm",
            **{f"CLOCKFACE_PATHS__{name}": str(path) for name, path in paths.items()},
        }

    def provision(self, *arguments: str) -> Terminal:
        command = [sys.executable, "-m", "edge", "--config", str(self.config), "provision"]
        return Terminal(
            [*command, "--tls", str(self.tls), *arguments], environment=self.environment, cwd=self.folder
        )

    def request(self) -> DeviceRequest:
        """What this machine asks of the office."""
        own = load_keyring(state=self.state, environment={}, allow_environment=False).signing
        raw = (self.folder / "clockface-request.json").read_bytes().strip()
        return open_document(DeviceRequest, raw, keys={own.key_id: own.private.public_key()}, address=HERE)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Somebody has answered every question, and left off where the office is next."""
    made = Machine(tmp_path_factory.mktemp("machine"))
    with closing(made.provision()) as terminal:
        for question, wrong, complaint, right in ANSWERS:
            if wrong:
                terminal.answer(question, wrong)
                terminal.until(complaint)
            terminal.answer(question, right)
        terminal.answer("camera.replay_path", str(made.pictures))
        terminal.answer("What this kiosk records", "")
        terminal.answer("only kiosk", "perhaps")
        terminal.until("valid boolean")
        terminal.answer("only kiosk", "true")
        terminal.answer("Seconds within", "-5")
        terminal.until("greater than or equal to 0")
        terminal.answer("Seconds within", "")
        terminal.answer("Rotation of the screen", "")
        terminal.until("Stand in front of the camera")
        terminal.until("Camera")
        terminal.until("frames/s")
        terminal.until("a face was found")
        terminal.until("▄")
        terminal.until("The code is the whole request")
        terminal.until("This device's fingerprint:")
        terminal.until("Path of the office's bundle")
        terminal.interrupt("Interrupted; what is done stays")
        assert terminal.ended() == EXIT_WAITING
    return made


def test_what_was_typed_is_what_was_written_and_nothing_of_it_is_asked_again(machine: Machine) -> None:
    text = machine.config.read_text(encoding="utf-8")
    for line in ('site = "madrid"', 'name = "kiosk-7"', 'timezone = "Europe/Madrid"', "sole_kiosk = true"):
        assert line in text
    assert "Main entrance, ground floor" in text
    assert 'device = "es"' in (machine.folder / "screen.toml").read_text(encoding="utf-8")
    kept = json.loads((machine.state / "provisioning.json").read_text(encoding="utf-8"))
    assert {"files", "camera", "keys", "request"} <= set(kept["done"])
    assert "bundle" not in kept["done"]
    with closing(machine.provision()) as terminal:
        terminal.until("looked at before")
        terminal.until("Path of the office's bundle")
        assert "Site (" not in terminal.text
        terminal.interrupt("Interrupted; what is done stays")
        assert terminal.ended() == EXIT_WAITING


def test_a_dry_run_shows_what_would_be_done_and_does_nothing(machine: Machine) -> None:
    before = {path: path.stat().st_mtime_ns for path in machine.folder.rglob("*")}
    with closing(machine.provision("--dry-run")) as terminal:
        assert terminal.ended() == 0
    assert "Nothing is done; this would be:" in terminal.text
    assert "Request for the office (done" in terminal.text
    assert "Test event" in terminal.text
    assert {path: path.stat().st_mtime_ns for path in machine.folder.rglob("*")} == before


def test_who_leaves_off_among_the_questions_has_begun_nothing(tmp_path: Path) -> None:
    fresh = Machine(tmp_path)
    with closing(fresh.provision()) as terminal:
        terminal.answer("Site (", "madrid")
        terminal.until("This kiosk's name")
        terminal.interrupt("Interrupted before anything was done")
        assert terminal.ended() == EXIT_WAITING
    assert not fresh.state.exists()
    assert not fresh.config.exists()


Typed = Callable[..., tuple[int, str]]


@pytest.fixture
def typed(machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """`clockface provision` without a terminal; exit code and what it prints."""

    def command(*arguments: str, given: bytes = b"") -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        monkeypatch.chdir(machine.folder)
        paths = {name: value for name, value in machine.environment.items() if "CLOCKFACE" in name}
        where = ("--config", str(machine.config), "provision", "--tls", str(machine.tls))
        code = run(monkeypatch, *where, *arguments, **paths)
        out, err = capsys.readouterr()
        return code, " ".join((out + err).split())

    return command


def test_bundles_that_are_not_for_this_device_now_and_whole_are_refused_with_the_reason(
    machine: Machine, typed: Typed
) -> None:
    authority, request = Authority(), machine.request()
    past = datetime.now(UTC) - timedelta(days=9)
    good = authority.bundle(request)
    refused: dict[str, bytes] = {
        "it is for another device": authority.bundle(request, device="kiosk-8"),
        "it has expired": authority.bundle(
            request, issued=format_time(past), expires=format_time(past + timedelta(days=1))
        ),
        "it answers another request": authority.bundle(request, answers="0c" * 16),
        "it is not a bundle of an office": good[: len(good) // 2],
        "the bundle is refused": good.replace(b'"sig":"', b'"sig":"AAAA', 1),
    }
    file = machine.folder / "bundle.json"
    for reason, raw in refused.items():
        file.write_bytes(raw)
        code, said = typed("--bundle", str(file), "--office-fingerprint", authority.fingerprint)
        assert (code, reason in said) == (BundleRefused.exit_code, True), (reason, said)
        assert "Next: " in said
    assert not (machine.tls / "device.crt").exists()


def test_a_bundle_that_is_not_there_yet_is_waited_for_and_a_stick_is_searched(
    machine: Machine, typed: Typed
) -> None:
    authority, request = Authority(), machine.request()
    machine.stick.mkdir()
    (machine.stick / "holiday.jpg").write_bytes(b"\xff\xd8" * 999)
    (machine.stick / "theirs.json").write_bytes(authority.bundle(request, device="kiosk-8"))
    code, said = typed("--bundle", str(machine.stick))
    assert code == EXIT_WAITING
    assert "clockface-office device add clockface-request.json" in said
    (machine.stick / "bundle (1).json").write_bytes(authority.bundle(request))
    code, said = typed("--bundle", str(machine.stick))
    assert (code, "its fingerprint tells" in said) == (EXIT_WAITING, True)


def test_a_bundle_comes_from_standard_input_too_and_a_wrong_fingerprint_is_not_kept(
    machine: Machine, typed: Typed
) -> None:
    bundle = Authority().bundle(machine.request())
    code, said = typed("--bundle", "-", "--office-fingerprint", "0" * 32, given=bundle)
    assert (code, "signed with another key than the fingerprint says" in said) == (96, True)
    code, said = typed("--bundle", "-", given=bundle)
    assert (code, "its fingerprint tells" in said) == (EXIT_WAITING, True)
    code, said = typed("--bundle", "-", "--office-fingerprint", "0" * 32, given=b"")
    assert (code, "it is not a bundle of an office" in said) == (96, True)


def test_the_wrong_fingerprint_is_refused_and_the_right_one_takes_the_bundle(machine: Machine) -> None:
    authority = Authority()
    stick = machine.folder / "usb"
    stick.mkdir()
    (stick / "b.json").write_bytes(authority.bundle(machine.request()))
    with closing(machine.provision("--bundle", str(stick))) as terminal:
        terminal.answer("Type the office's fingerprint", "0" * 32)
        terminal.until("signed with another key than the fingerprint says")
        assert terminal.ended() == BundleRefused.exit_code
    with closing(machine.provision("--bundle", str(stick))) as terminal:
        spoken = " ".join(authority.fingerprint[i : i + 4] for i in range(0, 32, 4)).upper()
        terminal.answer("Type the office's fingerprint", spoken)
        terminal.until("believes the office Head office")
        terminal.until("clockface-sync")
        assert terminal.ended() == EXIT_WAITING
    assert (machine.tls / "device.crt").exists()
