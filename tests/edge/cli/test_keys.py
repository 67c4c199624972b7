"""`clockface keys` with the real daemon: new keys while people are there, one restart, and the way back."""

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.api.protocol.keys import RotationAsked
from edge.store.keyplace import KeyFiles, listed, stage
from edge.store.keys import DATA_FILE, FACE_FILE
from tests.edge.cli.watching import Witness, holding
from tests.edge.device import PATIENCE_S, ROOT, Device, astronaut, jpeg, nobody, recording

SECRETS = (DATA_FILE, FACE_FILE)


@pytest.fixture(scope="module")
def device() -> Iterator[Device]:
    with tempfile.TemporaryDirectory(prefix="cf-") as folder:
        lab = Path(folder)
        pictures = recording(lab / "pictures", nobody(8))
        made = Device(lab, camera={"replay_path": str(pictures), "replay_pace": "realtime"}).provision()
        with made.running() as daemon:
            photo = lab / "photo.jpg"
            photo.write_bytes(jpeg(astronaut()))
            consent = ["--consent-how", "paper", "--consent-text-version", "1", "--consent-language", "en"]
            enrolled = made.clockface(
                "enroll", "--name", "Ada Lovelace", "--number", "1", "--photo", str(photo), *consent
            )
            assert enrolled.returncode == 0, enrolled.stderr
            daemon.terminate()
        yield made


def place_of(device: Device) -> KeyFiles:
    return KeyFiles(device.state / "keys")


def through_a_restart(
    device: Device, *arguments: str, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command that restarts the daemon, and start it again as systemd does."""
    said: list[str] = []
    with device.running(**environment) as first:
        command = subprocess.Popen(
            [sys.executable, "-m", "edge", "--config", str(device.config), *arguments],
            cwd=ROOT, env=device.environment(**environment), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        reader = threading.Thread(target=lambda: said.extend(command.communicate()), daemon=True)
        reader.start()
        assert first.process.wait(2 * PATIENCE_S) == 0
    with device.running(**environment) as second:
        reader.join(2 * PATIENCE_S)
        with device.client() as client:
            assert client.verify_ledger().problems == ()
        second.terminate()
    assert not reader.is_alive()
    return subprocess.CompletedProcess(command.args, command.returncode, said[0], said[1])


def test_a_rotation_ends_with_one_new_key_each_and_everything_opens(device: Device) -> None:
    old, texts = listed(place_of(device)), [place_of(device).read(name) for name in SECRETS]
    witness = Witness(device.folder)
    with witness.watching():
        rotate = ("keys", "rotate", "--backup-dir", str(device.folder / "backup"))
        done = through_a_restart(device, *rotate, **witness.environment)
    assert done.returncode == 0, done.stderr
    new = listed(place_of(device))
    assert not new.staged
    assert not {*new.data, *new.face} & {*old.data, *old.face}
    assert "The kiosk was away for" in done.stdout
    assert "1 stored templates were recognised" in done.stdout
    texts += [place_of(device).read(name) for name in SECRETS]
    said = done.stdout + done.stderr + device.log.read_text(encoding="utf-8")
    assert not [key for key in texts if key in said]
    assert witness.told(texts) == []
    kept = {place_of(device).folder / name for name in SECRETS}
    assert holding(device.folder, texts) == kept, (
        "no key but the new ones lies anywhere, and those in their place"
    )
    assert list(witness.temporary.iterdir()) == []
    check = subprocess.run(
        ["sha256sum", "-c", "ledger.db.sha256"], cwd=device.folder / "backup", capture_output=True, check=False
    )
    assert check.returncode == 0
    assert {path.stat().st_mode & 0o777 for path in (device.folder / "backup").iterdir()} == {0o600}
    with device.running() as daemon:
        status = json.loads(device.clockface("keys", "status", "--json").stdout)
        assert [key["writes"] for key in status["keys"] if key["held"]] == [True, True]
        assert status["sealed"] is False
        again = device.clockface("keys", "rotate", "--backup-dir", str(device.folder / "backup"))
        assert again.returncode == 40
        assert "not overwritten" in again.stderr
        assert listed(place_of(device)) == new
        daemon.terminate()


def test_a_rotation_that_stopped_after_staging_is_resumed_or_rolled_back(device: Device) -> None:
    old = listed(place_of(device))
    new = stage(place_of(device))
    with device.running() as daemon:  # it has both keys, and writes with the new ones
        refused = device.clockface("keys", "rotate", "--backup-dir", str(device.folder / "b"))
        assert refused.returncode == 52
        assert "--resume" in refused.stderr
        dry = device.clockface("keys", "rotate", "--resume", "--dry-run")
        assert "Would go on" in dry.stdout
        assert listed(place_of(device)) == new
        with device.client() as client:
            client.rotate(RotationAsked(action="start"))
        daemon.kill()
    done = through_a_restart(device, "keys", "rollback")
    assert done.returncode == 0, done.stderr
    assert listed(place_of(device)) == old


def test_resume_without_a_restart_where_the_daemon_has_both_keys(device: Device) -> None:
    stage(place_of(device))
    with device.running() as daemon:
        done = device.clockface("keys", "rotate", "--resume")
        assert done.returncode == 0, done.stderr
        verified = device.clockface("keys", "verify")
        assert verified.returncode == 0, verified.stderr
        nothing = device.clockface("keys", "rollback")
        assert nothing.returncode == 52
        daemon.terminate()
    assert not listed(place_of(device)).staged


def test_generate_makes_nothing_where_everything_is(device: Device) -> None:
    before = [place_of(device).read(name) for name in SECRETS]
    made = device.clockface("keys", "generate")
    assert made.returncode == 0
    assert "none was made" in made.stdout
    assert before == [place_of(device).read(name) for name in SECRETS]
