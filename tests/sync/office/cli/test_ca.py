"""`clockface-office ca` and `broker config` by hand, with a real Mosquitto and a device at the end."""

import getpass
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from clockface.errors import SecretInvalid
from sync.office.authority.authority import Authority
from sync.office.authority.certificates import new_key, new_request
from sync.office.authority.errors import AuthorityUnavailable, IdentityRefused, RegisterConflict, RequestRefused
from sync.office.authority.identity import DeviceIdentity
from sync.office.authority.passphrase import find_passphrase
from sync.office.broker.errors import BrokerSettingRefused
from sync.office.cli.main import PROGRAM
from tests.sync.mosquitto import HOST, Credentials, free_port, run_configuration
from tests.sync.mqtt import Client

PHRASE = "correct horse battery staple"
Run = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "phrase").write_text(PHRASE)
    (tmp_path / "phrase").chmod(0o400)
    Authority.create(
        tmp_path / "ca",
        name="Test",
        passphrase=PHRASE,
        now=datetime.now(UTC),
        valid_for=timedelta(days=3650),
        scrypt_n=2,
    ).close()
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Run:
    def ran(*arguments: str) -> Result:
        with_folder = () if arguments[0] == "broker" else ("--folder", str(folder / "ca"))
        asks = arguments[0] == "ca" and arguments[1] != "list"
        with_phrase = ("--passphrase-file", str(folder / "phrase")) if asks else ()
        return CliRunner().invoke(
            PROGRAM.app(), [*arguments, *with_folder, *with_phrase], catch_exceptions=True, env={}
        )

    return ran


def listed(run: Run) -> list[dict[str, object]]:
    return [json.loads(line) for line in run("ca", "list", "--json").stdout.splitlines()]


