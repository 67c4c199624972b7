"""`clockface-office` says what it is and how it is configured, shows no password, and loads what is asked."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sync.office.cli.main import PROGRAM
from sync.office.config.tree import READER
from tests.sync.office.test_config import LEAST, PASSWORD, POSTGRESQL

ROOT = Path(__file__).parents[4]


def ran(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sync.office", *arguments],
        cwd=ROOT,
        env={"NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_version_is_printed_whatever_the_configuration() -> None:
    done = ran("version", CLOCKFACE_OFFICE_CONFIG="/nowhere")
    assert (done.returncode, done.stdout.split()[0]) == (0, "clockface-office")


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_show_prints_every_setting_and_no_password(form: list[str]) -> None:
    done = ran("config", "show", *form, **POSTGRESQL)
    assert done.returncode == 0
    assert PASSWORD not in done.stdout + done.stderr
    if form:
        printed = json.loads(done.stdout)
        assert set(printed) == {key for key in READER.settings if "[]" not in key}
        assert printed["database.host"] == {"value": "db.example.com", "origin": "OFFICE_DB_HOST"}


def test_check_exits_with_10_and_repeats_no_password() -> None:
    done = ran("config", "check", **LEAST, OFFICE_DB_PASSWORD=PASSWORD)
    assert done.returncode == 10
    assert "OFFICE_DB_PASSWORD" in done.stdout
    assert PASSWORD not in done.stdout + done.stderr


def test_asking_loads_no_mqtt_and_no_database() -> None:
    heavy = ("paho", "sqlalchemy", "psycopg", "alembic", "prometheus_client", "numpy", "cv2", "edge")
    program = f"import sys, sync.office.cli.main; print(*(n for n in {heavy} if n in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", PROGRAM.groups)
def test_every_group_is_found_under_its_name_and_has_a_help(name: str) -> None:
    command = PROGRAM.load_group(name)
    assert command.name == name
    assert command.help
