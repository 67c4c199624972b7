"""The deployment checklist: each item passes on a kiosk as it should be, and fails for its own reason alone."""

import grp
import os
import pwd
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from edge.config.device import ApiConfig, KeysConfig, PathsConfig, StaffConfig, UpdateConfig
from edge.config.tree import Config
from edge.doctor.courier import courier_file, tls_folder
from edge.doctor.deploy import HARDENING, MORE, MUST, UNITS, Machine, as_deployed, deploy_checks
from edge.doctor.findings import Answer, Finding, Health, fail, not_available, ok, run_checks, warn
from tests.systemd.units import FOLDER

PID = 4242
OWN_GROUP = grp.getgrgid(os.getegid()).gr_name
LIMITS = "Limit                Soft Limit  Hard Limit\nMax core file size   0           0          bytes\n"
LISTENING = "  sl  local_address rem_address   st\n   0: {} 00000000:0000 0A\n"
HARD = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "UnitFileState": "enabled",
    "NoNewPrivileges": "yes",
    "MemoryDenyWriteExecute": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "LimitCORE": "0",
    "MemorySwapMax": "0",
    "PrivateNetwork": "yes",
}


class Systemd:
    """systemctl and systemd-analyze, as a well-kept machine answers."""

    def __init__(self, exposure: float = 1.0, **changed: str) -> None:
        self.exposure, self.properties = exposure, HARD | changed

    def __call__(self, command: Sequence[str]) -> str | None:
        if command[0] == "systemd-analyze":
            return f"-> Overall exposure level for {command[-1]}: {self.exposure} OK"
        asked = next(part for part in command if part.startswith("--property=")).partition("=")[2].split(",")
        return "\n".join(f"{name}={self.properties[name]}" for name in asked)


