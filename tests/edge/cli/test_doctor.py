"""`clockface doctor` as a shell starts it, on a real state folder and the shipped models."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.cli.doctor import EXIT_FAILED
from edge.cli.main import main
from edge.doctor import examination
from edge.doctor.findings import Health

NAMES = {
    "config",
    "daemon",
    "recognition",
    "alarms",
    "backup",
    "sockets",
    "camera",
    "signals",
    "runtime",
    "models",
    "operating_point",
    "liveness",
    "keys",
    "ledger",
    "delivery",
    "certificate",
    "site_key",
    "disk.space",
    "disk.mount",
    "disk.wear",
    "clock.trust",
    "clock.zone",
    "clock.jumps",
    "temperature",
    "throttling",
    "memory",
    "swap",
}
MACHINE = {"config", "temperature", "throttling", "memory", "swap"}


def clockface(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.argv", ["clockface", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for number in range(6):
        cv2.imwrite(str(pictures / f"{number}.png"), np.full((480, 640, 3), 40 * number, np.uint8))
    with tempfile.TemporaryDirectory(prefix="cf-") as run:
        path = tmp_path / "clockface.toml"
        path.write_text(
            f'[paths]\nstate = "{tmp_path / "state"}"\nrun = "{run}"\n'
            f'[camera]\nsource = "replay"\nreplay_path = "{pictures}"\nreplay_pace = "fast"\n'
            '[liveness]\npolicy = "off"\n'
        )
        yield path


def examined(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file: Path, *options: str
) -> tuple[int, dict[str, dict[str, str]], str]:
    code = clockface(monkeypatch, "--config", str(file), "doctor", "--json", *options)
    printed = json.loads(capsys.readouterr().out)
    return code, {check["name"]: check for check in printed["checks"]}, printed["health"]


def test_a_fresh_device_is_told_what_to_do_first_and_then_it_is_better(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    code, checks, health = examined(monkeypatch, capsys, file)
    assert (code, health) == (EXIT_FAILED, "fail")
    assert set(checks) == NAMES
    assert checks["keys"] == {
        "name": "keys",
        "status": "fail",
        "found": checks["keys"]["found"],
        "advice": "clockface init",
    }
    assert clockface(monkeypatch, "--config", str(file), "init") == 0
    capsys.readouterr()
    _, checks, _ = examined(monkeypatch, capsys, file)
    assert checks["keys"]["status"] == "warn"
    assert checks["ledger"]["status"] == "ok"
    assert checks["camera"]["status"] == "ok"
    assert "640x480" in checks["camera"]["found"]
    assert checks["models"]["status"] == "ok"


def test_every_warning_and_failure_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    _, checks, _ = examined(monkeypatch, capsys, file)
    for check in checks.values():
        assert check["found"]
        assert bool(check["advice"]) == (check["status"] in ("warn", "fail"))


def test_a_broken_configuration_is_a_finding_and_the_machine_is_still_looked_at(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    file.write_text("[camera]\nfpss = 3\n")
    code, checks, _ = examined(monkeypatch, capsys, file)
    assert code == EXIT_FAILED
    assert set(checks) == MACHINE
    assert checks["config"]["status"] == "fail"
    assert "fpss" in checks["config"]["found"]


def test_a_check_that_crashes_is_a_failure_and_not_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    def crash(_config: object) -> None:
        raise MemoryError

    monkeypatch.setattr(examination, "check_models", crash)
    _, checks, _ = examined(monkeypatch, capsys, file)
    assert set(checks) == NAMES
    assert checks["models"]["status"] == "fail"
    assert "MemoryError" in checks["models"]["found"]


@pytest.mark.parametrize(("options", "expected"), [([], 0), (["--strict"], EXIT_FAILED)])
def test_warnings_count_only_when_asked(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    file: Path,
    options: list[str],
    expected: int,
) -> None:
    real = examination.all_checks
    monkeypatch.setattr(
        examination, "all_checks", lambda site: [check for check in real(site) if check.name == "liveness"]
    )
    code, checks, health = examined(monkeypatch, capsys, file, *options)
    assert (code, set(checks), health) == (expected, {"liveness"}, "warn")


def test_on_a_terminal_each_check_is_a_line_with_its_advice_below(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file: Path
) -> None:
    assert clockface(monkeypatch, "--config", str(file), "doctor") == EXIT_FAILED
    printed = capsys.readouterr().out
    assert "fail keys " in printed
    assert "-> clockface init" in printed
    assert printed.splitlines()[-1].endswith(f" {Health.NOT_AVAILABLE.value}")


def test_the_page_names_every_check() -> None:
    page = (Path(__file__).parents[3] / "docs" / "doctor.md").read_text()
    for name in NAMES:
        assert f"`{name}`" in page
