"""Keys and ledger, on real key files and a real ledger."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from clockface.errors import SecretInvalid, SecretMissing
from edge.api.client import EdgeClient
from edge.api.server import ApiServer
from edge.api.stage import Stage
from edge.config.device import ApiConfig
from edge.config.tree import Config
from edge.doctor.daemon import Daemon, meet
from edge.doctor.findings import Health
from edge.doctor.ledger import check_ledger, file_version
from edge.doctor.secrets import check_keys, owner_of
from edge.errors import LedgerCorrupt, LedgerMissing, NotPermitted
from edge.store.keys import DATA_FILE, FACE_FILE, KEY_FILES, generate_keys, load_keyring
from edge.store.schema import NEWEST
from edge.store.store import create_store, ledger_path
from edge.types.identity import DeviceId
from tests.edge.api.small_edge import SmallEdge
from tests.fakes import ManualClock

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="giving files to another account takes root")


@pytest.fixture
def run() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cf-") as folder:
        yield Path(folder)


@pytest.fixture
def config(run: Path, tmp_path: Path) -> Config:
    return Config.model_validate({"paths": {"state": tmp_path / "state", "run": run}})


@pytest.fixture
def nobody(run: Path) -> Iterator[Daemon]:
    """No daemon runs."""
    with EdgeClient(run, timeout_s=2) as client:
        yield meet(client)


@pytest.fixture
def ledger(config: Config) -> Path:
    state = config.paths.state
    generate_keys(state)
    path = ledger_path(state)
    create_store(
        path,
        keyring=load_keyring(state=state, environment={}, allow_environment=False),
        clock=ManualClock(),
        device=DeviceId(config.device.name),
        site=config.device.site,
    ).close()
    return path


def keys(config: Config, daemon: Daemon, *, root: Path, environment: Mapping[str, str] | None = None) -> Health:
    finding = check_keys(config, environment or {}, daemon, root=root)
    for name in KEY_FILES:
        file = config.paths.state / "keys" / name
        if file.exists():
            assert file.read_text().strip() not in finding.found + finding.advice
    return finding.health


def test_keys_in_plain_files_are_valid_and_warned_of(
    config: Config, nobody: Daemon, tmp_path: Path, ledger: Path
) -> None:
    assert ledger.exists()
    finding = check_keys(config, {}, nobody, root=tmp_path)
    assert finding.health is Health.WARN
    assert "whoever takes the card" in finding.found
    assert keys(config, nobody, root=tmp_path) is Health.WARN


def test_missing_open_and_equal_keys_are_named_errors(config: Config, nobody: Daemon, tmp_path: Path) -> None:
    with pytest.raises(SecretMissing):
        check_keys(config, {}, nobody, root=tmp_path)
    generate_keys(config.paths.state)
    folder = config.paths.state / "keys"
    (folder / FACE_FILE).chmod(0o644)
    with pytest.raises(SecretInvalid, match="open to others"):
        check_keys(config, {}, nobody, root=tmp_path)
    (folder / FACE_FILE).unlink()
    (folder / FACE_FILE).write_bytes((folder / DATA_FILE).read_bytes())
    (folder / FACE_FILE).chmod(0o400)
    with pytest.raises(SecretInvalid, match="differ"):
        check_keys(config, {}, nobody, root=tmp_path)


def test_keys_of_the_environment_are_for_development(config: Config, nobody: Daemon, tmp_path: Path) -> None:
    generate_keys(config.paths.state)
    for name in (DATA_FILE, FACE_FILE):
        (config.paths.state / "keys" / name).unlink()
    environment = {
        "DATA_ENCRYPTION_KEY": Fernet.generate_key().decode(),
        "FACE_DATA_ENCRYPTION_KEY": Fernet.generate_key().decode(),
    }
    with pytest.raises(SecretMissing):
        check_keys(config, environment, nobody, root=tmp_path)
    allowed = config.model_copy(update={"keys": config.keys.model_copy(update={"allow_environment": True})})
    finding = check_keys(allowed, environment, nobody, root=tmp_path)
    assert finding.health is Health.WARN
    assert "environment" in finding.found
    assert not any(value in finding.found for value in environment.values())


def test_credentials_are_well_if_they_are_sealed(config: Config, nobody: Daemon, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    generate_keys(config.paths.state)
    credentials.mkdir()
    for name in KEY_FILES:
        (config.paths.state / "keys" / name).rename(credentials / name)
    environment = {"CREDENTIALS_DIRECTORY": str(credentials)}
    assert keys(config, nobody, root=tmp_path, environment=environment) is Health.WARN
    sealed = tmp_path / "etc/credstore.encrypted"
    sealed.mkdir(parents=True)
    for name in KEY_FILES:
        (sealed / name).touch()
    assert keys(config, nobody, root=tmp_path, environment=environment) is Health.OK
    assert keys(config, nobody, root=tmp_path) is Health.NOT_AVAILABLE
    running = Daemon(nobody.client, SmallEdge().status(), None)
    assert keys(config, running, root=tmp_path) is Health.OK


@root_only
def test_another_accounts_keys_and_ledger_are_left_to_that_account(
    config: Config, nobody: Daemon, tmp_path: Path, ledger: Path
) -> None:
    for path in (config.paths.state, ledger):
        os.chown(path, 1, 1)
    assert owner_of(ledger) == "daemon"
    assert keys(config, nobody, root=tmp_path) is Health.NOT_AVAILABLE
    finding = check_ledger(config, {}, nobody)
    assert finding.health is Health.NOT_AVAILABLE
    assert "sudo -u 'daemon' clockface doctor" in finding.found


def test_a_whole_ledger_is_well_and_looking_changes_nothing(
    config: Config, nobody: Daemon, ledger: Path
) -> None:
    before = ledger.read_bytes()
    finding = check_ledger(config, {}, nobody)
    assert finding.health is Health.OK
    assert "1 events in 1 epochs" in finding.found
    assert ledger.read_bytes() == before


def test_a_missing_or_torn_ledger_is_a_named_error(config: Config, nobody: Daemon, ledger: Path) -> None:
    content = ledger.read_bytes()
    ledger.write_bytes(content[:4096])
    with pytest.raises(LedgerCorrupt):
        check_ledger(config, {}, nobody)
    ledger.unlink()
    with pytest.raises(LedgerMissing):
        check_ledger(config, {}, nobody)


def test_an_older_ledger_is_not_migrated_by_looking(config: Config, nobody: Daemon, ledger: Path) -> None:
    assert file_version(ledger) == NEWEST
    content = bytearray(ledger.read_bytes())
    content[60:64] = (NEWEST - 1).to_bytes(4, "big")
    ledger.write_bytes(content)
    assert check_ledger(config, {}, nobody).health is Health.WARN
    assert ledger.read_bytes() == content


def test_a_file_that_is_no_database_has_no_version(tmp_path: Path) -> None:
    path = tmp_path / "x"
    assert file_version(path) is None
    path.write_bytes(b"x" * 200)
    assert file_version(path) is None
    path.write_bytes(b"SQLite format 3\x00")
    assert file_version(path) is None


def test_a_running_daemon_checks_its_own_ledger(config: Config, run: Path) -> None:
    kiosk = SmallEdge()
    server = ApiServer(service=kiosk, stage=Stage(), run=run, config=ApiConfig())
    server.start()
    try:
        with EdgeClient(run, timeout_s=5) as client:
            daemon = meet(client)
            assert check_ledger(config, {}, daemon).health is Health.OK
            kiosk.corrupt = True
            with pytest.raises(LedgerCorrupt, match="event 7"):
                check_ledger(config, {}, daemon)
            silent = Daemon(client, None, NotPermitted("not for this account"))
            assert check_ledger(config, {}, silent).health is Health.NOT_AVAILABLE
    finally:
        server.close()
