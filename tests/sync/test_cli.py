"""`clockface-sync` says what it is and how it is configured, and starts without what only the courier needs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sync.cli import PROGRAM
from sync.config import READER
from tests.sync.test_config import LEAST

ROOT = Path(__file__).parents[2]


def ran(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sync", *arguments],
        cwd=ROOT,
        env={"NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_version_is_printed_whatever_the_configuration() -> None:
    done = ran("version", CLOCKFACE_SYNC_CONFIG="/nowhere")
    assert (done.returncode, done.stdout.split()[0]) == (0, "clockface-sync")


def test_check_lists_what_is_missing_and_exits_with_10(tmp_path: Path) -> None:
    path = tmp_path / "sync.toml"
    path.write_text('[device]\nsite = "Madrid 1"\n')
    done = ran("--config", str(path), "config", "check")
    assert done.returncode == 10
    assert f"{path}:2: device.site" in done.stdout
    assert "broker.addresses: must be given" in done.stdout


def test_show_prints_every_setting_with_its_origin() -> None:
    done = ran("config", "show", "--json", **LEAST)
    printed = json.loads(done.stdout)
    assert set(printed) == set(READER.settings)
    assert printed["device.site"] == {"value": "madrid-1", "origin": "CLOCKFACE_SYNC_DEVICE__SITE"}


def test_asking_loads_no_mqtt_and_nothing_of_office_or_images() -> None:
    heavy = ("paho", "sqlalchemy", "numpy", "cv2", "cryptography", "sync.office")
    program = f"import sys, sync.cli; print(*(name for name in {heavy} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", PROGRAM.groups)
def test_every_group_is_found_under_its_name_and_has_a_help(name: str) -> None:
    command = PROGRAM.load_group(name)
    assert command.name == name
    assert command.help