def write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A kiosk as it should be."""
    root, account = tmp_path / "root", _account()
    write(root / f"proc/{PID}/status", "Name:\tclockface\nUid:\t990\t990\t990\t990\n")
    write(root / f"proc/{PID}/limits", LIMITS)
    write(root / "proc/net/tcp", LISTENING.format("0100007F:4E20"))
    write(root / "etc/ssh/sshd_config.d/10.conf", "PasswordAuthentication no\n")
    write(root / "etc/apt/apt.conf.d/20auto-upgrades", 'APT::Periodic::Unattended-Upgrade "1";\n')
    write(root / "etc/clockface/clockface.toml", "")
    write(root / "etc/clockface/sync.toml", "")
    write(root / "etc/clockface/release.pub", "")
    write(root / "tls/device.key", "", 0o400)
    write(root / "tls/device.crt", "", 0o444)
    write(root / "tls/ca.crt", "", 0o444)
    state = tmp_path / "state"
    (state / "keys").mkdir(parents=True, mode=0o700)
    state.chmod(0o700)
    return Machine(
        config=Config(
            paths=PathsConfig(state=state),
            api=ApiConfig(staff_group=OWN_GROUP),
            staff=StaffConfig(administrators=(account,)),
            update=UpdateConfig(release_key=root / "etc/clockface/release.pub"),
        ),
        config_path=root / "etc/clockface/clockface.toml",
        sync_file=root / "etc/clockface/sync.toml",
        tls=root / "tls",
        daemon_pid=PID,
        run=Systemd(),
        root=root,
    )


def _account() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def findings(machine: Machine) -> dict[str, Finding]:
    return {answer.name: answer.finding for answer in run_checks(deploy_checks(machine))}


def test_a_kiosk_as_it_should_be_passes_every_item(machine: Machine) -> None:
    found = findings(machine)
    assert {name: each.found for name, each in found.items() if each.health is not Health.OK} == {}
    assert len(found) == 15


def _without_group(machine: Machine) -> Machine:
    return replace(machine, config=machine.config.model_copy(update={"api": ApiConfig()}))


def _without_administrator(machine: Machine) -> Machine:
    return replace(machine, config=machine.config.model_copy(update={"staff": StaffConfig()}))


def _with_stranger(machine: Machine) -> Machine:
    staff = StaffConfig(administrators=("nosuchaccount",))
    return replace(machine, config=machine.config.model_copy(update={"staff": staff}))


def _with_environment(machine: Machine) -> Machine:
    keys = KeysConfig(allow_environment=True)
    return replace(machine, config=machine.config.model_copy(update={"keys": keys}))


def _wrote(name: str, text: str, mode: int = 0o644) -> Callable[[Machine], Machine]:
    def change(machine: Machine) -> Machine:
        write(machine.root / name, text, mode)
        return machine

    return change


def _open_state(machine: Machine) -> Machine:
    machine.config.paths.state.chmod(0o755)
    return machine


def _no_release_key(machine: Machine) -> Machine:
    machine.config.update.release_key.unlink()
    return machine


def _no_key(machine: Machine) -> Machine:
    (machine.tls / "device.key").unlink()
    return machine


@pytest.mark.parametrize(
    ("item", "change"),
    [
        ("roles", _without_group),
        ("roles", _without_administrator),
        ("roles", _with_stranger),
        ("environment", _with_environment),
        ("files", _open_state),
        ("files", _wrote("etc/clockface/sync.toml", "", 0o666)),
        ("tls", _no_key),
        ("tls", _wrote("tls/ca.crt", "", 0o666)),
        ("account", _wrote(f"proc/{PID}/status", "Uid:\t0\t0\t0\t0\n")),
        ("account", _wrote(f"proc/{PID}/status", "")),
        ("core_dumps", _wrote(f"proc/{PID}/limits", LIMITS.replace("  0 ", "  unlimited ", 1))),
        ("ports", _wrote("proc/net/tcp", LISTENING.format("00000000:075B"))),
        ("ports", _wrote("proc/net/tcp6", LISTENING.format("0" * 32 + ":075B"))),
        ("ssh", _wrote("etc/ssh/sshd_config.d/10.conf", "#PasswordAuthentication no\n")),
        ("releases", _wrote("etc/clockface/release.pub", "", 0o666)),
        ("releases", _no_release_key),
        ("updates", _wrote("etc/apt/apt.conf.d/20auto-upgrades", 'APT::Periodic::Unattended-Upgrade "0";\n')),
    ],
)
def test_each_item_fails_for_its_own_reason_with_what_mends_it(
    machine: Machine, item: str, change: Callable[[Machine], Machine]
) -> None:
    failed = {name: each for name, each in findings(change(machine)).items() if each.health is Health.FAIL}
    assert list(failed) == [f"deploy.{item}"]
    assert failed[f"deploy.{item}"].advice


@pytest.mark.parametrize("name", sorted(set(HARD) - {"PrivateNetwork", "LoadState"}))
def test_a_unit_without_one_of_its_protections_fails(machine: Machine, name: str) -> None:
    found = findings(replace(machine, run=Systemd(**{name: "unset"})))
    for unit in ("edge", "sync", "screen"):
        assert found[f"deploy.{unit}_unit"].health is Health.FAIL
    browser = Health.OK if name == "MemoryDenyWriteExecute" else Health.FAIL
    assert found["deploy.kiosk_unit"].health is browser


def test_edge_with_a_network_fails_and_the_courier_does_not(machine: Machine) -> None:
    found = findings(replace(machine, run=Systemd(PrivateNetwork="no")))
    assert found["deploy.edge_unit"].health is Health.FAIL
    assert found["deploy.sync_unit"].health is Health.OK


def test_an_exposed_unit_fails(machine: Machine) -> None:
    found = findings(replace(machine, run=Systemd(exposure=4.2)))
    assert {found[f"deploy.{unit}_unit"].health for unit in ("edge", "sync", "screen")} == {Health.FAIL}


def test_without_systemd_nothing_is_shown_and_that_fails(machine: Machine) -> None:
    found = findings(replace(machine, run=lambda _: None))
    assert found["deploy.edge_unit"].health is Health.FAIL
    assert "enable --now" in found["deploy.edge_unit"].advice


def test_what_is_demanded_of_a_unit_stands_in_the_units_that_we_ship() -> None:
    for unit in UNITS:
        text = (FOLDER / unit).read_text()
        for name, value in {**HARDENING, **MORE.get(unit, {})}.items():
            assert f"\n{name}={value}\n" in text, (unit, name)


def test_on_a_wall_a_warning_of_what_must_be_is_a_failure() -> None:
    assert as_deployed(Answer("keys", warn("in plain files", "seal them"))).finding == fail(
        "in plain files", "seal them"
    )
    assert (
        as_deployed(Answer("certificate", not_available("not there"))).finding.advice == "clockface provision"
    )
    assert as_deployed(Answer("keys", ok("sealed"))).finding.health is Health.OK
    assert as_deployed(Answer("disk.wear", warn("80 %", "buy one"))).finding.health is Health.WARN
    assert {"keys", "liveness", "certificate", "clock.trust", "backup"} <= MUST


def test_the_couriers_certificate_is_looked_for_where_its_configuration_says(tmp_path: Path) -> None:
    root = tmp_path / "root"
    ours = tmp_path / "kiosk" / "clockface.toml"
    assert tls_folder(None, {}, root=root) == root / "etc/clockface/tls"
    write(root / "etc/clockface/sync.toml", '[paths]\ntls = "/srv/a"\n')
    assert tls_folder(ours, {}, root=root) == Path("/srv/a")
    write(ours.with_name("sync.toml"), '[paths]\ntls = "/srv/b"\n')
    assert tls_folder(ours, {}, root=root) == Path("/srv/b")
    assert courier_file(ours, {}, root=root) == ours.with_name("sync.toml")
    assert tls_folder(ours, {"CLOCKFACE_SYNC_PATHS__TLS": "/srv/c"}, root=root) == Path("/srv/c")
    write(tmp_path / "other.toml", "[paths\n")
    assert tls_folder(ours, {"CLOCKFACE_SYNC_CONFIG": str(tmp_path / "other.toml")}, root=root) == (
        root / "etc/clockface/tls"
    )
