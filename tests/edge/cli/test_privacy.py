"""`clockface privacy` through the real command, client, server, models and ledger."""

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.edge.cli.served import Clockface, served
from tests.edge.daemon.conftest import kiosk, models  # noqa: F401 - fixtures
from tests.edge.daemon.kiosk import ASTRONAUT, TestKiosk
from tests.edge.daemon.test_retention import MONTH_S, desk_of

CONSENT = ("--consent-how", "paper", "--consent-text-version", "1", "--consent-language", "en")
ADA = ("--name", "Ada Lovelace", "--number", "1815", "--greeting", "Ada", *CONSENT)


@pytest.fixture
def clockface(
    kiosk: TestKiosk,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Clockface]:
    desk = desk_of(kiosk)
    with tempfile.TemporaryDirectory(prefix="cf-") as run, served(kiosk.service, Path(run), desk) as stage:
        (tmp_path / "backups").mkdir()
        config = tmp_path / "clockface.toml"
        config.write_text(
            f'[paths]\nrun = "{run}"\nstate = "{tmp_path}"\n[backup]\nfolder = "{tmp_path / "backups"}"\n'
        )
        yield Clockface(config, monkeypatch, capsys, stage)
    desk.close()


def backup(folder: Path, *, days_old: int) -> Path:
    made = datetime.now(UTC) - timedelta(days=days_old)
    path = folder / "backups" / f"clockface-site-kiosk-{made:%Y%m%dT%H%M%SZ}.age"
    path.write_bytes(b"sealed")
    return path


def test_retention_counts_first_and_then_removes(
    clockface: Clockface,
    kiosk: TestKiosk,  # noqa: F811
    tmp_path: Path,
) -> None:
    clockface("enroll", *ADA, "--photo", str(ASTRONAUT))
    old, new = backup(tmp_path, days_old=40), backup(tmp_path, days_old=35)
    kiosk.clock.advance(7 * MONTH_S)
    code, out, err = clockface("privacy", "retention", "--dry-run", "--json")
    assert (code, err) == (0, "")
    counted = json.loads(out)
    assert (counted["dry_run"], counted["templates"], counted["backups"]) == (True, 1, 1)
    assert (kiosk.gallery_people, old.exists()) == (1, True)
    code, out, err = clockface("privacy", "retention")
    assert (code, err) == (0, "")
    assert "1, leaving 1 people with badge or PIN" in out
    assert (kiosk.gallery_people, old.exists(), new.exists()) == (0, False, True)
    assert "backups=1" in list(kiosk.store.audit.list())[-1].detail


def test_without_the_daemon_no_backup_goes_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "backups").mkdir()
    old, _ = backup(tmp_path, days_old=90), backup(tmp_path, days_old=1)
    config = tmp_path / "clockface.toml"
    config.write_text(f'[paths]\nrun = "{tmp_path}"\n[backup]\nfolder = "{tmp_path / "backups"}"\n')
    code, _, err = Clockface(config, monkeypatch, capsys, None)("privacy", "retention")  # type: ignore[arg-type]
    assert code == 61, err
    assert old.exists()
