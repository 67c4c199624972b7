"""`clockface init` makes a device's keys and ledger once, and never over something that is there."""

import json
import stat
from pathlib import Path

import pytest

from edge.store.keys import KEY_FILES, load_keyring
from edge.store.store import ledger_path, open_store
from edge.types.identity import DeviceId
from tests.clockface.cli.test_config import run
from tests.edge.store.given import fernet_key
from tests.fakes import ManualClock


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "var" / "clockface"


@pytest.fixture
def settings(state: Path) -> dict[str, str]:
    return {
        "CLOCKFACE_PATHS__STATE": str(state),
        "CLOCKFACE_DEVICE__NAME": "kiosk-7",
        "CLOCKFACE_DEVICE__SITE": "madrid",
    }


def test_it_makes_keys_and_a_ledger_that_opens(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], state: Path, settings: dict[str, str]
) -> None:
    assert run(monkeypatch, "init", "--json", **settings) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["site"], said["device"], said["ledger"]) == ("madrid", "kiosk-7", str(ledger_path(state)))
    assert {Path(path).name for path in said["keys_created"]} == set(KEY_FILES)
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    keys = load_keyring(state=state, environment={}, allow_environment=False)
    assert said["signing_key"] == keys.signing.key_id
    store = open_store(
        ledger_path(state), keyring=keys, clock=ManualClock(), device=DeviceId("kiosk-7"), site="madrid"
    )
    assert store.events.head().epoch == said["epoch"]
    assert store.verify().intact
    store.close()


def test_a_second_run_changes_nothing_and_names_the_next_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], state: Path, settings: dict[str, str]
) -> None:
    assert run(monkeypatch, "init", **settings) == 0
    before = {path: path.read_bytes() for path in state.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert run(monkeypatch, "init", **settings) == 40
    assert "clockface run" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in state.rglob("*") if path.is_file()} == before


def test_an_interrupted_run_is_taken_up_with_the_keys_that_are_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], state: Path, settings: dict[str, str]
) -> None:
    assert run(monkeypatch, "init", **settings) == 0
    ledger_path(state).unlink()
    before = {name: (state / "keys" / name).read_text() for name in KEY_FILES}
    capsys.readouterr()
    assert run(monkeypatch, "init", "--json", **settings) == 0
    assert json.loads(capsys.readouterr().out)["keys_created"] == []
    assert {name: (state / "keys" / name).read_text() for name in KEY_FILES} == before


def test_keys_of_the_environment_are_used_where_they_are_allowed_and_no_others_are_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], state: Path, settings: dict[str, str]
) -> None:
    keys = {"DATA_ENCRYPTION_KEY": fernet_key(), "FACE_DATA_ENCRYPTION_KEY": fernet_key()}
    allowed = {"CLOCKFACE_KEYS__ALLOW_ENVIRONMENT": "true"}
    assert run(monkeypatch, "init", **settings, **keys, **allowed) == 0
    assert [path.name for path in (state / "keys").iterdir()] == ["device_signing_key"]
    printed = capsys.readouterr()
    assert not any(key in printed.out + printed.err for key in keys.values())


def test_no_key_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], state: Path, settings: dict[str, str]
) -> None:
    assert run(monkeypatch, "init", **settings) == 0
    printed = capsys.readouterr()
    for name in KEY_FILES:
        assert (state / "keys" / name).read_text().strip() not in printed.out + printed.err