def test_from_nothing_to_a_device_that_publishes(tmp_path: Path) -> None:
    (tmp_path / "phrase").write_text(PHRASE)
    (tmp_path / "phrase").chmod(0o400)
    (tmp_path / "state").mkdir()
    port = free_port()
    common = ("--folder", str(tmp_path / "ca"), "--passphrase-file", str(tmp_path / "phrase"))
    for arguments in (
        ("ca", "init", *common),
        ("ca", "issue", "localhost", HOST, "--out", str(tmp_path / "broker"), *common),
        ("ca", "issue", "plant-1/door-1", "--out", str(tmp_path / "device"), *common),
    ):
        done = CliRunner().invoke(PROGRAM.app(), arguments)
        assert done.exit_code == 0, done.output
    done = CliRunner().invoke(
        PROGRAM.app(),
        ["broker", "config", "--certificates", str(tmp_path / "broker"), "--out", str(tmp_path / "etc"),
         "--persistence", str(tmp_path / "state"), "--user", getpass.getuser(), "--port", str(port),
         "--bind", HOST],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    with (
        run_configuration(
            tmp_path / "etc" / "mosquitto.conf", port, authority=tmp_path / "ca/ca.crt", log=tmp_path / "log"
        ),
        Client(port, Credentials(tmp_path / "device", "device")) as device,
    ):
        assert device.publish("clockface/v1/plant-1/door-1/events", b"x") == "No matching subscribers"
        assert device.publish("clockface/v1/plant-1/door-2/events", b"x") == "Not authorized"


def test_a_request_is_signed_for_whom_the_administrator_says(run: Run, folder: Path) -> None:
    request = folder / "door.csr"
    request.write_bytes(new_request(new_key(), DeviceIdentity("elsewhere", "door")))
    done = run("ca", "issue", "plant-1/door-1", "--request", str(request), "--out", str(folder / "out"))
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["ca.crt", "device.crt"]
    [entry] = listed(run)
    assert (entry["identity"], entry["state"]) == ("plant-1/door-1", "valid")
    assert entry["days_left"] in {396, 397}
    again = run("ca", "issue", "plant-1/door-1", "--request", str(request), "--out", str(folder / "out-2"))
    assert isinstance(again.exception, RegisterConflict)
    request.write_bytes(b"rubbish")
    done = run("ca", "renew", "plant-1/door-1", "--request", str(request), "--out", str(folder / "out-3"))
    assert isinstance(done.exception, RequestRefused)


def test_nothing_is_signed_when_its_file_would_overwrite_another(run: Run, folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "device.crt").write_text("precious")
    done = run("ca", "issue", "plant-1/door-1", "--out", str(folder / "out"))
    assert isinstance(done.exception, AuthorityUnavailable)
    assert (folder / "out" / "device.crt").read_text() == "precious"
    assert listed(run) == []


def test_revoking_a_device_takes_all_its_certificates_and_says_what_to_type_at_the_office(
    run: Run, folder: Path
) -> None:
    run("ca", "issue", "plant-1/door-1", "--out", str(folder / "one"))
    run("ca", "renew", "plant-1/door-1", "--out", str(folder / "two"))
    last = "000003-00112233445566aa/41"
    done = run("ca", "revoke", "plant-1/door-1", "--reason", "stolen", "--last-trusted", last)
    assert done.exit_code == 0, done.output
    assert [entry["state"] for entry in listed(run)] == ["revoked", "revoked"]
    told = json.loads((folder / "ca" / "revoked.json").read_text())
    assert [each["last_trusted"] for each in told["revoked"]] == [
        {"epoch": "000003-00112233445566aa", "seq": 41}
    ] * 2
    assert f"device revoke plant-1/door-1 --reason stolen --last-trusted {last}" in done.output
    assert "revoked (stolen)" in run("ca", "list").stdout


def test_one_certificate_is_revoked_by_its_serial_number(run: Run, folder: Path) -> None:
    run("ca", "issue", "plant-1/door-1", "--out", str(folder / "one"))
    run("ca", "renew", "plant-1/door-1", "--out", str(folder / "two"))
    serial = str(listed(run)[0]["serial"])
    assert run("ca", "revoke", serial.upper(), "--reason", "replaced").exit_code == 0
    assert [entry["state"] for entry in listed(run)] == ["revoked", "valid"]


def test_what_was_never_issued_is_not_revoked(run: Run, folder: Path) -> None:
    assert isinstance(run("ca", "revoke", "plant-1/door-9", "--reason", "lost").exception, RegisterConflict)
    run("ca", "issue", "@office/receiver", "--out", str(folder / "office"))
    done = run(
        "ca", "revoke", "@office/receiver", "--reason", "lost", "--last-trusted", "000003-00112233445566aa/41"
    )
    assert isinstance(done.exception, RegisterConflict)
    assert run("ca", "revoke", "@office/receiver", "--reason", "whim").exit_code == 2


def test_the_list_is_written_anew(run: Run, folder: Path) -> None:
    before = (folder / "ca" / "ca.crl").read_bytes()
    done = run("ca", "crl", "--days", "7")
    assert done.exit_code == 0
    assert f"{datetime.now(UTC) + timedelta(days=7):%Y-%m-%d}" in done.stdout
    assert (folder / "ca" / "ca.crl").read_bytes() != before


def test_a_name_that_no_certificate_may_carry_is_refused(run: Run) -> None:
    for name in ("plant-1/+", "@office/a/b", "-broker"):
        assert isinstance(run("ca", "issue", "--", name).exception, IdentityRefused | SystemExit)
    assert listed(run) == []


def test_the_pass_phrase_must_be_nobody_elses_to_read(run: Run, folder: Path) -> None:
    (folder / "phrase").chmod(0o444)
    assert isinstance(run("ca", "crl").exception, SecretInvalid)


def test_the_pass_phrase_comes_from_systemd_or_is_asked(tmp_path: Path) -> None:
    (tmp_path / "ca_passphrase").write_text(PHRASE)
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert find_passphrase(None, environment=environment, new=False, interactive=False) == PHRASE
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return PHRASE if len(asked) == 1 else "something else"

    assert find_passphrase(None, environment={}, new=False, interactive=True, ask=ask) == PHRASE
    asked.clear()
    with pytest.raises(AuthorityUnavailable, match="differ"):
        find_passphrase(None, environment={}, new=True, interactive=True, ask=ask)
    with pytest.raises(AuthorityUnavailable, match="no terminal"):
        find_passphrase(None, environment={}, new=False, interactive=False)


def test_a_broker_without_its_files_is_not_configured(run: Run, folder: Path) -> None:
    done = run("broker", "config", "--certificates", str(folder), "--out", str(folder / "etc"))
    assert isinstance(done.exception, BrokerSettingRefused)
    assert not (folder / "etc").exists()
