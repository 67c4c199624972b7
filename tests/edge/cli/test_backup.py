"""`clockface backup` with the real daemon: made while it works, checked, and restored over a lost ledger."""

import json
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.store.keyplace import KeyFiles
from edge.store.keys import DATA_FILE, FACE_FILE
from tests.edge.device import Device, nobody, recording


@pytest.fixture
def device() -> Iterator[Device]:
    with tempfile.TemporaryDirectory(prefix="cf-") as folder:
        lab = Path(folder)
        pictures = recording(lab / "pictures", nobody(8))
        (lab / "passphrase").write_text("a passphrase of the test, long enough\n")
        yield Device(lab, camera={"replay_path": str(pictures), "replay_pace": "realtime"}).provision()


def test_made_while_it_works_checked_and_restored(device: Device) -> None:
    lab = device.folder
    private, passphrase = str(lab / "recovery.age"), ["--passphrase-file", str(lab / "passphrase")]
    made = device.clockface("backup", "key", "--out", private, *passphrase)
    assert made.returncode == 0, made.stderr
    assert device.clockface("backup", "key", "--out", str(lab / "second"), *passphrase).returncode == 52
    with device.running() as daemon:
        created = device.clockface("backup", "create", "--to", str(lab))
        assert created.returncode == 0, created.stderr
        (backup,) = lab.glob("clockface-lab-door-*.age")
        restore = ("backup", "restore", str(backup), "--key", private, *passphrase, "--confirm")
        assert device.clockface(*restore, "door").returncode == 45  # the daemon has the ledger
        unset = device.clockface("backup", "create", "--if-configured")
        assert (unset.returncode, unset.stdout[:10]) == (0, "No backup:"), unset.stderr
        shelf, old = lab / "shelf", lab / "shelf" / "clockface-lab-door-20200101T000000Z.age"
        shelf.mkdir()
        old.write_bytes(b"sealed")
        with device.config.open("a") as file:
            file.write(f'\n[backup]\nfolder = "{shelf}"\n')
        with device.client() as client:
            vouched = client.status().clock.trust != "unsynchronised"
        shelved = device.clockface("backup", "create")
        assert shelved.returncode == 0, shelved.stderr
        assert old.exists() is not vouched
        assert ("clock cannot be trusted" in shelved.stderr) is not vouched
        kept = device.clockface("privacy", "retention", "--json")
        if kept.returncode == 0:
            assert json.loads(kept.stdout)["complete"]
        else:  # a machine that synchronises its clock with nobody
            assert (kept.returncode, "clock cannot be trusted" in kept.stderr) == (60, True)
        report = device.clockface("privacy", "report", "--json")
        assert json.loads(report.stdout)["last_backup"] is not None, report.stderr
        daemon.terminate()
    assert not list(lab.glob(".*"))
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    verified = device.clockface("backup", "verify", str(backup), "--key", private, *passphrase)
    assert verified.returncode == 0, verified.stderr
    wrong = device.clockface(*restore, "window")
    assert wrong.returncode == 48
    before = (device.state / "ledger.db").read_bytes()
    restored = device.clockface(*restore, "door")
    assert restored.returncode == 0, restored.stderr
    assert "(restored)" in restored.stdout
    assert (device.state / "ledger.db.replaced.1").read_bytes() == before
    said = created.stdout + verified.stdout + restored.stdout + restored.stderr
    keys = [KeyFiles(device.state / "keys").read(name) for name in (DATA_FILE, FACE_FILE)]
    assert not [key for key in keys if key in said]
    with device.running() as daemon:
        with device.client() as client:
            assert client.verify_ledger().problems == ()
        daemon.terminate()
